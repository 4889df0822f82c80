// @ts-check
/** JSON over HTTP. Every failure is an Error whose message can be shown, with the server's `code` where it had one. */
import { texts } from "texts";

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export async function request(method, path, body) {
  const headers = { "Content-Type": "application/json", "X-CSRFToken": csrfToken() };
  let answer;
  try {
    answer = await fetch(`/api${path}`, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error(texts.request_failed);
  }
  if (answer.status === 204) return null;
  const fields = await answer.json().catch(() => null);
  if (!answer.ok) {
    const { code = "", retryable = true } = fields ?? {};
    throw Object.assign(new Error(fields?.message ?? texts.request_failed), { code, retryable });
  }
  return fields;
}

/** @param {Record<string, any>} fields */
const query = (fields) => new URLSearchParams(fields).toString();

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

const csrfToken = () => document.cookie.match(/(?:^|; )(?:__Host-)?csrftoken=([^;]+)/)?.[1] ?? "";

export const api = {
  /**
   * @param {{cursor?: string, is_archived?: boolean, folder?: string, limit?: number}} which `folder` is an id or "none"
   * @returns {Promise<{items: import("texts").Conversation[], next_cursor: string | null, unread_count: number}>}
   */
  conversations: (which) => request("GET", `/conversations?${query(which)}`),
  /** @param {string} id @param {{title?: string, is_pinned?: boolean, is_archived?: boolean}} changes */
  organize: (id, changes) => request("PATCH", `/conversations/${id}`, changes),
  /** @param {string} id */
  deleteConversation: (id) => request("DELETE", `/conversations/${id}`),
  /** @param {string} id */
  restoreConversation: (id) => request("POST", `/conversations/${id}/restore`),
  /** @param {string} id */
  markRead: (id) => request("PUT", `/conversations/${id}/read`),
  /** @param {string} id @param {string | null} folderId */
  move: (id, folderId) => request("PUT", `/conversations/${id}/folder`, { folder_id: folderId }),
  /** @param {number} limit of the conversations that come with each @returns {Promise<{items: import("texts").Folder[]}>} */
  folders: (limit) => request("GET", `/folders?${query({ limit })}`),
  /** @param {string} name @returns {Promise<{id: string}>} */
  createFolder: (name) => request("POST", "/folders", { name }),
  /** @param {string} id @param {string} name */
  renameFolder: (id, name) => request("PATCH", `/folders/${id}`, { name }),
  /** @param {string} id */
  deleteFolder: (id) => request("DELETE", `/folders/${id}`),
  /**
   * @param {string} text @param {string} [cursor]
   * @returns {Promise<{items: import("texts").SearchResult[], next_cursor: string | null}>}
   */
  search: (text, cursor = "") => request("GET", `/search?${query({ q: text, cursor })}`),
  /** @param {string} id @param {{leaf_id?: string, around?: string, after?: string}} [where] the newest, if not said */
  messages: (id, where) => request("GET", `/conversations/${id}/messages?${new URLSearchParams(where)}`),
  /** @param {string} id @param {string} messageId @returns {Promise<import("texts").Message>} */
  message: (id, messageId) =>
    request("GET", `/conversations/${id}/messages?leaf_id=${messageId}&limit=1`).then((page) => page.items[0]),
  /** @param {string} messageId @param {string} text */
  editMessage: (messageId, text) => request("PATCH", `/messages/${messageId}`, { text }),
  /** @param {string} messageId */
  provenance: (messageId) => request("GET", `/messages/${messageId}/provenance`),
  /** @param {string} id */
  settings: (id) => request("GET", `/conversations/${id}/settings`),
  /** @param {string} id @param {{model_choice?: string, system_message?: string, sampling?: object, is_training_allowed?: boolean}} changes */
  changeSettings: (id, changes) => request("PATCH", `/conversations/${id}/settings`, changes),
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
  /** @param {string} messageId @param {import("texts").Feedback | null} feedback null takes it back */
  giveFeedback: (messageId, feedback) =>
    request(feedback ? "PUT" : "DELETE", `/messages/${messageId}/feedback`, feedback ?? undefined),
  /** @param {string} messageId @returns {Promise<{stage: string, text: string}>} where feedback on a reply stands */
  life: (messageId) => request("GET", `/messages/${messageId}/feedback/life`),
  /** @returns {Promise<{text: string | null}>} what has not been told yet of what became of feedback */
  news: () => request("GET", "/me/feedback/news"),
  /** @param {string} leftId @param {string} rightId @returns {Promise<{verdict: string | null}>} */
  verdict: (leftId, rightId) => request("GET", `/comparisons/${leftId}/${rightId}`),
  /** @param {string} leftId @param {string} rightId @param {string | null} verdict null takes it back */
  vote: (leftId, rightId, verdict) =>
    request(verdict ? "PUT" : "DELETE", `/comparisons/${leftId}/${rightId}`, verdict ? { verdict } : undefined),
};
