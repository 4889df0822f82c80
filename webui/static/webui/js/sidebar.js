// @ts-check
/** The list of conversations; a drawer on narrow screens. */
import { api } from "api";
import { pageState, texts } from "texts";

/** @typedef {{id: string, title: string, is_answering: boolean}} Conversation */

export class Sidebar {
  #root;
  #list;
  #more;
  #scrim = /** @type {HTMLElement} */ (document.getElementById("scrim"));
  #menu = /** @type {HTMLElement} */ (document.querySelector(".chat__menu"));
  #cursor = pageState.next_cursor;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    this.#list = /** @type {HTMLElement} */ (root.querySelector(".sidebar__list"));
    this.#more = /** @type {HTMLElement} */ (root.querySelector(".sidebar__more"));
    this.#more.addEventListener("click", () => this.#loadMore());
    this.#menu.addEventListener("click", () => this.#open(true));
    this.#scrim.addEventListener("click", () => this.#open(false));
    root.querySelector(".sidebar__close")?.addEventListener("click", () => this.#open(false));
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.#open(false));
  }

  /** @param {string | null} openId the conversation that is being looked at */
  async refresh(openId) {
    const page = await api.conversations();
    const loaded = new Set(page.items.map((/** @type {Conversation} */ item) => item.id));
    const rest = [...this.#list.children].filter((item) => !loaded.has(idOf(item)));
    this.#list.replaceChildren(...page.items.map((/** @type {Conversation} */ item) => entry(item, openId)), ...rest);
  }

  async #loadMore() {
    const page = await api.conversations(this.#cursor ?? "");
    this.#list.append(...page.items.map((/** @type {Conversation} */ item) => entry(item, null)));
    this.#cursor = page.next_cursor;
    this.#more.hidden = !page.next_cursor;
  }

  /** @param {boolean} isOpen */
  #open(isOpen) {
    this.#root.classList.toggle("is-open", isOpen);
    this.#scrim.hidden = !isOpen;
    this.#menu.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) /** @type {HTMLElement} */ (this.#root.querySelector(".sidebar__close")).focus();
    else this.#menu.focus();
  }
}

/** @param {Conversation} conversation @param {string | null} openId */
function entry(conversation, openId) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `/c/${conversation.id}/`;
  link.textContent = conversation.title || texts.new_chat;
  if (conversation.id === openId) link.setAttribute("aria-current", "page");
  item.toggleAttribute("data-answering", conversation.is_answering);
  item.append(link);
  return item;
}

/** @param {Element} item */
const idOf = (item) => item.querySelector("a")?.pathname.split("/")[2] ?? "";
