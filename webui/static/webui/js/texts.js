// @ts-check
/** What the server says in this person's language, and what it put into the page. */

/** @param {string} id */
const block = (id) => JSON.parse(/** @type {HTMLElement} */ (document.getElementById(id)).textContent ?? "{}");

/** @type {Record<string, string>} */
export const texts = block("page-texts");

/**
 * @typedef {{id: string, question: string, approved_by: string, approved_at: string}} Source
 * @typedef {{id: string, state: string, finish_reason: string, dropped_messages: number, text_sha256: string,
 *   knowledge: string, sources: Source[], error: null | {code: string, message: string, retryable: boolean}}} Generation
 * @typedef {{id: string, parent_id: string | null, role: string, author_name: string, text: string, client_message_id: string | null,
 *   sibling_ids: string[], edited_at: string | null, feedback: null | Feedback, generation: null | Generation}} Message
 * @typedef {{rating: string, reasons: string[], comment: string, correction: string}} Feedback
 * @typedef {{id: string, title: string, updated_at: string, is_answering: boolean, is_unread: boolean,
 *   is_pinned: boolean, is_archived: boolean, folder_id: string | null}} Conversation
 * @typedef {{id: string, title: string, head_id: string | null, is_temporary: boolean, is_pinned: boolean, is_archived: boolean,
 *   folder_id: string | null, is_unread: boolean, model_choice: string, training_use: string | null}} OpenConversation
 * @typedef {{id: string, name: string, count: number, unread_count: number,
 *   conversations: {items: Conversation[], next_cursor: string | null}}} Folder
 * @typedef {{conversation_id: string, title: string, is_archived: boolean, folder_name: string | null,
 *   message_id: string | null, written_at: string, snippet: {text: string, is_match: boolean}[]}} SearchResult
 * @typedef {{theme: string, contrast: string, shows_sidebar: boolean, follows_reply: boolean, shows_suggestions: boolean,
 *   has_shortcuts: boolean, shortcuts: Record<string, string>}} Preferences
 * @typedef {{conversation_id: string | null, conversation: OpenConversation | null, unread_count: number, folders: Folder[],
 *   conversations: Conversation[], messages: Message[], next_leaf_id: string | null,
 *   next_after_id: string | null, message_id: string | null, is_current_branch: boolean, next_cursor: string | null, max_message_chars: number,
 *   preferences: Preferences}} PageState
 */

/** @type {PageState} */
export const pageState = block("page-state");

/** A random UUID, also on pages that were not opened over HTTPS. */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/**
 * A copy of a template's only element.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function fromTemplate(id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  return /** @type {HTMLElement} */ (document.importNode(template.content, true).firstElementChild);
}
