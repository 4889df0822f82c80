// @ts-check
/** What the visitor has not seen while the chat was closed: told to the page's button, by a sound if they want one, and to
 * the server once they have seen it. */
import { storage } from "storage";
import { texts } from "texts";
import { host } from "widget_host";
import { frameState } from "widget_look";
/** @typedef {import("chat_message").ChatMessage} ChatMessage */

const SOUND_KEY = `parley.sound.${frameState.site_id}`;
const PREVIEW_CHARS = 160;

export class Unread {
  /** Ids of what others wrote and the visitor has seen. @type {Set<string>} */
  #seen;
  #told = "";
  #markRead;

  /** @param {any[]} messages @param {string | null} readAt until when they were read @param {() => void} markRead */
  constructor(messages, readAt, markRead) {
    const read = messages.filter(({ role, created_at }) => role !== "user" && Date.parse(created_at) <= Date.parse(readAt ?? ""));
    this.#seen = new Set(read.map(({ id }) => id));
    this.#markRead = markRead;
  }

  /** @param {ChatMessage[]} elements @param {{isShown: boolean, isConnected: boolean}} state */
  tell(elements, { isShown, isConnected }) {
    const told = elements.filter(({ dataset, isAnswering }) => dataset.role !== "user" && dataset.messageId && !isAnswering);
    const unseen = told.filter(({ dataset }) => !this.#seen.has(dataset.messageId ?? ""));
    const last = told.at(-1);
    const isNews = isConnected && last !== undefined && last.dataset.messageId !== this.#told && unseen.includes(last);
    if (last) this.#told = last.dataset.messageId ?? "";
    if (isNews) host.emit("message", { role: last.dataset.role });
    if (isNews && !isShown && storage.getItem(SOUND_KEY)) ring();
    if (isShown && unseen.length) {
      for (const { dataset } of unseen) this.#seen.add(dataset.messageId ?? "");
      this.#markRead();
    }
    const count = isShown ? 0 : unseen.length;
    const preview = count ? (last?.text ?? "").replace(/[*_`#>]/g, "").slice(0, PREVIEW_CHARS) : "";
    host.tell("unread", { count, preview, label: texts.new_messages.replace("{count}", String(count)) });
  }
}

export function toggleSound() {
  const isOn = !storage.getItem(SOUND_KEY);
  if (isOn) storage.setItem(SOUND_KEY, "1");
  else storage.removeItem(SOUND_KEY);
  showSound();
  if (isOn) ring();
}

export function showSound() {
  const label = /** @type {HTMLElement} */ (document.querySelector("[data-action=sound] span"));
  label.textContent = storage.getItem(SOUND_KEY) ? texts.sound_off : texts.sound_on;
}

/** Two short tones, made here: nothing is loaded for them. */
function ring() {
  const context = new AudioContext();
  [660, 880].forEach((frequency, index) => {
    const tone = new OscillatorNode(context, { frequency });
    const volume = new GainNode(context, { gain: 0.06 });
    tone.connect(volume).connect(context.destination);
    tone.start(context.currentTime + index * 0.12);
    tone.stop(context.currentTime + index * 0.12 + 0.1);
  });
  setTimeout(() => context.close(), 1000);
}
