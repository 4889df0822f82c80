// @ts-check
/**
 * The visitor's way to the server: a token in a header, and no cookie. The chat's own modules find it under the name
 * `api` (webui/widget/assets.py), and ask it as they ask the chat page's.
 */
import { texts } from "texts";
import { host } from "widget_host";
import { frameState } from "widget_look";
import { currentToken, left, settled } from "widget_token";

/** @type {Set<Promise<unknown>>} */
const underWay = new Set();

/** @param {string} method @param {string} path @param {object | FormData} [body] @returns {Promise<Response>} */
async function ask(method, path, body) {
  const isOfIdentity = path === "/identity";
  // Who the visitor has been may end with it: what they asked as such is answered first.
  await (isOfIdentity ? Promise.allSettled(underWay) : settled());
  /** @type {Record<string, string>} */
  const headers = { "Accept-Language": frameState.language };
  if (currentToken()) headers.Authorization = `Bearer ${currentToken()}`;
  if (!(body instanceof FormData)) headers["Content-Type"] = "application/json";
  const sent = body instanceof FormData ? body : body && JSON.stringify(body);
  // What has no more to say than its address arrives even if the visitor follows a link at once: that they have read it.
  const keepalive = method !== "GET" && !body;
  const signal = isOfIdentity ? null : left;
  const answering = fetch(`/api/widget${path}`, { method, headers, body: sent, credentials: "omit", keepalive, signal });
  underWay.add(answering);
  let answer;
  try {
    answer = await answering;
  } catch {
    if (left.aborted) await settled();
    throw Object.assign(new Error(texts.request_failed), { code: "", status: 0 });
  } finally {
    underWay.delete(answering);
  }
  if (answer.ok) return answer;
  const fields = await answer.json().catch(() => null);
  throw Object.assign(new Error(fields?.message ?? texts.request_failed), { code: fields?.code ?? "", status: answer.status });
}

/** @param {string} method @param {string} path @param {object | FormData} [body] @returns {Promise<any>} */
export async function request(method, path, body) {
  const answer = await ask(method, path, body);
  return answer.status === 204 ? null : answer.json();
}

const from = () => ({ site_id: frameState.site_id, origin: host.origin ?? location.origin });

export const visitorApi = {
  /** @returns {Promise<{token: string}>} */
  open: () => request("POST", "/visitors", from()),
  /** @param {string} identity @returns {Promise<{token: string}>} */
  identify: (identity) => request("POST", "/identity", { ...from(), identity }),
  forget: () => request("DELETE", "/identity"),
  /** @returns {Promise<any>} who the visitor is, and their conversation */
  visit: () => request("GET", "/visit"),
  /** @param {{fields?: Record<string, string>, page?: string, may_train?: boolean}} said */
  introduce: (said) => request("PUT", "/visit", { ...said, locale: frameState.language }),
  /** @returns {Promise<string>} */
  ticket: () => request("POST", "/tickets").then((answer) => answer.ticket),
  /** @param {string} id the conversation's: its visitor has looked at it */
  markRead: (id) => request("PUT", `/conversations/${id}/read`),
  /** @param {string} id */
  askForPerson: (id) => request("POST", `/conversations/${id}/person`),
  /** @param {string} id */
  end: (id) => request("POST", `/conversations/${id}/end`),
  /** @param {string} id @param {{score: number, comment: string}} rating */
  rate: (id, rating) => request("PUT", `/conversations/${id}/satisfaction`, rating),
  /** @param {string} id @param {string} email */
  sendTranscript: (id, email) => request("POST", `/conversations/${id}/transcript`, { email }),
  /** @param {FormData} form @returns {Promise<{id: string, name: string}>} */
  upload: (form) => request("POST", "/attachments", form),
  /** @param {string} id @returns {Promise<Blob>} */
  file: (id) => ask("GET", `/attachments/${id}`).then((answer) => answer.blob()),
};

export const api = {
  /** @param {string} id @param {Record<string, string>} [where] */
  messages: (id, where) => request("GET", `/conversations/${id}/messages?${new URLSearchParams(where)}`),
  /** @param {string} messageId @param {object | null} feedback null takes it back */
  giveFeedback: (messageId, feedback) =>
    request(feedback ? "PUT" : "DELETE", `/messages/${messageId}/feedback`, feedback ?? undefined),
  /** @param {string} messageId */
  life: (messageId) => request("GET", `/messages/${messageId}/feedback/life`),
};
