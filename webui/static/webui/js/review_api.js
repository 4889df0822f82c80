// @ts-check
/** What the review page asks of the server. */
import { request } from "api";

/**
 * @typedef {{kind: "equal" | "delete" | "insert", text: string}} Segment
 * @typedef {{id: string, cause: string, created_at: string, assigned_until: string,
 *   messages: {role: string, text: string}[], earlier_count: number, rating: string, reasons: string[], comment: string,
 *   correction: string, approved_by: string, answer: string, proposal: string, changes: Segment[],
 *   suggested: {must_contain: string[], must_not_contain: string[]}}} Item
 * @typedef {{decision: "accept" | "edit" | "reject" | "skip", answer?: string, reason?: string}} Decision
 * @typedef {{must_contain: string[], must_not_contain: string[], refuses: boolean | null}} Rules
 */

export const reviewApi = {
  /** @param {string} reason */
  sayWhy: (reason) => request("PUT", "/reviews/reason", { reason }),
  /** @param {string | null} cause @param {string[]} without @returns {Promise<{item: Item | null, waiting: Record<string, number>}>} */
  next: (cause, without) => request("POST", "/reviews/next", { cause, without }),
  /** @param {string} id @returns {Promise<Item>} */
  take: (id) => request("PUT", `/reviews/${id}/assignment`),
  /** @param {string} id */
  giveBack: (id) => request("DELETE", `/reviews/${id}/assignment`),
  /** @param {string} id @param {Decision} decision @returns {Promise<{state: string}>} */
  decide: (id, decision) => request("PUT", `/reviews/${id}/decision`, decision),
  /** @param {string} id @returns {Promise<Item>} */
  undo: (id) => request("DELETE", `/reviews/${id}/decision`),
  /** @param {string} id @param {Rules} rules */
  makeTest: (id, rules) => request("POST", `/reviews/${id}/regression-case`, rules),
};
