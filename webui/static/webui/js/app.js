// @ts-check
/** Puts the page together: each part knows its own business and tells by events; here they hear of one another. */
import "branch_picker";
import "feedback_buttons";
import { ChatHead } from "chat_head";
import { ChatComposer } from "chat_composer";
import { ChatTranscript } from "chat_transcript";
import { ConversationView } from "conversation_view";
import { Outbox } from "outbox";
import { ScrollManager } from "scroll_manager";
import { Sidebar } from "sidebar";
import { StreamClient } from "stream_client";
import * as temporaryChat from "temporary_chat";
import { texts } from "texts";

/** @param {string} selector */
const find = (selector) => /** @type {HTMLElement} */ (document.querySelector(selector));
/** @param {EventTarget} source @param {string} type @param {(detail: any) => void} then */
const on = (source, type, then) => source.addEventListener(type, (event) => then(/** @type {CustomEvent} */ (event).detail));

const transcript = /** @type {ChatTranscript} */ (find("chat-transcript"));
const composer = new ChatComposer(/** @type {HTMLFormElement} */ (find("#composer")));
const sidebar = new Sidebar(find("#sidebar"));
const head = new ChatHead(find(".chat__head"));
const scroll = new ScrollManager(find("#scroll"), find("#jump"));
const client = new StreamClient();
const conversation = new ConversationView(transcript, client, new Outbox(find("#app").dataset.personId ?? ""), scroll);

on(composer, "send", (text) => conversation.send(text));
on(composer, "stop", () => conversation.stop());
on(conversation, "updated", () => update());
on(sidebar, "retitled", (title) => conversation.retitle(title));
on(sidebar, "leaving", () => conversation.leave());
on(transcript, "grown", () => scroll.follow());
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

on(client, "state", ({ isOpen, reason }) => {
  composer.setConnected(isOpen);
  const banner = find("#banner");
  banner.hidden = isOpen;
  banner.textContent = isOpen ? "" : reason;
});
on(client, "hint", () => sidebar.refresh(conversation.id).catch((error) => composer.warn(error.message)));

function update() {
  composer.open(conversation.id);
  composer.setAnswering(conversation.isAnswering);
  const isBlank = transcript.elements.length === 0;
  head.show(conversation.about, conversation.isTemporary, isBlank && !conversation.id);
  find(".chat").toggleAttribute("data-temporary", conversation.isTemporary);
  if (conversation.id && conversation.isTemporary) temporaryChat.remember(conversation.id);
  find(".welcome").hidden = !isBlank;
  find(".welcome__temporary").hidden = !conversation.isTemporary;
  const status = find(".answer-status");
  const said = conversation.isAnswering ? texts.answering : status.textContent ? texts.answer_ready : "";
  if (status.textContent !== said) status.textContent = said;
  scroll.follow();
}

temporaryChat.eraseWhatWasLeft(conversation.id);
conversation.open();
client.connect();
