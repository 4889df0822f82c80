// @ts-check
/** A site's page: what is written in the form stands in the preview at once. Stands alone, like settings_page.js. */

const form = /** @type {HTMLFormElement} */ (document.getElementById("site-form"));
const frame = /** @type {HTMLIFrameElement} */ (document.querySelector(".site__preview iframe"));
const language = document.documentElement.lang.startsWith("zh") ? "zh-hans" : "en";

/** Black or white, as the server chooses (assistant/desk/site_settings.py). @param {string} color */
function textOn(color) {
  const channels = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255);
  const [red, green, blue] = channels.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

function show() {
  const said = new FormData(form);
  const value = (/** @type {string} */ name) => String(said.get(name) ?? "").trim();
  const color = value("color");
  const theme = { color, text_color: textOn(color), scheme: value("scheme"), avatar: value("avatar") };
  const site_texts = {
    title: value(`${language}_title`),
    greeting: value(`${language}_greeting`),
    suggestions: value(`${language}_suggestions`).split("\n").filter((line) => line.trim()),
  };
  frame.contentWindow?.postMessage({ parley: 1, type: "preview", theme, site_texts, name: value("name") }, location.origin);
}

form.addEventListener("input", show);
addEventListener("message", (event) => event.source === frame.contentWindow && event.data?.type === "loaded" && show());

const copy = /** @type {HTMLButtonElement} */ (document.getElementById("copy-snippet"));
copy.hidden = !navigator.clipboard;
copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(document.getElementById("snippet")?.textContent ?? "");
  copy.classList.add("is-done");
});

export {};
