// @ts-check
/**
 * What a person is about to say, kept in this browser by person and conversation, so that a reload loses nothing and
 * the next person at the same browser sees nothing. What nobody came back to for a month is thrown away.
 */
import { storage } from "storage";

const MONTH_MS = 30 * 86_400_000;

/** @template Value */
export class Kept {
  #prefix;

  /** @param {"draft" | "waiting"} kind @param {string} personId */
  constructor(kind, personId) {
    this.#prefix = `parley.${kind}.${personId}.`;
  }

  /** @param {string} place @returns {Value | null} */
  read(place) {
    return parsed(this.key(place))?.value ?? null;
  }

  /** @param {string} place @param {Value | null} value null to forget it */
  write(place, value) {
    if (value === null) storage.removeItem(this.key(place));
    else storage.setItem(this.key(place), JSON.stringify({ at: Date.now(), value }));
  }

  /** @param {string} place */
  key(place) {
    return this.#prefix + place;
  }
}

/**
 * What somebody wrote as a guest is theirs when they have signed in.
 * @param {string} guestId @param {string} personId
 */
export function bringAlong(guestId, personId) {
  for (const key of Object.keys(storage).filter((key) => key.split(".")[2] === guestId)) {
    const own = key.replace(guestId, personId);
    if (storage.getItem(own) === null) storage.setItem(own, storage.getItem(key) ?? "");
    storage.removeItem(key);
  }
}

export function forgetOld() {
  for (const key of Object.keys(storage)) {
    if (!/^parley\.(draft|waiting)\./.test(key)) continue;
    if (!((parsed(key)?.at ?? 0) > Date.now() - MONTH_MS)) storage.removeItem(key);
  }
}

/** @param {string} key */
function parsed(key) {
  try {
    return JSON.parse(storage.getItem(key) ?? "null");
  } catch {
    return null; // an earlier version's
  }
}
