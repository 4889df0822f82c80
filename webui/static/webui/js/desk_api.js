// @ts-check
/** What the inbox asks of the server. Reading is done by its pages (desk_parts.js); here is what is written. */
import { request, upload } from "api";

/** @typedef {{assignee_id?: string | null, snoozed_until?: string | null, label_ids?: string[]}} Changes */
/** @typedef {{ids: string[], action: "resolve" | "assign" | "snooze" | "label", until?: string | null, label?: string}} Bulk */

export const deskApi = {
  /** @param {import("outbox").Sending} sending @returns {Promise<{id: string}>} */
  send: ({ conversation_id, client_message_id, text, draft_id, is_note, attachment_ids = [] }) =>
    is_note
      ? request("POST", `/desk/cases/${conversation_id}/notes`, { client_note_id: client_message_id, text })
      : request("POST", `/desk/cases/${conversation_id}/replies`, { client_message_id, text, draft_id: draft_id ?? null, attachment_ids }),
  /** @param {FormData} form @returns {Promise<{id: string, name: string}>} */
  upload: (form) => upload("/desk/attachments", form, () => {}),
  /** @param {string} id @param {"person" | "assistant" | "resolved"} mode */
  change_mode: (id, mode) => request("PUT", `/desk/cases/${id}/mode`, { mode }),
  /** @param {string} id @param {Changes} changes */
  change: (id, changes) => request("PATCH", `/desk/cases/${id}`, changes),
  /** @param {string} id */
  markRead: (id) => request("PUT", `/desk/cases/${id}/read`),
  /** @param {string} id */
  suggest: (id) => request("POST", `/desk/cases/${id}/suggestion`),
  /** @param {Bulk} bulk @returns {Promise<{done: number}>} */
  bulk: (bulk) => request("POST", "/desk/bulk", bulk),
};
