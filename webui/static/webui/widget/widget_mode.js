// @ts-check
/** Who answers, as the visitor is told: in the head of the chat, to the page, and by the forms that belong to it (where to
 * write to while nobody is there, and how it was). */
import { texts } from "texts";
import { host } from "widget_host";
import { frameState, part } from "widget_look";

const loadForms = () => import("widget_forms");
/** @param {string} name */
const isShown = (name) => document.getElementById("panel")?.dataset.form === name;

export class Mode {
  #mode = "";
  // Where to write to is asked once, and again only on another page.
  #whereTo = /** @type {"" | "asked" | "settled"} */ ("");

  /** @param {any} about the conversation, null before there is one @param {boolean} hasEmail */
  show(about, hasEmail) {
    const mode = about?.mode ?? "assistant";
    const withPerson = about?.agent ? texts.with_person.replace("{name}", about.agent) : texts.with_somebody;
    const said = { assistant: texts.with_assistant, waiting: texts.with_waiting, person: withPerson, resolved: texts.with_resolved };
    part("with").textContent = said[/** @type {keyof typeof said} */ (mode)];
    /** @type {HTMLElement} */ (document.getElementById("app")).dataset.mode = mode;
    const isAsked = mode === "waiting" || mode === "person";
    /** @type {HTMLElement} */ (document.querySelector("[data-action=person]")).hidden = isAsked;
    if (this.#mode && mode !== this.#mode) host.emit("handoff", { mode });
    this.#mode = about ? mode : "";
    if (about) this.#showForms(about, hasEmail);
  }

  /** @param {any} about @param {boolean} hasEmail */
  #showForms({ id, mode, wants_form, satisfaction }, hasEmail) {
    if (wants_form && frameState.has_offline_form && !hasEmail && !this.#whereTo) {
      this.#whereTo = "asked";
      loadForms().then(({ showOfflineForm }) => showOfflineForm());
    }
    if (mode !== "waiting" && this.#whereTo === "asked") {
      this.#whereTo = "settled"; // somebody came
      if (isShown("email")) loadForms().then(({ closeForm }) => closeForm());
    }
    const isUnrated = mode === "resolved" && satisfaction === null;
    if (isUnrated && !isShown("rating")) loadForms().then(({ showRating }) => showRating(id));
    else if (!isUnrated && isShown("rating")) loadForms().then(({ closeForm }) => closeForm());
  }
}
