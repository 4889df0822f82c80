// @ts-check
/** What somebody prefers: in force at once, kept by the server, and as before where that could not keep it. */
import { api } from "api";
import { pageState } from "texts";

/**
 * @param {Partial<import("texts").Preferences>} change
 * @throws {Error} with a sentence that can be shown, when all is as it was before
 */
export async function prefer(change) {
  const before = { ...pageState.preferences };
  Object.assign(pageState.preferences, change);
  try {
    await api.prefer(change);
  } catch (error) {
    // Only what this changed: something else may have been chosen meanwhile.
    for (const name of Object.keys(change)) Object.assign(pageState.preferences, { [name]: Reflect.get(before, name) });
    throw error;
  }
}
