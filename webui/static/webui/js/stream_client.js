// @ts-check
/**
 * One WebSocket that keeps its promises over broken connections (docs/protocol.md): what was not accepted is sent
 * again under the same id, what was not shown is asked for again, and what came twice is dropped.
 * It knows no element of the page; it tells by events.
 */
import { texts } from "texts";

const FIRST_PAUSE_MS = 250; // most outages are over before anybody is told of them
const LONGEST_PAUSE_MS = 2000;
// A reply comes in so many steps. Faster than anybody reads; and a browser's work is in the steps, not in the letters.
const PACE_MS = 250;
// Sending waits until the page knows what it missed, but no longer than this: a slow list shall lock nobody out.
const CATCH_UP_MS = 3000;
// Why the server ended the connection (docs/protocol.md).
const SERVER_RESTARTS = 1012;
const NOT_SIGNED_IN = 4401;
const TOO_MANY_PAGES = 4409;
const TOO_OFTEN = 4429;
const TOO_OFTEN_PAUSE_MS = 15_000;

/** @param {string} path @param {Record<string, string>} [query] */
export function socketAddress(path, query) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}${path}?${new URLSearchParams({ ...query, pace_ms: String(PACE_MS) })}`;
}

/**
 * Whoever shows a reply: its text so far, the events that are not text, and the place of one that waits for a worker.
 * @typedef {{show: (text: string) => void, note: (event: any) => void,
 *   wait?: (place: {ahead: number, workers: string}) => void}} Reader
 * A reply that is being followed: the last seq, the text so far, how it began, and who shows it (a comparison does,
 * beside the transcript).
 * @typedef {{seq: number, text: string, started: any, readers: Set<Reader>}} Followed
 */

export class StreamClient extends EventTarget {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, object>} frames of message.send that the server has not answered, by client_message_id */
  #unanswered = new Map();
  /** @type {object[]} what was asked for without a connection, to be sent once when there is one */
  #held = [];
  /** @type {Map<string, Followed>} */
  #followed = new Map();
  #pauseMs = FIRST_PAUSE_MS;
  #timer = 0;
  #isOver = false;
  #wasRefused = false;
  #personId;
  #isRestart = false;
  #isReady = false;
  #isOpening = false;

  /** @type {() => Promise<unknown>} asks over HTTP what the page missed */
  catchUp = () => Promise.resolve();

  /** @param {string} personId whom the page was made for; the server lets it go on as nobody else */
  constructor(personId) {
    super();
    this.#personId = personId;
    // Whether the socket is still good shows only when another is opened (a server on this machine stays in reach).
    addEventListener("offline", () => !this.#isOver && this.#renew());
    addEventListener("online", () => this.connectNow());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.connectNow());
    // A page that comes back from the browser's cache has a dead socket.
    addEventListener("pageshow", (event) => event.persisted && this.connectNow());
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Connected, and the page knows what it missed. */
  get isReady() {
    return this.#isReady;
  }

  /** Whether something was pressed that is sent once there is a connection. */
  get isHolding() {
    return this.#held.length > 0;
  }

  connect() {
    if (this.#isOpening) return;
    this.#isOpening = true;
    const opened = this.openSocket().then((socket) => this.#listen(socket), (error) => this.#onClose(error.closeCode ?? 0));
    opened.finally(() => (this.#isOpening = false));
  }

  /** @returns {Promise<WebSocket>} a rejection may say by `closeCode` what the server would have ended it with */
  openSocket() {
    return Promise.resolve(new WebSocket(socketAddress("/ws/chat/", { person: this.#personId })));
  }

  /** @param {WebSocket} socket */
  #listen(socket) {
    this.#socket = socket;
    socket.addEventListener("message", (event) => socket === this.#socket && this.#onFrame(JSON.parse(event.data)));
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
   * @param {Reader} reader
   * @param {boolean} [isKnownToServer] the server follows what this socket has just asked for by itself
   */
  follow(generationId, reader, isKnownToServer = false) {
    const known = this.#followed.get(generationId);
    if (known) {
      if (known.started && !known.readers.has(reader)) reader.note(known.started);
      known.readers.add(reader);
      reader.show(known.text);
      return;
    }
    this.#followed.set(generationId, { seq: 0, text: "", started: null, readers: new Set([reader]) });
    if (!isKnownToServer) this.#ask(generationId);
  }

  /** @param {string} generationId */
  isFollowing(generationId) {
    return this.#followed.has(generationId);
  }

  /** @param {string} generationId */
  stop(generationId) {
    this.#sendOrHold({ type: "generation.stop", v: 1, generation_id: generationId });
  }

  /**
   * @param {string} messageId @param {string} [modelChoice] who writes, if not whom the conversation chose
   * @param {boolean} [usesApprovedAnswers]
   */
  regenerate(messageId, modelChoice, usesApprovedAnswers = true) {
    const what = { message_id: messageId, model_choice: modelChoice, uses_approved_answers: usesApprovedAnswers };
    this.#sendOrHold({ type: "generation.regenerate", v: 1, ...what });
  }

  /** Say which case an agent looks at, and whether they write. @param {string | null} caseId @param {boolean} isTyping */
  lookAtCase(caseId, isTyping) {
    this.#send({ type: "case.look", v: 1, conversation_id: caseId, is_typing: isTyping });
  }

  /** Say whether a visitor writes. @param {string} conversationId @param {boolean} isTyping */
  tellTyping(conversationId, isTyping) {
    this.#send({ type: "visitor.typing", v: 1, conversation_id: conversationId, is_typing: isTyping });
  }

  /** @param {object} frame */
  #send(frame) {
    if (this.isOpen) this.#socket?.send(JSON.stringify(frame));
  }

  /** @param {object} frame */
  #sendOrHold(frame) {
    if (this.isOpen) this.#send(frame);
    else this.#held.push(frame);
  }

  /** @param {string} generationId */
  #ask(generationId) {
    const reply = this.#followed.get(generationId);
    if (reply) this.#send({ type: "generation.follow", v: 1, generation_id: generationId, after_seq: reply.seq });
  }

  /** Not when the socket opens: where the session has ended, what is asked over HTTP would only be refused as well. */
  async #onWelcome() {
    const socket = this.#socket;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#wasRefused = false;
    for (const frame of [...this.#unanswered.values(), ...this.#held.splice(0)]) this.#send(frame);
    for (const id of this.#followed.keys()) this.#ask(id);
    await Promise.race([this.catchUp(), new Promise((resolve) => setTimeout(resolve, CATCH_UP_MS))]);
    if (socket !== this.#socket || !this.isOpen) return;
    this.#isRestart = false;
    this.#isReady = true;
    this.#tell("state", { isOpen: true });
  }

  /** @param {number} code */
  #onClose(code) {
    // Another tab may just have changed the password and got a new session for all: one more try tells.
    this.#isOver = code === NOT_SIGNED_IN && this.#wasRefused;
    this.#wasRefused = code === NOT_SIGNED_IN;
    this.#isRestart ||= code === SERVER_RESTARTS;
    this.#lost(code);
    clearTimeout(this.#timer);
    // A page that had to give way comes back when somebody looks at it; by itself it would push out the next.
    if (this.#isOver || code === TOO_MANY_PAGES) return;
    if (code === TOO_OFTEN) this.#pauseMs = TOO_OFTEN_PAUSE_MS;
    // Many pages lose their server together; they must not all come back in the same instant.
    this.#timer = setTimeout(() => this.connect(), this.#pauseMs * (0.5 + Math.random()));
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  /** @param {number} [code] why the server ended the connection, if it did */
  #lost(code) {
    this.#isReady = false;
    const outage = !navigator.onLine ? "offline" : this.#isRestart ? "server_restarts" : "reconnecting";
    const reason = this.#isOver ? "session_ended" : code === TOO_MANY_PAGES ? "too_many_pages" : outage;
    this.#tell("state", { isOpen: false, reason: texts[reason] });
  }

  #renew() {
    clearTimeout(this.#timer);
    const old = this.#socket;
    this.#socket = null; // so that its end, which may come late, is not taken for the new one's
    old?.close();
    this.#lost();
    this.connect();
  }

  /** The server may well be in reach: wait no longer. */
  connectNow() {
    if (this.#isOver || (this.#socket && this.#socket.readyState <= WebSocket.OPEN)) return;
    clearTimeout(this.#timer);
    this.connect();
  }

  /** @param {any} frame */
  #onFrame(frame) {
    switch (frame.type) {
      case "welcome":
        this.#onWelcome();
        break;
      case "message.accepted":
        this.#unanswered.delete(frame.client_message_id);
        this.#tell("accepted", frame);
        break;
      case "generation.event":
        this.#onEvent(frame);
        break;
      case "generation.queued":
        for (const reader of this.#followed.get(frame.generation_id)?.readers ?? []) reader.wait?.(frame);
        break;
      case "error":
        if (frame.retry_after_s && this.#followed.has(frame.ref)) {
          setTimeout(() => this.#ask(frame.ref), frame.retry_after_s * 1000);
          break;
        }
        this.#unanswered.delete(frame.ref);
        this.#followed.delete(frame.ref);
        this.#tell("refused", frame);
        break;
      case "hint":
        this.#tell("hint", frame);
        break;
      case "case.presence":
        this.#tell("presence", frame);
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
    if (event.kind === "started") reply.started = event;
    for (const reader of reply.readers) {
      if (event.kind === "delta" || event.kind === "snapshot") reader.show(reply.text);
      else reader.note(event);
    }
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
