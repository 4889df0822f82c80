// @ts-check
/** JSON over HTTP. Every failure is an Error whose message can be shown. */
import { texts } from "texts";

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
async function request(method, path, body) {
  const headers = { "Content-Type": "application/json", "X-CSRFToken": csrfToken() };
  let answer;
  try {
    answer = await fetch(`/api${path}`, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error(texts.request_failed);
  }
  if (answer.status === 204) return null;
  const fields = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(fields?.message ?? texts.request_failed);
  return fields;
}

const csrfToken = () => document.cookie.match(/(?:^|; )(?:__Host-)?csrftoken=([^;]+)/)?.[1] ?? "";

export const api = {
  /** @param {string} cursor @param {boolean} isArchived @param {number} [limit] */
  conversations: (cursor, isArchived, limit = 30) =>
    request("GET", `/conversations?cursor=${encodeURIComponent(cursor)}&is_archived=${isArchived}&limit=${limit}`),
  /** @param {string} id @param {{title?: string, is_pinned?: boolean, is_archived?: boolean}} changes */
  organize: (id, changes) => request("PATCH", `/conversations/${id}`, changes),
  /** @param {string} id */
  deleteConversation: (id) => request("DELETE", `/conversations/${id}`),
  /** @param {string} id */
  restoreConversation: (id) => request("POST", `/conversations/${id}/restore`),
  /** @param {string} id @param {string} [leafId] */
  messages: (id, leafId) => request("GET", `/conversations/${id}/messages${leafId ? `?leaf_id=${leafId}` : ""}`),
  /** @param {string} id @param {string} messageId */
  lookAt: (id, messageId) => request("PUT", `/conversations/${id}/head`, { message_id: messageId }),
  /** @param {Partial<import("texts").Preferences>} changes */
  prefer: (changes) => request("PATCH", "/me/preferences", changes),
  /** @param {string} messageId @param {string | null} rating */
  rate: (messageId, rating) =>
    rating
      ? request("PUT", `/messages/${messageId}/feedback`, { rating })
      : request("DELETE", `/messages/${messageId}/feedback`),
};
