// @ts-check
/** Puts the page together: each part knows its own business and tells by events; here they hear of one another. */
import "account_menu";
import "branch_picker";
import "feedback_buttons";
import { ChatComposer } from "chat_composer";
import { ChatTranscript } from "chat_transcript";
import { ConversationView } from "conversation_view";
import { Outbox } from "outbox";
import { Reading } from "reading";
import { ScrollManager } from "scroll_manager";
import { Sidebar } from "sidebar";
import { StreamClient } from "stream_client";
import { texts } from "texts";

/** @param {string} selector */
const find = (selector) => /** @type {HTMLElement} */ (document.querySelector(selector));
/** @param {EventTarget} source @param {string} type @param {(detail: any) => void} then */
const on = (source, type, then) => source.addEventListener(type, (event) => then(/** @type {CustomEvent} */ (event).detail));

const transcript = /** @type {ChatTranscript} */ (find("chat-transcript"));
const composer = new ChatComposer(/** @type {HTMLFormElement} */ (find("#composer")));
const scroll = new ScrollManager(find("#scroll"), find("#jump"));
const personId = find("#app").dataset.personId ?? "";
const client = new StreamClient(personId);
const conversation = new ConversationView(transcript, client, new Outbox(personId), scroll);
const reading = new Reading(conversation);
const sidebar = new Sidebar(find("#sidebar"), (id) => reading.isSeen(id));

const chooser = /** @type {HTMLSelectElement | null} */ (document.getElementById("model-chooser"));
chooser?.addEventListener("change", () => conversation.chooseModel(chooser.value));
transcript.addEventListener("compare", async (event) => {
  const { Comparison } = await import("comparison");
  new Comparison(conversation, client).begin(/** @type {import("chat_message").ChatMessage} */ (event.target));
});
transcript.addEventListener("about", async (event) => {
  const { showAnswerDetails } = await import("answer_details");
  const id = /** @type {HTMLElement} */ (event.target).dataset.messageId ?? "";
  showAnswerDetails(id).catch((error) => composer.warn(error.message));
});

on(composer, "send", (text) => conversation.send(text));
on(composer, "stop", () => conversation.stop());
on(conversation, "updated", () => update());
on(sidebar, "leaving", () => conversation.leave());
on(sidebar, "unread", (count) => reading.count(count));
on(sidebar, "search", () => search());
for (const part of [conversation, sidebar, transcript]) on(part, "problem", (message) => composer.warn(message));

on(client, "state", ({ isOpen, reason }) => {
  composer.setConnected(isOpen);
  const banner = find("#banner");
  banner.hidden = isOpen;
  banner.textContent = isOpen ? "" : reason;
});
on(client, "hint", () => sidebar.refresh(conversation.id).catch((error) => composer.warn(error.message)));

/** The one place that opens the search; what a shortcut calls as well. */
function search() {
  import("search_dialog").then((dialog) => dialog.openSearch(), () => composer.warn(texts.request_failed));
}

addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
  event.preventDefault();
  search();
});

function update() {
  composer.open(conversation.id);
  composer.setAnswering(conversation.isAnswering);
  if (conversation.title) find(".chat__title").textContent = conversation.title;
  if (chooser) {
    chooser.value = conversation.modelChoice;
    if (chooser.selectedIndex < 0) chooser.value = ""; // the choice has gone: the server falls back, too
  }
  reading.look();
  find(".welcome").hidden = transcript.elements.length > 0;
  const status = find(".answer-status");
  const said = conversation.isAnswering ? texts.answering : status.textContent ? texts.answer_ready : "";
  if (status.textContent !== said) status.textContent = said;
  scroll.follow();
}

conversation.open();
client.connect();
if (location.hash.startsWith("#compare=")) import("comparison").then(({ Comparison }) => Comparison.reopen(conversation, client));
