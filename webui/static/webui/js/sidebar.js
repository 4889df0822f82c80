// @ts-check
/** The person's folders and conversations, with a menu for each; a drawer on narrow screens. */
import { api } from "api";
import { byDay, exchange, folderEntry, rememberOpen } from "conversation_list";
import { ConversationMenu } from "conversation_menu";
import { Drawer } from "drawer";
import { Menu } from "menu";
import { fromTemplate, pageState, texts } from "texts";
/** @typedef {import("texts").Conversation} Conversation */
/** @typedef {import("texts").Folder} Folder */

const UNDO_KEY = "parley.deleted";
const AT_ONCE = 30;
const AT_ONCE_IN_FOLDER = 10;
const AT_MOST = 200;

export class Sidebar extends EventTarget {
  menu = new ConversationMenu(/** @type {HTMLElement} */ (document.getElementById("conversation-menu")));
  #drawer;
  #list;
  #more;
  #archive;
  /** @type {Menu<Folder>} */
  #folderMenu = new Menu(/** @type {HTMLElement} */ (document.getElementById("folder-menu")));
  #folders = pageState.folders;
  #conversations = pageState.conversations;
  #cursor = pageState.next_cursor;
  #openId = pageState.conversation_id;
  #isArchive = false;
  #isSeen;

