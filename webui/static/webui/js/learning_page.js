// @ts-check
/** Pages of the learning loop. A run that works is read again and again from its own page, so that what is shown is what
 * the database holds, however often one reloads or loses the connection. */
import { localTimes } from "local_times";

/** @type {HTMLInputElement | null} */
const tickAll = document.querySelector("[data-action=tick_all]");
if (tickAll?.parentElement) {
  tickAll.parentElement.hidden = false;
  tickAll.addEventListener("change", () => {
    const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=refused]"));
    boxes.forEach((box) => (box.checked = tickAll.checked));
  });
}

const EVERY_MS = 1500;
const live = document.getElementById("live");

localTimes();
if (live?.dataset.active !== undefined) {
  const { morph } = await import("morph"); // with all that it brings along, for the pages that move alone
  setTimeout(follow, EVERY_MS, morph);
}

/** @param {typeof import("morph").morph} morph */
async function follow(morph) {
  const page = document.hidden ? null : await readAgain();
  const wanted = page?.getElementById("live");
  if (page && !wanted) return location.reload(); // signed out meanwhile, or no longer staff
  if (live && page && wanted) {
    localTimes(page);
    const opened = [...live.querySelectorAll("details")].map((details) => details.open);
    wanted.querySelectorAll("details").forEach((details, at) => (details.open ||= opened[at] ?? false));
    morph(live, wanted);
    if (wanted.dataset.active === undefined) return tellOfTheEnd();
  }
  setTimeout(follow, EVERY_MS, morph);
}

/** @returns {Promise<Document | null>} null while the server cannot be reached */
function readAgain() {
  return new Promise((resolve) => {
    const asking = new XMLHttpRequest(); // makes a document without any sink of markup
    asking.responseType = "document";
    asking.addEventListener("load", () => resolve(asking.status < 500 ? asking.response : null));
    asking.addEventListener("error", () => resolve(null));
    asking.open("GET", location.href);
    asking.send();
  });
}

function tellOfTheEnd() {
  live?.removeAttribute("data-active");
  const status = document.createElement("p");
  status.className = "visually-hidden";
  status.setAttribute("role", "status");
  document.body.append(status);
  status.textContent = live?.querySelector(".state")?.textContent ?? "";
}
