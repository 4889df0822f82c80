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

/**
 * Send a form with a file. `onProgress` is told which share of it has been sent.
 * @param {string} path
 * @param {FormData} form
 * @param {(share: number) => void} onProgress
 * @returns {Promise<any>}
 */
export function upload(path, form, onProgress) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest(); // fetch tells nothing while it sends
    sending.responseType = "json";
    sending.upload.addEventListener("progress", (event) => onProgress(event.loaded / event.total));
    sending.addEventListener("load", () =>
      sending.status === 200 ? resolve(sending.response) : reject(new Error(sending.response?.message ?? texts.request_failed)),
    );
    sending.addEventListener("error", () => reject(new Error(texts.request_failed)));
    sending.open("POST", `/api${path}`);
    sending.setRequestHeader("X-CSRFToken", csrfToken());
    sending.send(form);
  });
}

const csrfToken = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";

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
  /** @param {string} messageId @param {string} scope "path" or "all" */
  fork: (messageId, scope) => request("POST", `/messages/${messageId}/fork`, { scope }),
  /** @param {string} id the conversation's */
  shareLink: (id) => request("GET", `/conversations/${id}/share`),
  /** @param {string} id @param {string} audience */
  share: (id, audience) => request("PUT", `/conversations/${id}/share`, { audience }),
  /** @param {string} id @param {string} audience */
  shareWith: (id, audience) => request("PATCH", `/conversations/${id}/share`, { audience }),
  /** @param {string} id */
  unshare: (id) => request("DELETE", `/conversations/${id}/share`),
  /** @param {Partial<import("texts").Preferences>} changes */
  prefer: (changes) => request("PATCH", "/me/preferences", changes),
  /** @param {string} messageId @param {string | null} rating */
  rate: (messageId, rating) =>
    rating
      ? request("PUT", `/messages/${messageId}/feedback`, { rating })
      : request("DELETE", `/messages/${messageId}/feedback`),
};
