// @ts-check
/** Puts the page together: what the person does goes to the stream client, what the server says to the transcript. */
import "branch_picker";
import "feedback_buttons";
import { api } from "api";
import { ChatComposer } from "chat_composer";
import { ChatTranscript } from "chat_transcript";
import { ScrollManager } from "scroll_manager";
import { Sidebar } from "sidebar";
import { StreamClient } from "stream_client";
import { newId, pageState, texts } from "texts";
/** @typedef {import("chat_message").ChatMessage} ChatMessage */

/** @param {string} selector */
const find = (selector) => /** @type {HTMLElement} */ (document.querySelector(selector));

const transcript = /** @type {ChatTranscript} */ (find("chat-transcript"));
const composer = new ChatComposer(/** @type {HTMLFormElement} */ (find("#composer")));
const sidebar = new Sidebar(find("#sidebar"));
const scroll = new ScrollManager(find("#scroll"), find("#jump"), () => loadOlder());
const client = new StreamClient();

let conversationId = pageState.conversation_id;
let olderLeafId = pageState.next_leaf_id;
let isLoadingOlder = false;

// Messages that the server has not accepted outlive the page: they are sent again, under the same id, by the next.
const PENDING_KEY = `parley.pending.${find("#app").dataset.personId}`;
/** @type {Record<string, {client_message_id: string, conversation_id: string | null, parent_id: string | null, text: string,
 *   isRefused?: boolean}>} */
const pending = JSON.parse(localStorage.getItem(PENDING_KEY) ?? "{}");
const keepPending = () => localStorage.setItem(PENDING_KEY, JSON.stringify(pending));

/** @param {string} text @param {string | null} parentId */
function send(text, parentId) {
  const fields = { client_message_id: newId(), conversation_id: conversationId, parent_id: parentId, text };
  transcript.addPending(fields.client_message_id, text);
  hand(fields);
}

/** @param {typeof pending[string]} fields */
function hand(fields) {
  pending[fields.client_message_id] = fields;
  keepPending();
  client.sendMessage(fields);
  update();
  scroll.toEnd();
}

/** @param {ChatMessage} element @param {string} generationId @param {boolean} [isKnownToServer] */
function follow(element, generationId, isKnownToServer = false) {
  element.dataset.generationId = generationId;
  const reader = {
    show: (/** @type {string} */ text) => element.show(text),
    note: (/** @type {any} */ event) => element.note(event),
  };
  client.follow(generationId, reader, isKnownToServer);
}

/** Take the path from the server; what is being streamed goes on undisturbed. */
async function refresh() {
  if (!conversationId) return;
  const asked = conversationId;
  const page = await api.messages(asked);
  if (asked !== conversationId) return;
  if (transcript.elements.length <= page.items.length) olderLeafId = page.next_leaf_id;
  transcript.set(page.items);
  setTitle(page.conversation.title);
  followUnfinished();
  update();
}

function followUnfinished() {
  for (const element of transcript.elements) {
    const generation = element.message?.generation;
    if (generation && element.isAnswering) follow(element, generation.id);
  }
}

async function loadOlder() {
  if (!conversationId || !olderLeafId || isLoadingOlder) return;
  isLoadingOlder = true;
  try {
    const page = await api.messages(conversationId, olderLeafId);
    olderLeafId = page.next_leaf_id;
    scroll.keepPlace(() => transcript.addOlder(page.items));
  } finally {
    isLoadingOlder = false;
  }
}

/** @param {string} title */
function setTitle(title) {
  find(".chat__title").textContent = title || texts.new_chat;
  document.title = title ? `${title} – Parley` : "Parley";
}

function update() {
  const isAnswering = transcript.answering !== null;
  composer.setAnswering(isAnswering);
  find(".welcome").hidden = transcript.elements.length > 0;
  const status = find(".answer-status");
  const said = isAnswering ? texts.answering : status.textContent ? texts.answer_ready : "";
  if (status.textContent !== said) status.textContent = said;
  scroll.follow();
}

/** @param {Promise<unknown>} work */
const tried = (work) => work.catch((error) => composer.warn(error.message));

