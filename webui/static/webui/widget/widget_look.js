// @ts-check
/** What the server put into the frame, and how the site wants it to look. Colours are set by CSSOM. */
import { pageState, texts } from "texts";

/**
 * @typedef {{color: string, text_color: string, position: string, scheme: string, avatar: string, has_launcher: boolean}} Theme
 * @typedef {{title: string, greeting: string, launcher: string, offline: string, suggestions: string[]}} SiteTexts
 * @typedef {{name: string, label: string, is_required: boolean}} FormField
 * @typedef {{site_id: string, allowed_origins: string[], is_preview: boolean, language: string, theme: Theme,
 *   site_texts: SiteTexts, pre_chat: FormField[], asks_training_consent: boolean, has_offline_form: boolean,
 *   is_identity_required: boolean, is_open: boolean, max_message_chars: number, can_mail: boolean}} FrameState
 */
export const frameState = /** @type {FrameState} */ (/** @type {any} */ (pageState));

/** @param {string} name */
export const part = (name) => /** @type {HTMLElement} */ (document.querySelector(`#app [data-part=${name}]`));

/** @param {Theme} theme */
export function applyTheme(theme) {
  const { style } = document.documentElement;
  style.setProperty("--brand", theme.color);
  style.setProperty("--brand-text", theme.text_color);
  applyScheme(theme.scheme);
}

/** @param {string} [scheme] "light", "dark", or what the system has */
export function applyScheme(scheme) {
  if (scheme) document.documentElement.dataset.theme = ["light", "dark"].includes(scheme) ? scheme : "";
}

/** What the page draws its button with. */
export function launcher() {
  const { color, text_color, position, has_launcher } = frameState.theme;
  const { launcher: text, title } = frameState.site_texts;
  return { color, text_color, position, has_launcher, text, title: title || texts.chat, open_label: texts.open_chat };
}

/** Show what an administrator is about to store. @param {{theme: Theme, site_texts: SiteTexts, name: string}} draft */
export function preview({ theme, site_texts, name }) {
  applyTheme(theme);
  document.documentElement.dataset.theme = theme.scheme === "auto" ? "" : theme.scheme;
  part("title").textContent = site_texts.title || name;
  part("greeting").textContent = site_texts.greeting || texts.hello;
  if (theme.avatar) part("avatar").textContent = theme.avatar;
  showSuggestions(site_texts.suggestions);
}

/** @param {string[]} sentences */
export function showSuggestions(sentences) {
  const place = /** @type {HTMLElement} */ (document.getElementById("suggestions"));
  place.hidden = sentences.length === 0;
  place.replaceChildren(
    ...sentences.map((sentence) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.className = "chip";
      chip.textContent = sentence;
      return chip;
    }),
  );
}
