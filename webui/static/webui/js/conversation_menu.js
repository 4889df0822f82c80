// @ts-check
/** The menu of one conversation: rename, pin, move, archive, delete. It tells what was chosen. */
import { Menu } from "menu";
import { texts } from "texts";
/** @typedef {import("texts").Conversation} Conversation */

/** @extends {Menu<Conversation>} */
export class ConversationMenu extends Menu {
  /** @param {Conversation} conversation @param {HTMLElement} opener the button it belongs to */
  open(conversation, opener) {
    this.label("pin", conversation.is_pinned ? texts.unpin : texts.pin);
    this.label("archive", conversation.is_archived ? texts.unarchive : texts.archive);
    super.open(conversation, opener);
  }
}
