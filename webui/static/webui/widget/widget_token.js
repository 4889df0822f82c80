// @ts-check
/**
 * By what the server knows this visitor. It lies in the frame's own storage, which browsers keep apart for each site that
 * shows the frame, so that the site's pages and tabs go on with one conversation. Where a browser gives the frame no
 * storage at all it stands in this document, and in its history entry for as long as that is reloaded.
 */
import { storage } from "storage";
import { frameState } from "widget_look";

const KEY = `parley.visitor.${frameState.site_id}`;

let token = /** @type {string} */ (storage.getItem(KEY) ?? history.state?.token ?? "");

export const currentToken = () => token;

/** @param {string} fresh empty to forget it */
export function keepToken(fresh) {
  token = fresh;
  history.replaceState({ token }, "");
  if (fresh) storage.setItem(KEY, fresh);
  else storage.removeItem(KEY);
}

/** What a visitor has written and seen goes with them. */
export function forgetVisitor() {
  keepToken("");
  for (const key of Object.keys(storage)) if (key.startsWith("parley.") && key.includes(frameState.site_id)) storage.removeItem(key);
}

/** Another tab of the site has become somebody, or nobody. @param {() => void} then */
export function onOtherToken(then) {
  addEventListener("storage", (event) => event.key === KEY && (event.newValue ?? "") !== token && ((token = event.newValue ?? ""), then()));
}