  /** @param {HTMLElement} root @param {(id: string) => boolean} isSeen whether a conversation is before the person's eyes */
  constructor(root, isSeen) {
    super();
    this.#drawer = new Drawer(root);
    this.#isSeen = isSeen;
    for (const each of this.#all) each.is_unread &&= !isSeen(each.id);
    this.#list = /** @type {HTMLElement} */ (root.querySelector(".sidebar__list"));
    this.#more = /** @type {HTMLElement} */ (root.querySelector(".sidebar__more"));
    this.#archive = /** @type {HTMLElement} */ (root.querySelector(".sidebar__archive"));
    this.#more.addEventListener("click", () => this.#try(this.#loadMore()));
    this.#archive.addEventListener("click", () => this.#try(this.#showArchive(!this.#isArchive)));
    root.querySelector(".sidebar__search")?.addEventListener("click", () => this.dispatchEvent(new Event("search")));
    this.#list.addEventListener("click", (event) => this.#onClick(/** @type {Element} */ (event.target)));
    this.#on(this.menu, "rename", (conversation) => this.#rename(conversation));
    this.#on(this.menu, "pin", (each) => this.#change(api.organize(each.id, { is_pinned: !each.is_pinned })));
    this.#on(this.menu, "move", (conversation) => this.#move(conversation));
    this.#on(this.menu, "archive", (each) => this.#change(api.organize(each.id, { is_archived: !each.is_archived })));
    this.#on(this.menu, "settings", async (each) => (await import("conversation_settings")).openConversationSettings(each.id));
    this.#on(this.menu, "delete", (conversation) => this.#try(this.#delete(conversation.id)));
    this.#on(this.#folderMenu, "rename", async (folder) => (await import("folder_dialogs")).openRename(folder, () => this.refresh()));
    this.#on(this.#folderMenu, "delete", async (folder) => (await import("folder_dialogs")).openDelete(folder, () => this.refresh()));
    this.#render();
    const deleted = sessionStorage.getItem(UNDO_KEY);
    if (deleted) this.#try(this.#offerUndo(deleted));
  }

  /** @param {string | null} [openId] the conversation that is being looked at @returns {Promise<void>} */
  async refresh(openId = this.#openId) {
    this.#openId = openId;
    const shown = this.#all.length, isArchive = this.#isArchive;
    const inFolder = Math.max(AT_ONCE_IN_FOLDER, ...this.#folders.map((folder) => folder.conversations.items.length));
    const [page, folders] = await Promise.all([
      api.conversations({ ...this.#which, limit: Math.min(Math.max(this.#conversations.length, AT_ONCE), AT_MOST) }),
      api.folders(Math.min(inFolder, AT_MOST)),
    ]);
    // Meanwhile more has been shown, or the archive: this is not what is looked at any more.
    if (this.#all.length > shown || this.#isArchive !== isArchive) return this.refresh(this.#openId);
    this.#folders = folders.items;
    this.#conversations = page.items;
    this.#cursor = page.next_cursor;
    // The server does not know yet that the one before the person's eyes is being read.
    const seen = this.#all.find((each) => each.is_unread && !each.is_archived && this.#isSeen(each.id));
    if (seen) seen.is_unread = false;
    this.#render();
    this.dispatchEvent(new CustomEvent("unread", { detail: page.unread_count - (seen ? 1 : 0) }));
  }

  get #which() {
    return this.#isArchive ? { is_archived: true } : { folder: "none" };
  }

  get #all() {
    return [...this.#conversations, ...this.#folders.flatMap((folder) => folder.conversations.items)];
  }

  toggle() {
    this.#drawer.toggle();
  }

  /** Delete the conversation that is being looked at; there is a way back, as always. */
  deleteOpen() {
    if (this.#openId) this.#try(this.#delete(this.#openId));
  }

  async #loadMore() {
    const page = await api.conversations({ ...this.#which, cursor: this.#cursor ?? "" });
    this.#conversations = [...this.#conversations, ...page.items];
    this.#cursor = page.next_cursor;
    this.#render();
  }

  /** @param {Folder} folder */
  async #loadMoreIn(folder) {
    const page = await api.conversations({ folder: folder.id, cursor: folder.conversations.next_cursor ?? "" });
    folder.conversations = { ...page, items: [...folder.conversations.items, ...page.items] };
    this.#render();
  }

  /** @param {boolean} isArchive */
  async #showArchive(isArchive) {
    this.#isArchive = isArchive;
    this.#conversations = [];
    await this.refresh();
  }

  #render() {
    if (this.#list.querySelector("form")) return; // somebody is writing a title
    if (this.#list.matches(":active")) return this.#renderLater(); // else what is pressed would be gone before its click
    const folders = this.#isArchive ? [] : this.#folders.map((folder) => folderEntry(folder, this.#openId));
    exchange(this.#list, [...folders, ...byDay(this.#conversations, this.#openId)]);
    this.#more.hidden = !this.#cursor;
    this.#archive.textContent = this.#isArchive ? texts.show_current : texts.show_archived;
  }

  #renderLater() {
    const then = () => setTimeout(() => this.#render());
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, then, { once: true });
  }

  /** @param {Element} target */
  #onClick(target) {
    const button = /** @type {HTMLElement | null} */ (target.closest("button"));
    const item = /** @type {HTMLElement | null} */ (target.closest("li"));
    const folder = this.#folders.find((each) => each.id === item?.dataset.folderId);
    const conversation = this.#all.find((each) => each.id === item?.dataset.conversationId);
    if (!button) return;
    if (conversation) this.menu.open(conversation, button);
    else if (folder && button.matches(".folder__more")) this.#try(this.#loadMoreIn(folder));
    else if (folder) this.#folderMenu.open(folder, button);
  }

  /** @param {Conversation} conversation where it is written, depends on where the menu was opened */
  async #rename(conversation) {
    const isInList = Boolean(this.menu.opener?.closest("li"));
    const { editTitle } = await import("title_form");
    // Found only now: meanwhile the list may have been drawn anew.
    const place = document.querySelector(isInList ? `.sidebar__list [data-conversation-id="${conversation.id}"]` : ".chat__title");
    if (!place) return;
    const title = await editTitle(place, conversation.title);
    if (isInList) this.#render();
    else this.dispatchEvent(new CustomEvent("retitled", { detail: title }));
    if (title) this.#change(api.organize(conversation.id, { title }));
  }

  /** @param {Conversation} conversation */
  async #move(conversation) {
    const { openMove } = await import("folder_dialogs");
    openMove(conversation, this.#folders, async (folderId) => {
      if (folderId) rememberOpen(folderId, true); // it shall be seen where the conversation went
      await this.refresh();
    });
  }

  /** @param {string} id */
  async #delete(id) {
    if (id === this.#openId) {
      this.dispatchEvent(new Event("leaving")); // nobody shall ask for it any more
      await api.deleteConversation(id).catch((error) => {
        location.reload();
        throw error;
      });
      sessionStorage.setItem(UNDO_KEY, id);
      location.assign("/");
      return;
    }
    await api.deleteConversation(id);
    await Promise.all([this.#offerUndo(id), this.refresh()]);
  }

  /** @param {string} id */
  async #offerUndo(id) {
    const { toast } = await import("toast");
    sessionStorage.removeItem(UNDO_KEY);
    toast(texts.conversation_deleted, () => this.#change(api.restoreConversation(id)));
  }

  /** @param {EventTarget} menu @param {string} action @param {(subject: any) => unknown} then */
  #on(menu, action, then) {
    menu.addEventListener(action, (event) => this.#try(Promise.resolve(then(/** @type {CustomEvent} */ (event).detail))));
  }

  /** @param {Promise<unknown>} work of which the list shall show what came */
  #change(work) {
    this.#try(work.then(() => this.refresh()));
  }

  /** @param {Promise<unknown>} work */
  #try(work) {
    work.catch((error) => this.dispatchEvent(new CustomEvent("problem", { detail: error.message })));
  }
}
