// @ts-check
/** What a visitor is asked below the conversation, one form at a time. A form stays until what it says has been taken.
 * Loaded with the first of them. */
import { fromTemplate, texts } from "texts";
import { visitorApi } from "widget_api";
import { frameState } from "widget_look";

const panel = () => /** @type {HTMLElement} */ (document.getElementById("panel"));

export function closeForm() {
  delete panel().dataset.form;
  panel().replaceChildren();
}

/** @param {string} text */
function thank(text) {
  closeForm();
  const line = document.createElement("p");
  line.className = "notice";
  line.role = "status";
  line.textContent = text;
  panel().replaceChildren(line);
  line.scrollIntoView({ block: "nearest" });
}

/**
 * @param {string} name the template's, without "-form" @param {(fields: FormData) => Promise<string | void>} take returns
 * what is said afterwards
 */
function show(name, take) {
  const form = /** @type {HTMLFormElement} */ (fromTemplate(`${name}-form`));
  const alert = /** @type {HTMLElement} */ (form.querySelector("[role=alert]"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = /** @type {HTMLButtonElement} */ (form.querySelector("[type=submit]"));
    button.disabled = true;
    alert.hidden = true;
    try {
      if (!form.checkValidity()) throw new Error(texts.form_incomplete);
      const said = await take(new FormData(form));
      if (said) thank(said);
      else closeForm();
    } catch (error) {
      alert.textContent = /** @type {Error} */ (error).message;
      alert.hidden = false;
    }
    button.disabled = false;
  });
  form.querySelector("[data-action=cancel]")?.addEventListener("click", closeForm);
  panel().dataset.form = name;
  panel().replaceChildren(form);
  form.scrollIntoView({ block: "nearest" });
  return form;
}

/** @param {string[]} missing names of fields @param {(said: {fields: Record<string, string>, may_train?: boolean}) => Promise<void>} take */
export function showIntroduction(missing, take) {
  const form = show("introduction", async (data) => {
    const fields = Object.fromEntries(missing.map((name) => [name, String(data.get(name) ?? "")]));
    await take({ fields, may_train: frameState.asks_training_consent ? data.has("may_train") : undefined });
  });
  const place = /** @type {HTMLElement} */ (form.querySelector("[data-part=fields]"));
  for (const field of frameState.pre_chat.filter(({ name }) => missing.includes(name))) {
    const element = fromTemplate("form-field");
    const input = /** @type {HTMLInputElement} */ (element.querySelector("input"));
    input.name = field.name;
    input.required = field.is_required;
    input.type = field.name === "email" ? "email" : "text";
    input.autocomplete = field.name === "email" ? "email" : field.name === "name" ? "name" : "off";
    /** @type {HTMLElement} */ (element.querySelector("span")).textContent = field.label || field.name;
    element.classList.toggle("is-required", field.is_required);
    place.append(element);
  }
  return form;
}

/** Nobody is there: where may we write to? */
export function showOfflineForm() {
  const form = show("email", async (data) => {
    const email = String(data.get("email"));
    await visitorApi.introduce({ fields: { email } });
    return texts.email_kept.replace("{email}", email);
  });
  /** @type {HTMLElement} */ (form.querySelector("[data-part=why]")).textContent = frameState.site_texts.offline || texts.nobody_there;
}

/** @param {string} conversationId @param {string} email what is known */
export function showTranscriptForm(conversationId, email) {
  const form = show("email", async (data) => {
    const to = String(data.get("email"));
    await visitorApi.sendTranscript(conversationId, to);
    return texts.transcript_sent.replace("{email}", to);
  });
  const input = /** @type {HTMLInputElement} */ (form.elements.namedItem("email"));
  input.value = email;
  input.focus();
}

/** @param {string} conversationId */
export function showRating(conversationId) {
  show("rating", async (data) => {
    await visitorApi.rate(conversationId, { score: Number(data.get("score")), comment: String(data.get("comment") ?? "") });
    return texts.thanks;
  });
}
