// @ts-check
/** The frame's beginning: little, because it runs on every page of the site. The chat itself comes when there is one to
 * go on with, or when the visitor opens it. */
import { texts } from "texts";
import { visitorApi } from "widget_api";
import { host } from "widget_host";
import { applyScheme, applyTheme, frameState, launcher, preview, showSuggestions } from "widget_look";
import { askNoMore, changeToken, currentToken, forgetVisitor, onOtherToken } from "widget_token";

/** @type {Promise<import("widget_chat").WidgetChat> | null} */
let chat = null;
let page = "";
let hasBegun = false;
/** What was pressed while the chat was on its way: it is pressed again when it is there. @type {HTMLElement | null} */
let pressed = null;

function startChat() {
  chat ??= import("widget_chat").then(({ WidgetChat }) => WidgetChat.begin(page)).then(begun);
  chat.catch(() => (chat = pressed = null)); // the server was away: the next opening tries again
  return chat;
}

/** @param {import("widget_chat").WidgetChat} there */
function begun(there) {
  hasBegun = true;
  pressed?.click();
  return there;
}

/** @param {string} identity @returns {Promise<boolean>} whether the visitor is another than before */
async function identify(identity) {
  const before = currentToken();
  try {
    await changeToken(visitorApi.identify(identity).then(({ token }) => token));
    host.tell("identified", { ok: true });
  } catch (error) {
    host.tell("identified", { ok: false, message: /** @type {Error} */ (error).message });
  }
  return currentToken() !== before;
}

/** @param {string} [asked] */
const speaks = (asked) => !asked || asked.toLowerCase().slice(0, 2) === document.documentElement.lang.slice(0, 2);

/** @param {string} locale */
function speak(locale) {
  if (speaks(locale)) return;
  history.replaceState(history.state, "", `?locale=${encodeURIComponent(locale)}`);
  location.reload();
}

applyTheme(frameState.theme);
showSuggestions(frameState.site_texts.suggestions);

host.on("boot", async (wish) => {
  page = String(wish.page ?? "");
  applyScheme(wish.theme);
  if (wish.identity) await identify(wish.identity);
  host.tell("ready", { launcher: launcher() });
  if (currentToken()) startChat().catch(() => {});
});
host.on("open", async (message) => {
  page = String(message.page ?? page);
  host.tell("opened");
  try {
    (await startChat()).open(page);
  } catch (error) {
    const banner = /** @type {HTMLElement} */ (document.getElementById("banner"));
    banner.textContent = /** @type {Error} */ (error).message || texts.cannot_start;
    banner.hidden = false;
  }
});
host.on("shown", () => startChat().then((each) => each.shown(), () => {}));
host.on("hidden", () => chat?.then((each) => each.hidden(), () => {}));
host.on("page", (message) => {
  page = String(message.page ?? "");
  chat?.then((each) => each.moveTo(page), () => {});
});
host.on("theme", ({ theme }) => applyScheme(theme));
host.on("locale", ({ locale }) => speak(String(locale)));
host.on("identify", async ({ identity }) => {
  if (await identify(String(identity))) location.reload();
});
host.on("reset", async () => {
  askNoMore();
  await visitorApi.forget().catch(() => {}); // it ends by itself when nobody uses it
  forgetVisitor();
  location.reload();
});
onOtherToken(() => location.reload());

document.addEventListener("click", (event) => {
  const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("button"));
  if (button?.matches(".widget__head [data-action=close]")) host.tell("close");
  else if (!hasBegun && button?.matches("[data-action=person], #suggestions button")) pressed = button;
});

if (frameState.is_preview) {
  host.on("preview", (draft) => preview(draft));
  host.tell("loaded");
} else if (host.isThere) host.tell("loaded");
else /** @type {HTMLElement} */ (document.querySelector(".widget__foot")).hidden = true; // shown by no page: nothing to answer to
