// @ts-check
/** The inbox: puts the list, the open case, the composer, the socket and the keys together, and goes from case to case. */
import { deskApi } from "desk_api";
import { bulkBar } from "desk_bulk";
import { CaseActions } from "desk_case";
import { DeskComposer } from "desk_composer";
import { labelOf, listenForKeys, openPalette } from "desk_keys";
import { CaseList } from "desk_list";
import { Notices } from "desk_notices";
import { DeskOutbox } from "desk_outbox";
import { Presence } from "desk_presence";
import { snoozeMenu } from "desk_snooze";
import { CaseThread } from "desk_thread";
import { socketAddress, StreamClient } from "stream_client";
import { pageState, texts } from "texts";
import { toast } from "toast";

const HINTS_MS = 40; // what happens at once is read at once
const CASE_PATH = /^\/desk\/cases\/([\w-]+)\/$/;

/** @param {string} id */
const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const state = /** @type {any} */ (pageState);
const desk = find("desk");
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
const notices = new Notices(list.waiting);
const actions = new CaseActions(desk, thread, composer, outbox, doIt);
const presence = new Presence(socket, thread, composer, isCaseSeen);
const openSnoozing = snoozeMenu((ids, until) => {
  if (ids.length > 1) many({ ids, action: "snooze", until });
  else doIt(() => deskApi.change(ids[0], { snoozed_until: until }), until ? texts.desk_snoozed : texts.desk_awake);
});
let hintTimer = 0;

function isCaseSeen() {
  return desk.dataset.pane === "case" && document.visibilityState === "visible";
}

// What is done on the server, and what is read of it

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

/** @param {import("desk_api").Bulk} what */
function many(what) {
  list.clearChosen();
  doIt(() => deskApi.bulk(what).then(({ done }) => toast(texts.desk_done.replace("{count}", String(done)))));
}

function readAgain() {
  return Promise.all([list.refresh(), thread.refresh(list.query.toString())]);
}

/** @param {string | null} id the case that changed; null: any may have */
function noteHint(id) {
  list.refreshSoon();
  if (id !== null && id !== thread.id) return;
  hintTimer ||= setTimeout(() => {
    hintTimer = 0;
    thread.refresh(list.query.toString());
  }, HINTS_MS);
}

function markRead() {
  if (thread.id && isCaseSeen()) deskApi.markRead(thread.id).then(() => list.refresh(), () => {});
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
  list.open(desk.dataset.pane === "list" ? null : thread.id);
  composer.bind(thread.id, () => thread.state);
  actions.tellDetails();
  for (const sending of outbox.of(thread.id)) thread.addPending(sending);
  presence.look();
  markRead();
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

async function resolveAndNext() {
  const next = list.beside(1);
  await actions.change("resolved", texts.desk_resolved);
  if (next) open(next);
}

// By name and by key

/** @param {HTMLElement} button */
const snooze = (button) => thread.id && openSnoozing([thread.id], button);

/** @returns {import("desk_keys").Action[]} what can be done now, and by which keys */
function available() {
  const isOpen = Boolean(thread.id) && desk.dataset.pane === "case";
  const isUnresolved = isOpen && thread.mode !== "resolved";
  const at = /** @type {HTMLElement} */ (document.querySelector(".case-head [data-action=snooze]") ?? desk);
  const press = (/** @type {string} */ name) => () => actions.byButton[name](at);
  /** @type {[string, string | undefined, () => void, boolean][]} */
  const all = [
    ["next", "Alt+J", () => goTo(1), true],
    ["previous", "Alt+K", () => goTo(-1), true],
    ["resolve", "Alt+E", press("resolve"), isUnresolved],
    ["resolve_and_next", "Mod+Alt+E", resolveAndNext, isUnresolved],
    ["reply", "Alt+L", () => composer.choose("reply"), isOpen],
    ["note", "Alt+P", () => composer.choose("note"), isOpen],
    ["snooze", "Alt+M", () => snooze(at), isUnresolved],
    ["take", undefined, press("take"), isOpen && thread.mode !== "person"],
    ["give_back", undefined, press("give_back"), isOpen && thread.mode === "person"],
    ["suggest", undefined, press("suggest"), isOpen],
    ["assign_me", undefined, () => actions.assign(personId), isOpen],
    ["details", undefined, press("details"), isOpen],
    ["search", undefined, () => /** @type {HTMLElement | null} */ (document.querySelector(".desk__search [name=q]"))?.focus(), true],
  ];
  const goingTo = [...document.querySelectorAll("#filters li > a")].map((link) => ({
    label: `${texts.desk_show}: ${link.firstElementChild?.textContent ?? link.textContent}`,
    run: () => filter(new URLSearchParams(/** @type {HTMLAnchorElement} */ (link).search)),
  }));
  return [...all.filter(([, , , is]) => is).map(([name, keys, run]) => ({ label: labelOf(name), keys, run })), ...goingTo];
}

// Listeners

desk.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const button = /** @type {HTMLElement | null} */ (target.closest("button[data-action]"));
  if (button?.dataset.action === "palette") return openPalette(available());
  if (button?.dataset.action === "snooze" && !button.closest("#bulk")) return snooze(button);
  if (button && !button.closest("#bulk")) return actions.byButton[button.dataset.action ?? ""]?.(button);
  const link = /** @type {HTMLAnchorElement | null} */ (target.closest("a"));
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || link.target) return;
  const caseId = CASE_PATH.exec(link.pathname)?.[1];
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
document.querySelector(".desk__search select")?.addEventListener("change", (event) => /** @type {HTMLSelectElement} */ (event.target).form?.requestSubmit());

outbox.addEventListener("sent", () => {
  socket.connectNow(); // what was sent has found the server
  readAgain();
});
list.addEventListener("changed", () => notices.show(list.waiting));
thread.addEventListener("opened", bindCase);
thread.addEventListener("grown", () => {
  markRead();
  find("desk-status").textContent = texts.desk_new_message;
});
socket.addEventListener("hint", (event) => noteHint(/** @type {CustomEvent} */ (event).detail.conversation_id));
socket.addEventListener("state", (event) => {
  const { isOpen, reason } = /** @type {CustomEvent} */ (event).detail;
  const connection = find("connection");
  connection.hidden = isOpen;
  connection.textContent = isOpen ? "" : reason;
  if (!isOpen) return;
  outbox.flush();
  presence.look();
});
socket.catchUp = readAgain;
addEventListener("online", () => outbox.flush()); // before the socket is there again
document.addEventListener("visibilitychange", () => {
  presence.look();
  markRead();
});
addEventListener("popstate", () => {
  list.query = new URLSearchParams(location.search);
  list.refresh();
  open(CASE_PATH.exec(location.pathname)?.[1] ?? null, false);
});

listenForKeys(available);
bulkBar(list, many, openSnoozing);
desk.classList.add("is-live");
bindCase();
notices.show(list.waiting);
socket.connect();
