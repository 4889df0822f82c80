// @ts-check
/** The list of conversations by day, with a menu for each; a drawer on narrow screens. */
import { api } from "api";
import { ConversationMenu } from "conversation_menu";
import { fromTemplate, pageState, texts } from "texts";
import { toast } from "toast";
/** @typedef {import("texts").Conversation} Conversation */

const UNDO_KEY = "parley.deleted";

export class Sidebar extends EventTarget {
  menu = new ConversationMenu(/** @type {HTMLElement} */ (document.getElementById("conversation-menu")));
  #root;
  #list;
  #more;
  #archive;
  #scrim = /** @type {HTMLElement} */ (document.getElementById("scrim"));
  #opener = /** @type {HTMLElement} */ (document.querySelector(".chat__menu"));
  #conversations = pageState.conversations;
  #cursor = pageState.next_cursor;
  #openId = pageState.conversation_id;
  #isArchive = false;

  /** @param {HTMLElement} root */
  constructor(root) {
    super();
    this.#root = root;
    this.#list = /** @type {HTMLElement} */ (root.querySelector(".sidebar__list"));
    this.#more = /** @type {HTMLElement} */ (root.querySelector(".sidebar__more"));
    this.#archive = /** @type {HTMLElement} */ (root.querySelector(".sidebar__archive"));
    this.#more.addEventListener("click", () => this.#try(this.#loadMore()));
    this.#archive.addEventListener("click", () => this.#try(this.#showArchive(!this.#isArchive)));
    this.#opener.addEventListener("click", () => this.#open(true));
    this.#scrim.addEventListener("click", () => this.#open(false));
    root.querySelector(".sidebar__close")?.addEventListener("click", () => this.#open(false));
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.#open(false));
    this.#list.addEventListener("click", (event) => this.#openMenu(/** @type {Element} */ (event.target)));
    this.#on("rename", (conversation) => this.#rename(conversation));
    this.#on("pin", (each) => this.#try(api.organize(each.id, { is_pinned: !each.is_pinned }).then(() => this.refresh(this.#openId))));
    this.#on("archive", (each) => this.#try(api.organize(each.id, { is_archived: !each.is_archived }).then(() => this.refresh(this.#openId))));
    this.#on("delete", (conversation) => this.#try(this.#delete(conversation)));
    this.#render();
    const deleted = sessionStorage.getItem(UNDO_KEY);
    if (deleted) this.#offerUndo(deleted);
  }

  /** @param {string | null} openId the conversation that is being looked at */
  async refresh(openId) {
    this.#openId = openId;
    const shown = Math.min(Math.max(this.#conversations.length, 30), 200);
    const page = await api.conversations("", this.#isArchive, shown);
    this.#conversations = page.items;
    this.#cursor = page.next_cursor;
    this.#render();
  }

  async #loadMore() {
    const page = await api.conversations(this.#cursor ?? "", this.#isArchive);
    this.#conversations = [...this.#conversations, ...page.items];
    this.#cursor = page.next_cursor;
    this.#render();
  }

  /** @param {boolean} isArchive */
  async #showArchive(isArchive) {
    this.#isArchive = isArchive;
    this.#conversations = [];
    await this.refresh(this.#openId);
  }

  #render() {
    if (this.#list.querySelector("form")) return; // somebody is writing a title
    const menuOf = /** @type {HTMLElement | null} */ (document.activeElement?.closest("[data-conversation-id]"));
    /** @type {Node[]} */
    const items = [];
    let group = "";
    for (const conversation of this.#conversations) {
      const its = groupOf(conversation);
      if (its !== group) items.push(label((group = its)));
      items.push(entry(conversation, this.#openId));
    }
    this.#list.replaceChildren(...items);
    this.#more.hidden = !this.#cursor;
    this.#archive.textContent = this.#isArchive ? texts.show_current : texts.show_archived;
    const again = menuOf && this.#list.querySelector(`[data-conversation-id="${menuOf.dataset.conversationId}"] button`);
    /** @type {HTMLElement | null} */ (again)?.focus();
  }

  /** @param {Element} target */
  #openMenu(target) {
    const button = /** @type {HTMLElement | null} */ (target.closest("button[aria-haspopup]"));
    const conversation = button && this.#conversationAt(button);
    if (conversation) this.menu.open(conversation, button);
  }

  /** @param {Element} element */
  #conversationAt(element) {
    const id = /** @type {HTMLElement} */ (element.closest("[data-conversation-id]")).dataset.conversationId;
    return this.#conversations.find((conversation) => conversation.id === id);
  }

  /** @param {Conversation} conversation where it is written, depends on where the menu was opened */
  async #rename(conversation) {
    const item = this.menu.opener?.closest("li");
    const place = item ?? /** @type {Element} */ (document.querySelector(".chat__title"));
    const { editTitle } = await import("title_form");
    const title = await editTitle(place, conversation.title);
    if (item) this.#render();
    else this.dispatchEvent(new CustomEvent("retitled", { detail: title }));
    if (title) this.#try(api.organize(conversation.id, { title }).then(() => this.refresh(this.#openId)));
  }

  /** @param {Conversation} conversation */
  async #delete(conversation) {
    if (conversation.id === this.#openId) {
      this.dispatchEvent(new Event("leaving")); // nobody shall ask for it any more
      await api.deleteConversation(conversation.id).catch((error) => {
        location.reload();
        throw error;
      });
      sessionStorage.setItem(UNDO_KEY, conversation.id);
      location.assign("/");
      return;
    }
    await api.deleteConversation(conversation.id);
    this.#offerUndo(conversation.id);
    await this.refresh(this.#openId);
  }

  /** @param {string} id */
  #offerUndo(id) {
    sessionStorage.removeItem(UNDO_KEY);
    toast(texts.conversation_deleted, () =>
      this.#try(api.restoreConversation(id).then(() => this.refresh(this.#openId))),
    );
  }

  /** @param {boolean} isOpen */
  #open(isOpen) {
    this.#root.classList.toggle("is-open", isOpen);
    this.#scrim.hidden = !isOpen;
    this.#opener.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) /** @type {HTMLElement} */ (this.#root.querySelector(".sidebar__close")).focus();
    else this.#opener.focus();
  }

  /** @param {string} action @param {(conversation: Conversation) => void} then */
  #on(action, then) {
    this.menu.addEventListener(action, (event) => then(/** @type {CustomEvent} */ (event).detail));
  }

