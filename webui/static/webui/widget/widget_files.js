// @ts-check
/** Files that go with a message: they are sent as soon as they are chosen, and checked by the server. */
import { texts } from "texts";
import { visitorApi } from "widget_api";

export class Files {
  #list;
  /** @type {{id: string, name: string}[]} */
  #uploaded = [];

  /** @param {HTMLElement} form @param {() => string | null} conversationId @param {(problem: string) => void} warn */
  constructor(form, conversationId, warn) {
    this.#list = /** @type {HTMLElement} */ (form.querySelector(".widget__files"));
    const input = /** @type {HTMLInputElement} */ (form.querySelector("input[type=file]"));
    form.querySelector(".widget__attach")?.addEventListener("click", () => input.click());
    input.addEventListener("change", async () => {
      for (const file of [...(input.files ?? [])]) await this.#upload(file, conversationId(), warn);
      input.value = "";
    });
  }

  get ids() {
    return this.#uploaded.map(({ id }) => id);
  }

  get names() {
    return this.#uploaded.map(({ name }) => name).join(", ");
  }

  clear() {
    this.#uploaded = [];
    this.#show();
  }

  /** @param {File} file @param {string | null} conversationId @param {(problem: string) => void} warn */
  async #upload(file, conversationId, warn) {
    const form = new FormData();
    form.append("conversation_id", conversationId ?? "");
    form.append("file", file);
    this.#show(texts.uploading_file.replace("{name}", file.name));
    try {
      this.#uploaded.push(await visitorApi.upload(form));
      warn("");
    } catch (error) {
      warn(/** @type {Error} */ (error).message);
    }
    this.#show();
  }

  /** @param {string} [progress] */
  #show(progress) {
    const rows = this.#uploaded.map((file) => {
      const row = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button button--small";
      button.textContent = `${file.name} ×`;
      button.setAttribute("aria-label", texts.remove_file.replace("{name}", file.name));
      button.addEventListener("click", () => {
        this.#uploaded = this.#uploaded.filter((each) => each !== file);
        this.#show();
      });
      row.append(button);
      return row;
    });
    if (progress) rows.push(Object.assign(document.createElement("li"), { textContent: progress }));
    this.#list.replaceChildren(...rows);
    this.#list.hidden = rows.length === 0;
  }
}

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
