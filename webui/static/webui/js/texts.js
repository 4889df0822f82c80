// @ts-check
/** What the server says in this person's language, and what it put into the page. */

/** @param {string} id */
const block = (id) => JSON.parse(/** @type {HTMLElement} */ (document.getElementById(id)).textContent ?? "{}");

/** @type {Record<string, string>} */
export const texts = block("page-texts");

/**
 * @typedef {{id: string, state: string, finish_reason: string, dropped_messages: number, text_sha256: string,
 *   error: null | {code: string, message: string, retryable: boolean}}} Generation
 * @typedef {{id: string, parent_id: string | null, role: string, text: string, client_message_id: string | null,
 *   sibling_ids: string[], rating: null | string, generation: null | Generation}} Message
 * @typedef {{id: string, title: string, updated_at: string, is_answering: boolean, is_pinned: boolean,
 *   is_archived: boolean}} Conversation
 * @typedef {{id: string, title: string, head_id: string | null, is_temporary: boolean, is_pinned: boolean,
 *   is_archived: boolean}} OpenConversation
 * @typedef {{theme: string, contrast: string, follows_reply: boolean, shows_suggestions: boolean,
 *   has_shortcuts: boolean, shortcuts: Record<string, string>}} Preferences
 * @typedef {{conversation_id: string | null, conversation: OpenConversation | null, conversations: Conversation[], messages: Message[], next_leaf_id: string | null,
 *   next_cursor: string | null, max_message_chars: number, preferences: Preferences}} PageState
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
