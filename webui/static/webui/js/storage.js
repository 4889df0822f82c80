// @ts-check
/**
 * What this browser keeps for us. Where it refuses (a frame on another site, with all storage of others blocked), the
 * page keeps it itself, for as long as it is open.
 */

/** @returns {Storage} */
function usable() {
  try {
    localStorage.getItem("parley");
    return localStorage;
  } catch {
    return inMemory();
  }
}

/** @returns {Storage} its keys are not enumerable: what only this page has nobody needs to look through */
function inMemory() {
  /** @type {Map<string, string>} */
  const values = new Map();
  const all = {
    getItem: (/** @type {string} */ key) => values.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void values.set(key, value),
    removeItem: (/** @type {string} */ key) => void values.delete(key),
    clear: () => values.clear(),
    key: (/** @type {number} */ index) => [...values.keys()][index] ?? null,
  };
  return Object.defineProperties(/** @type {any} */ ({ length: 0 }), Object.getOwnPropertyDescriptors(all));
}

export const storage = usable();
