// @ts-check
/** Puts the page together: each part knows its own business and tells by events; here they hear of one another. */
import "account_menu";
import "branch_picker";
import "feedback_buttons";
import { ChatHead } from "chat_head";
import { ChatComposer } from "chat_composer";
import { loadMarkdown } from "chat_message";
import { ChatTranscript } from "chat_transcript";
import { ConversationView } from "conversation_view";
import { bringAlong, forgetOld } from "kept";
import { MessageQueue } from "message_queue";
import { News } from "news";
import { Outbox } from "outbox";
import { Reading } from "reading";
import { ScrollManager } from "scroll_manager";
import { Shortcuts } from "shortcuts";
import { Sidebar } from "sidebar";
import { StreamClient } from "stream_client";
import { Suggestions } from "suggestions";
import * as temporaryChat from "temporary_chat";
import { pageState, texts } from "texts";
import { WaitingList } from "waiting_list";

// A shorter outage is not worth a word.
const OUTAGE_MS = 500;

/** @param {string} selector */
const find = (selector) => /** @type {HTMLElement} */ (document.querySelector(selector));
/** @param {EventTarget} source @param {string} type @param {(detail: any) => void} then */
const on = (source, type, then) => source.addEventListener(type, (event) => then(/** @type {CustomEvent} */ (event).detail));

const { personId = "", guestId } = find("#app").dataset;
if (guestId) bringAlong(guestId, personId);
const transcript = /** @type {ChatTranscript} */ (find("chat-transcript"));
const composer = new ChatComposer(/** @type {HTMLFormElement} */ (find("#composer")), personId);
const head = new ChatHead(find(".chat__head"));
const scroll = new ScrollManager(find("#scroll"), find("#jump"));
const client = new StreamClient(personId);
const queue = new MessageQueue(personId);
const waiting = new WaitingList(find("#waiting"), queue);
const suggestions = new Suggestions(find("#suggestions"));
const conversation = new ConversationView(transcript, client, new Outbox(personId), queue, scroll);
const reading = new Reading(conversation);
const sidebar = new Sidebar(find("#sidebar"), (id) => reading.isSeen(id));
const shortcuts = new Shortcuts();
const news = new News(find("#news"));

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
on(waiting, "send-now", ({ client_message_id }) => conversation.sendNow(client_message_id));
on(waiting, "edit", ({ client_message_id, text }) => {
  composer.takeBack(text); // first there, then no longer here
  queue.remove(client_message_id);
});
on(waiting, "delete", ({ client_message_id }) => queue.remove(client_message_id));
on(suggestions, "ask", (text) => conversation.send(text));
for (const action of ["send-now", "delete"]) on(waiting, action, () => composer.refocus());
on(suggestions, "ask", () => composer.refocus());
on(conversation, "updated", () => update());
on(conversation, "begun", (id) => history.replaceState(null, "", `/c/${id}/`));
on(sidebar, "retitled", (title) => conversation.retitle(title));
on(sidebar, "leaving", () => conversation.leave());
on(sidebar, "unread", (count) => reading.count(count));
on(sidebar, "search", () => perform("search"));
on(shortcuts, "action", (name) => perform(name));
document.addEventListener("shortcuts", () => perform("show_shortcuts")); // from the account menu
const warn = (/** @type {Error} */ error) => composer.warn(error.message);
for (const part of [conversation, sidebar, transcript]) on(part, "problem", (message) => composer.warn(message));

// What is rarely asked for is loaded when it is.
/** @param {() => Promise<unknown>} work */
const attempt = (work) => work().catch((error) => composer.warn(error.message));
/** @param {{id: string} | null} of */
const share = (of) => of && attempt(async () => (await import("share_dialog")).openShareDialog(of));
on(sidebar.menu, "share", share);
on(sidebar.menu, "export", (of) => attempt(async () => (await import("export_dialog")).openExportDialog(of)));
transcript.addEventListener("fork", (event) =>
  attempt(async () => (await import("fork_menu")).openForkMenu(/** @type {any} */ (event.target))),
);

on(head, "share", () => share(conversation.about));
on(head, "options", (button) => conversation.about && sidebar.menu.open(conversation.about, button));
on(head, "temporary", () => conversation.setTemporary(!conversation.isTemporary));
on(head, "end", () => attempt(async () => {
  const id = conversation.id;
  conversation.leave();
  if (id) await temporaryChat.erase(id);
  location.assign("/");
}));

let outage = 0;
on(client, "state", ({ isOpen, reason }) => {
  const banner = find("#banner");
  composer.setConnected(isOpen);
  if (isOpen) {
    clearTimeout(outage);
    outage = 0;
    banner.hidden = true;
    return;
  }
  banner.textContent = reason;
  outage ||= setTimeout(() => (banner.hidden = false), OUTAGE_MS);
});
client.catchUp = () => Promise.all([conversation.refresh().catch(warn), sidebar.refresh(conversation.id).catch(warn)]);
on(client, "hint", () => sidebar.refresh(conversation.id).catch(warn));
on(client, "hint", () => news.look());

/** @param {import("shortcuts").Action} name */
async function perform(name) {
  try {
    const { pageActions } = await import("page_actions");
    await pageActions({ conversation, composer, transcript, sidebar })[name]();
  } catch {
    composer.warn(texts.request_failed); // what is loaded when first needed did not come
  }
}

function update() {
  composer.open(conversation.id);
  composer.setAnswering(conversation.isAnswering);
  const isBlank = transcript.elements.length === 0;
  head.show(conversation.about, conversation.isTemporary, isBlank && !conversation.id);
  find(".chat").toggleAttribute("data-temporary", conversation.isTemporary);
  if (conversation.id && conversation.isTemporary) temporaryChat.remember(conversation.id);
  find(".welcome").hidden = !isBlank;
  find(".welcome__temporary").hidden = !conversation.isTemporary;
  waiting.show(conversation.holdsBack);
  suggestions.show(transcript, conversation.isBusy);
  if (chooser) {
    chooser.value = conversation.modelChoice;
    if (chooser.selectedIndex < 0) chooser.value = ""; // the choice has gone: the server falls back, too
  }
  reading.look();
  const status = find(".answer-status");
  const answering = transcript.answering?.place || texts.answering;
  const said = conversation.isAnswering ? answering : status.textContent ? texts.answer_ready : "";
  if (status.textContent !== said) status.textContent = said;
}

find("#composer").addEventListener("input", () => loadMarkdown(), { once: true }); // there before the first reply is
if (pageState.messages.length) await loadMarkdown(); // their heights are known before anything is scrolled to
forgetOld();
temporaryChat.eraseWhatWasLeft(conversation.id);
conversation.open();
client.connect();
if (location.hash.startsWith("#compare=")) import("comparison").then(({ Comparison }) => Comparison.reopen(conversation, client));
if (matchMedia("(pointer: coarse)").matches) import("phone_keyboard").then(({ stayAboveKeyboard }) => stayAboveKeyboard());
