// @ts-check
/** Reads the inbox's own pages again and puts what changed into the one that is open. How things look, and in which
 * language, only the server's templates know. */
import { localTime } from "local_times";
import { morph } from "morph";
import { texts } from "texts";

const PATIENCE_MS = 15_000;
const UNITS = /** @type {const} */ ([["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]]);

/** @param {string} address @returns {Promise<Document>} raises an Error that can be shown */
export function readPart(address) {
  return new Promise((resolve, reject) => {
    const asking = new XMLHttpRequest(); // makes a document without any sink of markup
    asking.responseType = "document";
    asking.timeout = PATIENCE_MS;
    const fail = () => reject(new Error(texts.request_failed));
    asking.addEventListener("load", () => {
      if (asking.status === 401) location.reload(); // signed out meanwhile
      if (asking.status !== 200 || !asking.response) return fail();
      tellTimes(asking.response);
      resolve(asking.response);
    });
    asking.addEventListener("error", fail);
    asking.addEventListener("timeout", fail);
    asking.open("GET", address);
    asking.send();
  });
}

/** Times in the reader's own zone; those of the list as how long ago. @param {ParentNode} page */
export function tellTimes(page) {
  for (const time of page.querySelectorAll("time")) {
    localTime(time, time.dateTime);
    if (time.dataset.relative === undefined) continue;
    time.title = time.textContent ?? "";
    const passed = Date.now() - Date.parse(time.dateTime);
    const [unit, size] = UNITS.find(([, size]) => passed >= size) ?? ["minute", 60_000];
    const count = Math.max(0, Math.floor(passed / size));
    const style = /** @type {const} */ ({ style: "unit", unit, unitDisplay: "short" });
    time.textContent = count ? new Intl.NumberFormat(document.documentElement.lang, style).format(count) : texts.now;
  }
}

/** Become like `wanted`, attributes and all. @param {Element} present @param {Element} wanted */
export function become(present, wanted) {
  for (const { name } of [...present.attributes]) if (!wanted.hasAttribute(name)) present.removeAttribute(name);
  for (const { name, value } of [...wanted.attributes]) if (present.getAttribute(name) !== value) present.setAttribute(name, value);
  morph(present, wanted);
}

/** Put these into `place` in this order, moving no more than must be moved. @param {Element} place @param {Element[]} wanted */
export function arrange(place, wanted) {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  const kept = new Set(wanted);
  for (const element of [...place.children]) if (!kept.has(element)) element.remove();
  wanted.forEach((element, at) => {
    if (place.children[at] !== element) place.insertBefore(element, place.children[at] ?? null);
  });
  if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
}