  /** @param {Promise<unknown>} work */
  #try(work) {
    work.catch((error) => this.dispatchEvent(new CustomEvent("problem", { detail: error.message })));
  }
}

/** @param {Conversation} conversation */
function groupOf(conversation) {
  if (conversation.is_pinned) return texts.pinned;
  const changed = new Date(conversation.updated_at);
  const today = new Date().setHours(0, 0, 0, 0);
  const days = Math.round((today - changed.setHours(0, 0, 0, 0)) / 86_400_000);
  if (days <= 0) return texts.today;
  if (days === 1) return texts.yesterday;
  return days <= 7 ? texts.last_seven_days : texts.earlier;
}

/** @param {string} text */
function label(text) {
  const item = document.createElement("li");
  item.className = "sidebar__label";
  item.textContent = text;
  return item;
}

/** @param {Conversation} conversation @param {string | null} openId */
function entry(conversation, openId) {
  const item = fromTemplate("conversation-entry");
  const link = /** @type {HTMLAnchorElement} */ (item.querySelector("a"));
  const title = conversation.title || texts.new_chat;
  item.dataset.conversationId = conversation.id;
  item.toggleAttribute("data-answering", conversation.is_answering);
  link.href = `/c/${conversation.id}/`;
  link.textContent = title;
  if (conversation.id === openId) link.setAttribute("aria-current", "page");
  item.querySelector("button")?.setAttribute("aria-label", texts.options_of.replace("{title}", title));
  return item;
}
