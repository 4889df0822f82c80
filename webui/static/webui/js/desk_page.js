// @ts-check
/** The inbox: puts the list, the open case, the composer, the socket and the keys together. */
import { deskApi } from "desk_api";
import { DeskComposer } from "desk_composer";
import { labelOf, listenForKeys, openPalette } from "desk_keys";
import { CaseList } from "desk_list";
import { Notices } from "desk_notices";
import { DeskOutbox } from "desk_outbox";
import { CaseThread } from "desk_thread";
import { Menu } from "menu";
import { socketAddress, StreamClient } from "stream_client";
import { newId, pageState, texts } from "texts";
import { toast } from "toast";

const HOUR_MS = 3_600_000;
const HINTS_MS = 40; // what happens at once is read at once
const LOOK_MS = 10_000;

/** @param {string} id */
const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const state = /** @type {any} */ (pageState);
const desk = find("desk");
const connection = find("connection");
const bulk = find("bulk");
const personId = desk.dataset.personId ?? "";

class DeskSocket extends StreamClient {
  openSocket() {
    return Promise.resolve(new WebSocket(socketAddress("/ws/desk/", { person: personId })));
  }
}

const socket = new DeskSocket(personId);
const thread = new CaseThread(socket);
const list = new CaseList(new URLSearchParams(state.query), thread.id);
const composer = new DeskComposer(personId);
const outbox = new DeskOutbox(personId);
const notices = new Notices(list.waiting.newest);
/** @type {Menu<{ids: string[]}>} */
const snoozing = new Menu(find("snooze-menu"));
let hintTimer = 0;
let isCaseStale = false;

// What is said in the page

/** @param {string} text */
const say = (text) => (find("desk-status").textContent = text);

/** Do something on the server and read what came of it; a failure is told. @param {() => Promise<unknown>} act @param {string} [done] */
async function doIt(act, done) {
  try {
    await act();
    if (done) toast(done);
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
  }
  readAgain();
}

function readAgain() {
  list.refresh();
  thread.refresh(list.query.toString());
}

/** @param {string | null} id the case that changed; null: any may have */
function noteHint(id) {
  isCaseStale ||= id === null || id === thread.id;
  hintTimer ||= setTimeout(() => {
    hintTimer = 0;
    list.refresh();
    if (isCaseStale) thread.refresh(list.query.toString());
    isCaseStale = false;
  }, HINTS_MS);
}

// Going from case to case

/** @param {string | null} id @param {boolean} [isNew] an entry of its own in the history */
async function open(id, isNew = true) {
  const address = id ? `/desk/cases/${id}/?${list.query}` : `/desk/?${list.query}`;
  if (isNew) history.pushState(null, "", address);
  desk.dataset.pane = id ? "case" : "list";
  list.open(id);
  if (!id) return bindCase();
  try {
    await thread.open(id, list.query.toString());
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
  }
}

function bindCase() {
  const id = desk.dataset.pane === "list" ? null : thread.id;
  list.open(id);
  composer.bind(thread.id, () => thread.state);
  document.querySelector(".case-head [data-action=details]")?.setAttribute("aria-expanded", String(desk.dataset.details !== undefined));
  for (const sending of outbox.of(thread.id)) thread.addPending(sending);
  look();
  markRead();
}

function markRead() {
  if (thread.id && desk.dataset.pane === "case" && document.visibilityState === "visible") deskApi.markRead(thread.id).then(() => list.refresh(), () => {});
}

/** @param {URLSearchParams} query list something else */
function filter(query) {
  list.query = query;
  const isOpen = desk.dataset.pane === "case";
  history.pushState(null, "", isOpen ? `/desk/cases/${thread.id}/?${query}` : `/desk/?${query}`);
  list.clearChosen();
  list.refresh();
}

/** @param {number} step */
function goTo(step) {
  const id = list.beside(step);
  if (id && id !== thread.id) open(id).then(() => document.querySelector(".case-head__name")?.scrollIntoView({ block: "nearest" }));
}

// What is done with a case

/** @param {"person" | "assistant" | "resolved"} mode @param {string} done */
const change = (mode, done) => thread.id && doIt(() => deskApi.change_mode(/** @type {string} */ (thread.id), mode), done);

async function resolveAndNext() {
  const next = list.beside(1);
  await change("resolved", texts.desk_resolved);
  if (next) open(next);
}

/** @type {Record<string, (button: HTMLElement) => void>} */
const actions = {
  take: () => change("person", texts.desk_taken),
  give_back: () => change("assistant", texts.desk_given_back),
  resolve: () => change("resolved", texts.desk_resolved),
  snooze: (button) => thread.id && snoozing.open({ ids: [thread.id] }, button),
  palette: () => openPalette(available()),
  details: () => showDetails(desk.dataset.details === undefined),
  suggest: () => thread.id && doIt(() => deskApi.suggest(/** @type {string} */ (thread.id))),
  use_draft: (button) => {
    const { draftId } = draftOf(button);
    write(thread.draftText(draftId), "reply", draftId);
  },
  edit_draft: (button) => {
    const { draftId } = draftOf(button);
    composer.edit(draftId, thread.draftText(draftId));
  },
  hide_draft: (button) => thread.hideDraft(draftOf(button).draftId),
  retry: (button) => {
    const id = pendingOf(button);
    thread.removePending(id);
    outbox.retry(id);
    const sending = outbox.find(id);
    if (sending) thread.addPending(sending);
  },
  discard: (button) => {
    outbox.discard(pendingOf(button));
    thread.removePending(pendingOf(button));
  },
};

