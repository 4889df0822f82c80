// @ts-check
/**
 * The menu of one conversation, in the sidebar and in the head of the page. A new item is a button in _templates.html
 * and whoever listens for its action.
 */
import { Menu } from "menu";
import { texts } from "texts";
/** @typedef {Pick<import("texts").Conversation, "id" | "title" | "is_pinned" | "is_archived">} Conversation */

/** @extends {Menu<Conversation>} */
export class ConversationMenu extends Menu {
  /** @param {Conversation} conversation @param {HTMLElement} opener */
  open(conversation, opener) {
    this.label("pin", conversation.is_pinned ? texts.unpin : texts.pin);
    this.label("archive", conversation.is_archived ? texts.unarchive : texts.archive);
    super.open(conversation, opener);
  }
}