composer.addEventListener("send", (event) => {
  const last = transcript.last;
  const parentId = last?.dataset.role === "assistant" ? (last.dataset.messageId ?? null) : null;
  send(/** @type {CustomEvent} */ (event).detail, parentId);
});
composer.addEventListener("stop", () => {
  const id = transcript.answering?.dataset.generationId;
  if (id) client.stop(id);
});

client.addEventListener("state", (event) => {
  const { isOpen, reason } = /** @type {CustomEvent} */ (event).detail;
  composer.setConnected(isOpen);
  const banner = find("#banner");
  banner.hidden = isOpen;
  banner.textContent = isOpen ? "" : reason;
});
client.addEventListener("accepted", (event) => {
  const accepted = /** @type {CustomEvent} */ (event).detail;
  delete pending[accepted.client_message_id];
  keepPending();
  const question = transcript.elements.find((e) => e.dataset.clientMessageId === accepted.client_message_id);
  if (question && !question.dataset.messageId) {
    question.dataset.messageId = accepted.message_id;
    question.dataset.state = "sent";
    question.fail("");
  }
  if (!conversationId && question) {
    conversationId = accepted.conversation_id;
    history.replaceState(null, "", `/c/${conversationId}/`);
    composer.open(conversationId);
  }
  if (accepted.conversation_id !== conversationId) return;
  follow(transcript.addReply(accepted.reply_id), accepted.generation_id, true);
  update();
  scroll.toEnd();
});
client.addEventListener("refused", (event) => {
  const { ref, message, retryable } = /** @type {CustomEvent} */ (event).detail;
  const element = transcript.elements.find((e) => e.dataset.clientMessageId === ref && !e.dataset.messageId);
  if (pending[ref] && !retryable) {
    pending[ref].isRefused = true; // stays on this page with its text; the next page does not send it again
    keepPending();
  }
  if (!element) {
    composer.warn(message);
    return tried(refresh());
  }
  element.dataset.state = "refused";
  element.fail(message);
  update();
});
client.addEventListener("hint", (event) => {
  const changed = /** @type {CustomEvent} */ (event).detail.conversation_id;
  tried(sidebar.refresh(conversationId));
  if (changed === null || changed === conversationId) tried(refresh());
});
client.addEventListener("differs", () => tried(refresh()));

transcript.addEventListener("grown", () => scroll.follow());
transcript.addEventListener("changed", () => update());
sidebar.addEventListener("leaving", () => (conversationId = null));
sidebar.addEventListener("problem", (event) => composer.warn(/** @type {CustomEvent} */ (event).detail));
transcript.addEventListener("problem", (event) => composer.warn(/** @type {CustomEvent} */ (event).detail));
transcript.addEventListener("rerun", (event) => {
  const element = /** @type {ChatMessage} */ (event.target);
  const parentId = element.message?.parent_id ?? null;
  transcript.cutFrom(element);
  send(/** @type {CustomEvent} */ (event).detail, parentId);
});
transcript.addEventListener("regenerate", (event) => regenerate(/** @type {ChatMessage} */ (event.target)));
transcript.addEventListener("retry", (event) => {
  const element = /** @type {ChatMessage} */ (event.target);
  if (element.dataset.role === "assistant") return regenerate(element);
  const fields = pending[element.dataset.clientMessageId ?? ""];
  if (!fields) return;
  element.dataset.state = "pending";
  element.fail("");
  hand(fields);
});
transcript.addEventListener("look-at", (event) => {
  const messageId = /** @type {CustomEvent} */ (event).detail;
  if (conversationId) tried(api.lookAt(conversationId, messageId).then(refresh));
});

/** @param {ChatMessage} element */
function regenerate(element) {
  if (transcript.answering || !element.dataset.messageId) return;
  client.regenerate(element.dataset.messageId);
  transcript.cutFrom(element);
}

transcript.set(pageState.messages);
followUnfinished();
for (const fields of Object.values(pending)) {
  if (fields.isRefused) {
    delete pending[fields.client_message_id];
    continue;
  }
  if (fields.conversation_id === conversationId) transcript.addPending(fields.client_message_id, fields.text);
  client.sendMessage(fields);
}
keepPending();
composer.open(conversationId);
update();
scroll.toEnd();
client.connect();
