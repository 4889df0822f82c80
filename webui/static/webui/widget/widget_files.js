// @ts-check
/** Files that were sent with a message, as the widget shows them. */
import { visitorApi } from "widget_api";

/**
 * Show what was sent with a message. An image is fetched with the token and shown from memory: its address opens for
 * nobody else.
 * @param {HTMLElement} element @param {{id: string, name: string, media_type: string}[]} attachments
 */
export function showAttachments(element, attachments) {
  const place = /** @type {HTMLElement | null} */ (element.querySelector("[data-part=files]"));
  if (!place || place.childElementCount === attachments.length) return;
  place.hidden = attachments.length === 0;
  place.replaceChildren(...attachments.map(row));
}

/** @param {{id: string, name: string, media_type: string}} attachment */
function row({ id, name, media_type }) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button--small";
  button.textContent = name;
  item.append(button);
  const fetched = () => visitorApi.file(id).then((blob) => URL.createObjectURL(blob));
  button.addEventListener("click", async () => {
    const link = Object.assign(document.createElement("a"), { href: await fetched(), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
  if (media_type.startsWith("image/")) {
    fetched().then((address) => {
      const image = Object.assign(new Image(), { src: address, alt: name });
      button.replaceChildren(image);
      button.className = "widget__image";
    }, () => {});
  }
  return item;
}
