// @ts-check
/** How one conversation is answered, and whether it may be learned from. An empty field is the default. */
import { api } from "api";
import { openDialog } from "dialog";

const FIELDS = ["temperature", "top_p", "top_k", "repetition_penalty", "max_tokens", "seed"];

/** @param {string} conversationId */
export async function openConversationSettings(conversationId) {
  const now = await api.settings(conversationId);
  const dialog = openDialog("conversation-settings");
  const form = /** @type {HTMLFormElement} */ (dialog.querySelector("form"));
  const field = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
  const alert = /** @type {HTMLElement} */ (form.querySelector("[role=alert]"));
  /** @param {Promise<unknown>} work @param {() => void} [otherwise] */
  const attempt = (work, otherwise) =>
    work.catch((error) => {
      otherwise?.();
      alert.textContent = error.message;
      alert.hidden = false;
      alert.scrollIntoView({ block: "nearest" });
    });

  field("system_message").value = now.system_message;
  field("system_message").placeholder = now.default_system_message;
  for (const name of FIELDS) {
    field(name).value = now.sampling[name] ?? "";
    if (name !== "seed") field(name).placeholder = now.defaults[name];
  }
  field("max_tokens").max = now.defaults.max_tokens; // the operator's limit

  const training = field("is_training_allowed");
  training.checked = now.training_use === "allowed";
  training.disabled = ["temporary", "not_consented"].includes(now.training_use);
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll("[data-training-use]"))) {
    part.hidden = part.dataset.trainingUse !== now.training_use;
  }
  training.addEventListener("change", () =>
    attempt(api.changeSettings(conversationId, { is_training_allowed: training.checked }), () => (training.checked = !training.checked)),
  );
  form.querySelector("[data-action=defaults]")?.addEventListener("click", () => {
    for (const name of [...FIELDS, "system_message"]) field(name).value = "";
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const sampling = Object.fromEntries(FIELDS.map((name) => [name, field(name).value === "" ? null : Number(field(name).value)]));
    const changes = { system_message: field("system_message").value, sampling };
    attempt(api.changeSettings(conversationId, changes).then(() => dialog.close()));
  });
}
