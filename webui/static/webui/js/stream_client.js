// @ts-check
/**
 * One WebSocket that keeps its promises over broken connections (docs/protocol.md): what was not accepted is sent
 * again under the same id, what was not shown is asked for again, and what came twice is dropped.
 * It knows no element of the page; it tells by events.
 */
import { texts } from "texts";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 2000;
const NOT_SIGNED_IN = 4401;

/**
 * A reply that is being followed: the last seq, the text shown so far, and who shows it.
 * @typedef {{seq: number, text: string, show: (text: string) => void, note: (event: any) => void}} Followed
 */

export class StreamClient extends EventTarget {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, object>} frames of message.send that the server has not answered, by client_message_id */
  #unanswered = new Map();
  /** @type {Map<string, Followed>} */
  #followed = new Map();
  #pauseMs = FIRST_PAUSE_MS;
  #timer = 0;
  #isOver = false;

  constructor() {
    super();
    addEventListener("online", () => this.#connectNow());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#connectNow());
    // A page that comes back from the browser's cache has a dead socket.
    addEventListener("pageshow", (event) => event.persisted && this.#connectNow());
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/chat/`);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#onOpen());
    socket.addEventListener("message", (event) => this.#onFrame(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => socket === this.#socket && this.#onClose(event.code));
  }

  /** @param {import("outbox").Sending} fields */
  sendMessage(fields) {
    const frame = { type: "message.send", v: 1, ...fields };
    this.#unanswered.set(fields.client_message_id, frame);
    this.#send(frame);
  }

  /**
   * Follow a reply from where `text` ends.
   * @param {string} generationId
   * @param {Pick<Followed, "show" | "note">} reader
   * @param {boolean} [isKnownToServer] the server follows what this socket has just asked for by itself
   */
  follow(generationId, reader, isKnownToServer = false) {
    const known = this.#followed.get(generationId);
    if (known) {
      Object.assign(known, reader);
      known.show(known.text);
      return;
    }
    this.#followed.set(generationId, { seq: 0, text: "", ...reader });
    if (!isKnownToServer) this.#ask(generationId);
  }

  /** @param {string} generationId */
  isFollowing(generationId) {
    return this.#followed.has(generationId);
  }

  /** @param {string} generationId */
  stop(generationId) {
    this.#send({ type: "generation.stop", v: 1, generation_id: generationId });
  }

  /** @param {string} messageId */
  regenerate(messageId) {
    this.#send({ type: "generation.regenerate", v: 1, message_id: messageId });
  }

  /** @param {object} frame */
  #send(frame) {
    if (this.isOpen) this.#socket?.send(JSON.stringify(frame));
  }

  /** @param {string} generationId */
  #ask(generationId) {
    const after = this.#followed.get(generationId)?.seq ?? 0;
    this.#send({ type: "generation.follow", v: 1, generation_id: generationId, after_seq: after });
  }

  #onOpen() {
    this.#pauseMs = FIRST_PAUSE_MS;
    for (const frame of this.#unanswered.values()) this.#send(frame);
    for (const id of this.#followed.keys()) this.#ask(id);
    this.#tell("state", { isOpen: true });
    this.#tell("hint", { conversation_id: null });
  }

  /** @param {number} code */
  #onClose(code) {
    this.#isOver = code === NOT_SIGNED_IN;
    this.#tell("state", { isOpen: false, reason: this.#isOver ? texts.session_ended : texts.reconnecting });
    if (this.#isOver) return;
    clearTimeout(this.#timer);
    // Many pages lose their server together; they must not all come back in the same instant.
    this.#timer = setTimeout(() => this.connect(), this.#pauseMs * (0.5 + Math.random()));
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  #connectNow() {
    if (this.#isOver || (this.#socket && this.#socket.readyState <= WebSocket.OPEN)) return;
    clearTimeout(this.#timer);
    this.connect();
  }

  /** @param {any} frame */
  #onFrame(frame) {
    switch (frame.type) {
      case "message.accepted":
        this.#unanswered.delete(frame.client_message_id);
        this.#tell("accepted", frame);
        break;
      case "generation.event":
        this.#onEvent(frame);
        break;
      case "error":
        this.#unanswered.delete(frame.ref);
        this.#followed.delete(frame.ref);
        this.#tell("refused", frame);
        break;
      case "hint":
        this.#tell("hint", frame);
        break;
    }
  }

  /** @param {any} event */
  #onEvent(event) {
    const reply = this.#followed.get(event.generation_id);
    if (!reply || event.seq <= reply.seq) return;
    if (event.kind !== "snapshot" && event.after_seq > reply.seq) {
      this.#ask(event.generation_id);
      return;
    }
    reply.seq = event.seq;
    if (event.kind === "delta") reply.text += event.delta;
    if (event.kind === "snapshot") reply.text = event.text;
    if (event.kind === "delta" || event.kind === "snapshot") reply.show(reply.text);
    else reply.note(event);
    if (event.kind === "finished" || event.kind === "failed") {
      this.#followed.delete(event.generation_id);
      this.#compare(reply.text, event.text_sha256);
    }
  }

  /**
   * What is shown must be what is stored.
   * @param {string} text
   * @param {string} expected
   */
  async #compare(text, expected) {
    if (!crypto.subtle) return; // not on pages without HTTPS; the text was numbered all the way
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    if (hex !== expected) this.#tell("differs", {});
  }

  /** @param {string} type @param {object} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
