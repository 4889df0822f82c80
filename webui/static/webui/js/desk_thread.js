// @ts-check
/** The open conversation: its head, what was said, noted and done, and the assistant's suggestions. Read again whenever
 * something changed; what is being written comes over the socket meanwhile. */
import { ChatMessage, loadMarkdown } from "chat_message";
import { arrange, become, readPart, tellTimes } from "desk_parts";
import { fromTemplate } from "texts";
/** @typedef {import("outbox").Sending} Sending */

const NEAR_END_PX = 60;
const HIDDEN_KEY = "parley.desk.hidden-drafts";

export class CaseThread extends EventTarget {
  #socket;
  #isReading = false;
  #isStale = false;
  #isPinned = true;
  #opened = 0;
  #growth = new ResizeObserver(() => this.#isPinned && this.#toEnd());
  /** Suggestions that were put away, by id. @type {Set<string>} */
  #hidden = new Set(JSON.parse(sessionStorage.getItem(HIDDEN_KEY) ?? "[]"));

  /** @param {import("stream_client").StreamClient} socket */
  constructor(socket) {
    super();
    this.#socket = socket;
    loadMarkdown();
    this.#dress();
  }

  get #case() {
    return /** @type {HTMLElement} */ (document.getElementById("case"));
  }

  /** @returns {string | null} */
  get id() {
    return this.#case.dataset.caseId ?? null;
  }

  get mode() {
    return this.#case.dataset.mode ?? "";
  }

  /** What the server says of the open case for the scripts: ready replies, who may be named. @returns {any} */
  get state() {
    return JSON.parse(document.getElementById("case-state")?.textContent ?? "{}");
  }

  /** @param {string | null} id show this one @param {string} query of the list it stands in */
  async open(id, query) {
    const number = ++this.#opened;
    const page = id ? await readPart(`/desk/cases/${id}/?${query}&part=case`) : null;
    if (number !== this.#opened) return; // another was asked for meanwhile
    const [fresh, details] = ["case", "details"].map((name) => page?.getElementById(name));
    if (!fresh || !details) return;
    this.#case.replaceWith(document.adoptNode(fresh));
    document.getElementById("details")?.replaceWith(document.adoptNode(details));
    this.#dress();
    this.dispatchEvent(new Event("opened"));
  }

  /** @param {string} query */
  async refresh(query) {
    this.#isStale = true;
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#isStale && this.id) {
      this.#isStale = false;
      const id = this.id;
      try {
        const page = await readPart(`/desk/cases/${id}/?${query}&part=case`);
        if (id === this.id) this.#show(page);
      } catch {
        // The socket tells when the server is back; then this is asked again, perhaps while it still waits to fail.
      }
    }
    this.#isReading = false;
  }

  /** @param {Sending} sending show it as on its way */
  addPending(sending) {
    const items = document.getElementById("case-items");
    if (!items || items.querySelector(`[data-client-id="${sending.client_message_id}"]`)) return;
    const element = /** @type {ChatMessage} */ (fromTemplate("pending-item"));
    element.dataset.clientId = sending.client_message_id;
    element.classList.toggle("note", Boolean(sending.is_note));
    items.append(element);
    element.show(sending.text);
    this.#toEnd();
  }

  /** @param {string} clientId @param {string} reason why it was refused */
  failPending(clientId, reason) {
    const element = this.#pending(clientId);
    const alert = /** @type {HTMLElement | null} */ (element?.querySelector("[role=alert]"));
    if (!element || !alert) return;
    element.dataset.state = "refused";
    /** @type {HTMLElement} */ (alert.querySelector("[data-part=failure-text]")).textContent = reason;
    alert.hidden = false;
  }

  /** @param {string} clientId */
  removePending(clientId) {
    this.#pending(clientId)?.remove();
  }

  /** @param {string} draftId */
  draftText(draftId) {
    const draft = document.querySelector(`[data-draft-id="${draftId}"]`);
    return /** @type {HTMLElement | null} */ (draft?.querySelector("[data-part=text]"))?.textContent ?? "";
  }

  /** @param {string} draftId put it away in this tab */
  hideDraft(draftId) {
    this.#hidden.add(draftId);
    sessionStorage.setItem(HIDDEN_KEY, JSON.stringify([...this.#hidden].slice(-200)));
    this.#dressDrafts();
  }

  /** @param {string} address of the page with what is older */
  async showEarlier(address) {
    const page = await readPart(`${address}&part=case`);
    const [items, scroll, wanted] = ["case-items", "case-scroll"].map((id) => document.getElementById(id)).concat(page.getElementById("case-items"));
    if (!items || !scroll || !wanted) return;
    const fromEnd = scroll.scrollHeight - scroll.scrollTop;
    const older = [...wanted.children].map((each) => document.adoptNode(each));
    items.prepend(...older.filter((each) => !items.querySelector(`[data-item="${/** @type {HTMLElement} */ (each).dataset.item}"]`)));
    older.forEach((each) => this.#render(each));
    const link = page.getElementById("case-earlier");
    const present = document.getElementById("case-earlier");
    if (link) present?.replaceWith(document.adoptNode(link));
    else present?.remove();
    scroll.scrollTop = scroll.scrollHeight - fromEnd;
  }

  /** @param {Document} page */
  #show(page) {
    const fresh = page.getElementById("case");
    const wanted = page.getElementById("case-items");
    const items = document.getElementById("case-items");
    if (!fresh || !wanted || !items) return;
    Object.assign(this.#case.dataset, { ...fresh.dataset });
    for (const id of ["case-head", "case-why", "drafts", "details", "case-state"]) {
      const [present, next] = [document.getElementById(id), page.getElementById(id)];
      if (id === "details" && present?.contains(document.activeElement)) continue; // somebody is choosing there
      if (present && next) become(present, next);
    }
    const before = items.lastElementChild;
    this.#merge(items, /** @type {HTMLElement[]} */ ([...wanted.children]));
    this.#dressDrafts();
    if (items.lastElementChild !== before) this.dispatchEvent(new Event("grown"));
  }

  /** What stands there already stays, by id and version. @param {HTMLElement} items @param {HTMLElement[]} wanted */
  #merge(items, wanted) {
    const all = /** @type {HTMLElement[]} */ ([...items.children]);
    const known = new Map(all.map((each) => [each.dataset.item, each]));
    const arrived = new Set(wanted.flatMap((each) => [each.dataset.clientId, each.dataset.item]));
    const first = known.get(wanted[0]?.dataset.item);
    const older = first ? all.slice(0, all.indexOf(first)).filter((each) => each.dataset.item) : [];
    const pending = all.filter((each) => !each.dataset.item && !arrived.has(each.dataset.clientId));
    /** @type {HTMLElement[]} */
    const changed = [];
    const shown = wanted.map((each) => {
      const present = known.get(each.dataset.item);
      if (present && present.dataset.version === each.dataset.version) return present;
      changed.push(document.adoptNode(each));
      return each;
    });
    arrange(items, [...older, ...shown, ...pending]);
    changed.forEach((each) => this.#render(each));
  }

  #dress() {
    tellTimes(this.#case);
    tellTimes(/** @type {HTMLElement} */ (document.getElementById("details")));
    const items = document.getElementById("case-items");
    [...(items?.children ?? [])].forEach((each) => this.#render(each));
    this.#dressDrafts();
    this.#growth.disconnect();
    const scroll = document.getElementById("case-scroll");
    if (!scroll || !items) return;
    let top = 0;
    scroll.addEventListener("scroll", () => {
      // Only who scrolls up lets go of the end: a picture may have grown between our own scrolling and this.
      if (scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END_PX) this.#isPinned = true;
      else if (scroll.scrollTop < top) this.#isPinned = false;
      top = scroll.scrollTop;
    });
    // The end stays in view when something is said, a reply grows, or a suggestion takes room.
    for (const element of [scroll, items]) this.#growth.observe(element);
    this.#toEnd();
  }

  /** @param {Element} element */
  #render(element) {
    if (!(element instanceof ChatMessage) || element.dataset.role !== "assistant") return;
    const text = element.querySelector(".message-text")?.textContent ?? "";
    if (!element.isAnswering) return element.show(text);
    this.#follow(element.dataset.generationId ?? "", {
      show: (grown) => element.show(grown),
      note: ({ kind }) => (element.dataset.state = kind === "started" ? "running" : "completed"),
    });
  }

  #dressDrafts() {
    const drafts = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("#drafts > .draft"));
    for (const draft of drafts) {
      draft.hidden = this.#hidden.has(draft.dataset.draftId ?? "");
      const isWriting = ["queued", "running"].includes(draft.dataset.state ?? "");
      for (const button of draft.querySelectorAll("button")) button.disabled = isWriting && button.dataset.action !== "hide_draft";
      if (!isWriting || draft.hidden) continue;
      const text = /** @type {HTMLElement} */ (draft.querySelector("[data-part=text]"));
      this.#follow(draft.dataset.generationId ?? "", { show: (grown) => (text.textContent = grown), note: () => {} });
    }
  }

  /** @param {string} generationId @param {import("stream_client").Reader} reader */
  #follow(generationId, reader) {
    if (generationId) this.#socket.follow(generationId, reader);
  }

  /** @param {string} clientId */
  #pending(clientId) {
    return /** @type {HTMLElement | null} */ (document.querySelector(`#case-items > [data-client-id="${clientId}"]:not([data-item])`));
  }

  #toEnd() {
    this.#isPinned = true;
    const scroll = document.getElementById("case-scroll");
    if (scroll) scroll.scrollTop = scroll.scrollHeight;
  }
}