/** @param {HTMLElement} button @returns {{draftId: string}} */
const draftOf = (button) => ({ draftId: /** @type {HTMLElement} */ (button.closest("[data-draft-id]")).dataset.draftId ?? "" });
/** @param {HTMLElement} button */
const pendingOf = (button) => /** @type {HTMLElement} */ (button.closest("[data-client-id]")).dataset.clientId ?? "";

/** @param {boolean} isShown */
function showDetails(isShown) {
  if (isShown) desk.dataset.details = "";
  else delete desk.dataset.details;
  document.querySelector(".case-head [data-action=details]")?.setAttribute("aria-expanded", String(isShown));
  if (isShown) /** @type {HTMLElement | null} */ (document.querySelector("#details button"))?.focus();
}

/** @param {string} text @param {"reply" | "note"} kind @param {string | null} [draftId] */
function write(text, kind, draftId = null) {
  if (!thread.id || !text.trim()) return;
  const sending = { client_message_id: newId(), conversation_id: thread.id, parent_id: null, text, draft_id: draftId, is_note: kind === "note" };
  thread.addPending(sending);
  outbox.put(sending);
}

/** @returns {import("desk_keys").Action[]} what can be done now, and by which keys */
function available() {
  const isOpen = Boolean(thread.id) && desk.dataset.pane === "case";
  const at = /** @type {HTMLElement} */ (document.querySelector(".case-head [data-action=snooze]") ?? desk);
  /** @type {[string, string | undefined, () => void, boolean][]} */
  const all = [
    ["next", "Alt+J", () => goTo(1), true],
    ["previous", "Alt+K", () => goTo(-1), true],
    ["resolve", "Alt+E", () => actions.resolve(at), isOpen && thread.mode !== "resolved"],
    ["resolve_and_next", "Mod+Alt+E", () => resolveAndNext(), isOpen && thread.mode !== "resolved"],
    ["reply", "Alt+L", () => composer.choose("reply"), isOpen],
    ["note", "Alt+P", () => composer.choose("note"), isOpen],
    ["snooze", "Alt+M", () => actions.snooze(at), isOpen && thread.mode !== "resolved"],
    ["take", undefined, () => actions.take(at), isOpen && thread.mode !== "person"],
    ["give_back", undefined, () => actions.give_back(at), isOpen && thread.mode === "person"],
    ["suggest", undefined, () => actions.suggest(at), isOpen],
    ["assign_me", undefined, () => doIt(() => deskApi.change(/** @type {string} */ (thread.id), { assignee_id: personId }), texts.desk_assigned), isOpen],
    ["details", undefined, () => actions.details(at), isOpen],
    ["search", undefined, () => /** @type {HTMLElement | null} */ (document.querySelector(".desk__search [name=q]"))?.focus(), true],
  ];
  const goingTo = [...document.querySelectorAll("#filters li > a")].map((link) => ({
    label: `${texts.desk_show}: ${link.firstElementChild?.textContent ?? link.textContent}`,
    run: () => filter(new URLSearchParams(/** @type {HTMLAnchorElement} */ (link).search)),
  }));
  return [...all.filter(([, , , is]) => is).map(([name, keys, run]) => ({ label: labelOf(name), keys, run })), ...goingTo];
}

// Presence

function look() {
  socket.lookAtCase(desk.dataset.pane === "case" && document.visibilityState === "visible" ? thread.id : null, composer.isTyping);
}

/** @param {any} frame */
function showOthers(frame) {
  if (frame.conversation_id !== thread.id) return;
  const said = frame.agents.map((/** @type {any} */ { name, is_typing }) => texts[is_typing ? "desk_writes" : "desk_looks"].replace("{name}", name));
  if (frame.visitor_is_typing) said.push(texts.desk_visitor_writes);
  const place = find("others");
  if (place) place.textContent = said.join(" ");
  place?.classList.toggle("is-warning", frame.agents.some((/** @type {any} */ agent) => agent.is_typing));
}

// Listeners

