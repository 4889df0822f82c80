// @ts-check
/** Says which conversation this page looks at and whether something is being written into it, and shows who else does. */
import { texts } from "texts";

const LOOK_MS = 10_000;

export class Presence {
  #socket;
  #thread;
  #composer;
  #isShown;

  /**
   * @param {import("stream_client").StreamClient} socket @param {import("desk_thread").CaseThread} thread
   * @param {import("desk_composer").DeskComposer} composer @param {() => boolean} isShown whether the open case can be seen
   */
  constructor(socket, thread, composer, isShown) {
    this.#socket = socket;
    this.#thread = thread;
    this.#composer = composer;
    this.#isShown = isShown;
    socket.addEventListener("presence", (event) => this.#show(/** @type {CustomEvent} */ (event).detail));
    composer.addEventListener("typing", () => this.look());
    setInterval(() => this.look(), LOOK_MS);
  }

  look() {
    this.#socket.lookAtCase(this.#isShown() ? this.#thread.id : null, this.#composer.isTyping);
  }

  /** @param {any} frame */
  #show({ conversation_id, agents, visitor_is_typing }) {
    const place = document.getElementById("others");
    if (conversation_id !== this.#thread.id || !place) return;
    const said = agents.map((/** @type {any} */ { name, is_typing }) => texts[is_typing ? "desk_writes" : "desk_looks"].replace("{name}", name));
    if (visitor_is_typing) said.push(texts.desk_visitor_writes);
    place.textContent = said.join(" ");
    place.classList.toggle("is-warning", agents.some((/** @type {any} */ agent) => agent.is_typing));
  }
}
