// @ts-check
/** What is done with the open conversation: by its buttons, by keys, and by the names of actions. */
import { deskApi } from "desk_api";
import { newId, texts } from "texts";

/** @typedef {{text: string, kind: "reply" | "note", draftId?: string | null, attachmentIds?: string[]}} Written */

/** @param {HTMLElement} button */
const draftOf = (button) => /** @type {HTMLElement} */ (button.closest("[data-draft-id]")).dataset.draftId ?? "";
/** @param {HTMLElement} button */
const pendingOf = (button) => /** @type {HTMLElement} */ (button.closest("[data-client-id]")).dataset.clientId ?? "";

export class CaseActions {
  #desk;
  #thread;
  #composer;
  #outbox;
  #doIt;

  /**
   * @param {HTMLElement} desk @param {import("desk_thread").CaseThread} thread
   * @param {import("desk_composer").DeskComposer} composer @param {import("desk_outbox").DeskOutbox} outbox
   * @param {(act: () => Promise<unknown>, done?: string) => unknown} doIt does it on the server, and reads what came of it
   */
  constructor(desk, thread, composer, outbox, doIt) {
    this.#desk = desk;
    this.#thread = thread;
    this.#composer = composer;
    this.#outbox = outbox;
    this.#doIt = doIt;
    composer.addEventListener("send", (event) => this.#write(/** @type {CustomEvent} */ (event).detail));
    outbox.addEventListener("refused", (event) => {
      const { sending, reason } = /** @type {CustomEvent} */ (event).detail;
      thread.failPending(sending.client_message_id, reason);
    });
    desk.addEventListener("change", (event) => this.#onDetail(/** @type {HTMLInputElement | HTMLSelectElement} */ (event.target)));
  }

  /** By the buttons' `data-action`. @type {Record<string, (button: HTMLElement) => unknown>} */
  byButton = {
    take: () => this.change("person", texts.desk_taken),
    give_back: () => this.change("assistant", texts.desk_given_back),
    resolve: () => this.change("resolved", texts.desk_resolved),
    details: () => this.showDetails(this.#desk.dataset.details === undefined),
    suggest: () => this.#withId((id) => deskApi.suggest(id)),
    use_draft: (button) => this.#write({ text: this.#thread.draftText(draftOf(button)), kind: "reply", draftId: draftOf(button) }),
    edit_draft: (button) => this.#composer.edit(draftOf(button), this.#thread.draftText(draftOf(button))),
    hide_draft: (button) => this.#thread.hideDraft(draftOf(button)),
    retry: (button) => this.#retry(pendingOf(button)),
    discard: (button) => {
      this.#outbox.discard(pendingOf(button));
      this.#thread.removePending(pendingOf(button));
    },
  };

  /** Who answers from now on. @param {"person" | "assistant" | "resolved"} mode @param {string} done */
  change(mode, done) {
    return this.#withId((id) => deskApi.change_mode(id, mode), done);
  }

  /** @param {string | null} personId whose it is */
  assign(personId) {
    return this.#withId((id) => deskApi.change(id, { assignee_id: personId }), texts.desk_assigned);
  }

  /** @param {boolean} isShown */
  showDetails(isShown) {
    if (isShown) this.#desk.dataset.details = "";
    else delete this.#desk.dataset.details;
    this.tellDetails();
    if (isShown) /** @type {HTMLElement | null} */ (document.querySelector("#details button"))?.focus();
  }

  /** The button says whether the details are there. */
  tellDetails() {
    const isShown = this.#desk.dataset.details !== undefined;
    document.querySelector(".case-head [data-action=details]")?.setAttribute("aria-expanded", String(isShown));
  }

  /** @param {(id: string) => Promise<unknown>} act @param {string} [done] */
  #withId(act, done) {
    const id = this.#thread.id;
    return id && this.#doIt(() => act(id), done);
  }

  /** @param {Written} written */
  #write({ text, kind, draftId = null, attachmentIds = [] }) {
    const id = this.#thread.id;
    if (!id || !text.trim()) return;
    const what = { parent_id: null, text, draft_id: draftId, is_note: kind === "note", attachment_ids: attachmentIds };
    const sending = { client_message_id: newId(), conversation_id: id, ...what };
    this.#thread.addPending(sending);
    this.#outbox.put(sending);
  }

  /** @param {string} clientId */
  #retry(clientId) {
    this.#thread.removePending(clientId);
    this.#outbox.retry(clientId);
    const sending = this.#outbox.find(clientId);
    if (sending) this.#thread.addPending(sending);
  }

  /** @param {HTMLInputElement | HTMLSelectElement} control */
  #onDetail(control) {
    if (!control.closest("#details")) return;
    if (control.dataset.action === "assign") this.assign(control.value || null);
    if (control.dataset.action !== "label") return;
    const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("#details [data-action=label]:checked"));
    this.#withId((id) => deskApi.change(id, { label_ids: [...boxes].map((box) => box.value) }));
  }
}