desk.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const button = /** @type {HTMLElement | null} */ (target.closest("button[data-action]"));
  if (button) return actions[button.dataset.action ?? ""]?.(button);
  const link = /** @type {HTMLAnchorElement | null} */ (target.closest("a"));
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || link.target) return;
  const caseId = /^\/desk\/cases\/([\w-]+)\/$/.exec(link.pathname)?.[1];
  if (link.closest("#case-earlier")) {
    event.preventDefault();
    thread.showEarlier(link.href).catch((error) => toast(error.message));
  } else if (caseId) {
    event.preventDefault();
    open(caseId);
  } else if (link.closest("#filters li")) {
    event.preventDefault();
    filter(new URLSearchParams(link.search));
  } else if (link.classList.contains("case-head__back")) {
    event.preventDefault();
    open(null);
  }
});
desk.addEventListener("change", (event) => {
  const control = /** @type {HTMLInputElement | HTMLSelectElement} */ (event.target);
  if (!thread.id || !control.closest("#details")) return;
  if (control.dataset.action === "assign") doIt(() => deskApi.change(/** @type {string} */ (thread.id), { assignee_id: control.value || null }), texts.desk_assigned);
  if (control.dataset.action === "label") {
    const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("#details [data-action=label]:checked"));
    doIt(() => deskApi.change(/** @type {string} */ (thread.id), { label_ids: [...boxes].map((box) => box.value) }));
  }
});
document.querySelector(".desk__search select")?.addEventListener("change", (event) => /** @type {HTMLSelectElement} */ (event.target).form?.requestSubmit());

bulk.addEventListener("click", (event) => {
  const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("button"));
  const ids = [...list.chosen];
  if (button?.dataset.action === "clear") list.clearChosen();
  if (button?.dataset.action === "snooze") snoozing.open({ ids }, button);
  if (button?.dataset.action === "resolve") many({ ids, action: "resolve" });
  if (button?.dataset.action === "assign_me") many({ ids, action: "assign" });
});
bulk.addEventListener("change", (event) => {
  const select = /** @type {HTMLSelectElement} */ (event.target);
  if (select.value) many({ ids: [...list.chosen], action: "label", label: select.value });
  select.value = "";
});

/** @param {import("desk_api").Bulk} what */
function many(what) {
  list.clearChosen();
  doIt(() => deskApi.bulk(what).then(({ done }) => toast(texts.desk_done.replace("{count}", String(done)))));
}

for (const name of ["hour", "four_hours", "tomorrow", "week", "wake"]) {
  snoozing.addEventListener(name, (event) => {
    const { ids } = /** @type {CustomEvent} */ (event).detail;
    const until = momentOf(name);
    if (ids.length === 1) doIt(() => deskApi.change(ids[0], { snoozed_until: until }), until ? texts.desk_snoozed : texts.desk_awake);
    else many({ ids, action: "snooze", until });
  });
}

/** @param {string} name @returns {string | null} */
function momentOf(name) {
  const moment = new Date();
  if (name === "wake") return null;
  if (name === "hour" || name === "four_hours") return new Date(Date.now() + HOUR_MS * (name === "hour" ? 1 : 4)).toISOString();
  moment.setDate(moment.getDate() + (name === "tomorrow" ? 1 : (8 - moment.getDay()) % 7 || 7));
  moment.setHours(9, 0, 0, 0);
  return moment.toISOString();
}

composer.addEventListener("send", (event) => {
  const { text, kind, draftId } = /** @type {CustomEvent} */ (event).detail;
  write(text, kind, draftId);
});
composer.addEventListener("typing", look);
outbox.addEventListener("sent", readAgain);
outbox.addEventListener("refused", (event) => {
  const { sending, reason } = /** @type {CustomEvent} */ (event).detail;
  thread.failPending(sending.client_message_id, reason);
});
list.addEventListener("changed", () => notices.show(list.waiting));
list.addEventListener("chosen", () => {
  bulk.hidden = list.chosen.size === 0;
  /** @type {HTMLElement} */ (bulk.querySelector("[data-part=count]")).textContent = texts.desk_chosen.replace("{count}", String(list.chosen.size));
});
thread.addEventListener("opened", bindCase);
thread.addEventListener("grown", () => {
  markRead();
  say(texts.desk_new_message);
});
socket.addEventListener("hint", (event) => noteHint(/** @type {CustomEvent} */ (event).detail.conversation_id));
socket.addEventListener("presence", (event) => showOthers(/** @type {CustomEvent} */ (event).detail));
socket.addEventListener("state", (event) => {
  const { isOpen, reason } = /** @type {CustomEvent} */ (event).detail;
  connection.hidden = isOpen;
  connection.textContent = isOpen ? "" : reason;
  if (!isOpen) return;
  outbox.flush();
  look();
});
socket.catchUp = () => Promise.all([list.refresh(), thread.refresh(list.query.toString())]);
addEventListener("online", () => outbox.flush()); // before the socket is there again
setInterval(look, LOOK_MS);
document.addEventListener("visibilitychange", () => {
  look();
  markRead();
});
addEventListener("popstate", () => {
  list.query = new URLSearchParams(location.search);
  const id = /^\/desk\/cases\/([\w-]+)\/$/.exec(location.pathname)?.[1] ?? null;
  list.refresh();
  open(id, false);
});

listenForKeys(available);
find("list").append(bulk);
desk.classList.add("is-live");
bindCase();
notices.show(list.waiting);
socket.connect();
