// @ts-check
/**
 * By what the server knows this visitor. It lies in the frame's own storage, which browsers keep apart for each site that
 * shows the frame, so that the site's pages and tabs go on with one conversation. A browser that blocks what belongs to
 * third parties gives the frame no storage, but a partitioned cookie; no request to the server is answered by it, the
 * token travels in a header. Where there is not even that, it stands in the document's history entry until the page goes.
 */
import { storage } from "storage";
import { frameState } from "widget_look";

const KEY = `parley.visitor.${frameState.site_id}`;
const COOKIE = "parley_visitor";
const MONTH_S = 30 * 86_400;

const inCookie = () => document.cookie.match(/(?:^|; )parley_visitor=([\w-]+)/)?.[1] ?? "";
const stored = () => storage.getItem(KEY) ?? inCookie();

let token = /** @type {string} */ (stored() || history.state?.token || "");

export const currentToken = () => token;

/** @type {Promise<unknown>} */
let changing = Promise.resolve();

/** Nothing is asked with a token that is being replaced: the old one may have ended before the new one is here. */
export const settled = () => changing;

const leaving = new AbortController();
export const left = leaving.signal;

/** The document is about to begin anew: what is asked until then, or was asked, waits for ever, and is not refused. */
export function askNoMore() {
  changing = new Promise(() => {});
  leaving.abort();
}

/** @param {Promise<string>} fresh the token that takes its place */
export function changeToken(fresh) {
  const kept = fresh.then(keepToken);
  changing = kept.catch(() => {}); // whoever asked for the change is told
  return kept;
}

/** @param {string} fresh empty to forget it */
export function keepToken(fresh) {
  token = fresh;
  history.replaceState({ token }, "");
  const lifetime = fresh ? MONTH_S : 0;
  // The path is this document's: the cookie goes along with nothing but it.
  document.cookie = `${COOKIE}=${fresh}; Path=${location.pathname}; Max-Age=${lifetime}; Secure; SameSite=None; Partitioned`;
  if (fresh) storage.setItem(KEY, fresh);
  else storage.removeItem(KEY);
}

/** What a visitor has written goes with them. */
export function forgetVisitor() {
  keepToken("");
  for (const key of Object.keys(storage)) if (key.startsWith("parley.") && key.includes(frameState.site_id)) storage.removeItem(key);
}

/** Whether another page of the site has become somebody, or nobody, in the meantime. */
export const isOutdated = () => stored() !== token && (stored() !== "" || token !== (history.state?.token ?? ""));

/** @param {() => void} then */
export function onOtherToken(then) {
  addEventListener("storage", (event) => event.key === KEY && isOutdated() && then());
}
