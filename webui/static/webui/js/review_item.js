// @ts-check
/** Shows one review: the conversation above the reply that is judged, what was said about it, and what was changed. */
import "chat_message";
import { localTime } from "local_times";
import { fromTemplate, texts } from "texts";
/** @typedef {import("review_api").Item} Item */
/** @typedef {import("chat_message").ChatMessage} ChatMessage */

/** @param {HTMLElement} place @param {Item} item */
export function showItem(place, item) {
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (place.querySelector(`[data-part=${name}]`));
  const say = (/** @type {string} */ name, /** @type {string} */ text) => {
    part(name).textContent = text;
    part(name).hidden = !text;
  };
  place.dataset.reviewId = item.id;
  say("cause", texts[`cause_${item.cause}`]);
  localTime(/** @type {HTMLTimeElement} */ (part("created_at")), item.created_at);
  say("approved", item.approved_by && texts.approved_by.replace("{name}", item.approved_by));
  say("rating", item.rating ? texts[`rating_${item.rating}`] : "");
  say("comment", item.comment);
  part("reasons").replaceChildren(...item.reasons.map((code) => badge(texts[`reason_${code}`] ?? code)));
  const isChanged = item.correction !== "" && item.correction !== item.proposal;
  part("own").hidden = !isChanged;
  say("own_text", isChanged ? item.correction : "");
  part("change").hidden = !item.proposal;
  part("no_proposal").hidden = item.proposal !== "";
  part("changes").replaceChildren(...item.changes.map(changed));
  say("earlier", item.earlier_count ? texts.earlier_count.replace("{count}", String(item.earlier_count)) : "");
  part("transcript").replaceChildren(...item.messages.map((message, index) => shown(message, index === item.messages.length - 1)));
  const transcript = /** @type {HTMLElement} */ (place.querySelector(".review__transcript"));
  // The end of it is what is judged; above it is what led there.
  requestAnimationFrame(() => (transcript.scrollTop = transcript.scrollHeight));
}

/** @param {{role: string, text: string}} message @param {boolean} isJudged */
function shown({ role, text }, isJudged) {
  const element = /** @type {ChatMessage} */ (fromTemplate("review-message"));
  element.dataset.role = role;
  element.classList.toggle("is-judged", isJudged);
  const author = /** @type {HTMLElement} */ (element.querySelector("h4"));
  author.textContent = isJudged ? `${texts[`role_${role}`]} – ${texts.is_judged}` : texts[`role_${role}`];
  element.show(text);
  return element;
}

/** @param {import("review_api").Segment} segment */
function changed({ kind, text }) {
  if (kind === "equal") return document.createTextNode(text);
  const element = document.createElement(kind === "delete" ? "del" : "ins");
  element.className = kind === "delete" ? "diff__del" : "diff__ins";
  const spoken = document.createElement("span");
  spoken.className = "visually-hidden";
  spoken.textContent = ` ${kind === "delete" ? texts.removed : texts.added} `;
  element.append(spoken, text);
  return element;
}

/** @param {string} text */
function badge(text) {
  const element = document.createElement("span");
  element.className = "badge";
  element.textContent = text;
  return element;
}
