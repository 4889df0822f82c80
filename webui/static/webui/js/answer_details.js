// @ts-check
/** "About this answer": what wrote it and how long it took, as the server recorded it. */
import { api } from "api";
import { openDialog } from "dialog";

/** @param {string} messageId */
export async function showAnswerDetails(messageId) {
  const of = await api.provenance(messageId);
  const dialog = openDialog("answer-details");
  const { created_at, started_at, first_token_at, finished_at, sampling } = of;
  const writing = seconds(first_token_at, finished_at);
  const isGiven = of.knowledge === "served" || of.knowledge === "offered";
  /** @type {Record<string, unknown>} */
  const values = {
    ...of,
    base_model_sha256: of.base_model_sha256.slice(0, 16),
    adapter_sha256: of.adapter_sha256.slice(0, 16),
    prompt_sha256: of.prompt_sha256.slice(0, 16),
    seed: sampling.seed,
    temperature: sampling.temperature,
    top_p: sampling.top_p,
    top_k: sampling.top_k,
    repetition_penalty: sampling.repetition_penalty,
    max_tokens: sampling.max_tokens,
    asked_at: new Date(created_at).toLocaleString(),
    waited: shown(seconds(created_at, started_at)),
    first_word: shown(seconds(started_at, first_token_at)),
    wrote: shown(writing),
    speed: writing ? (of.completion_tokens / writing).toFixed(1) : "",
    is_given: isGiven ? "1" : "",
    is_base: of.adapter || isGiven ? "" : "1",
    dropped_messages: of.dropped_messages || "",
    attempts: of.attempts > 1 ? of.attempts : "",
  };
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (dialog.querySelectorAll("[data-value]"))) {
    const value = values[part.dataset.value ?? ""] ?? "";
    if (!part.dataset.fixed) part.textContent = String(value);
    const row = /** @type {HTMLElement} */ (part.closest("[data-row]"));
    if (value === "") row.hidden = true;
  }
}

/** @param {string | null} from @param {string | null} to */
function seconds(from, to) {
  return from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : null;
}

/** @param {number | null} value */
function shown(value) {
  if (value === null) return "";
  const format = { style: "unit", unit: "second", maximumFractionDigits: value < 10 ? 2 : 0 };
  return value.toLocaleString(undefined, /** @type {Intl.NumberFormatOptions} */ (format));
}
