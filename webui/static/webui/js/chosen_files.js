// @ts-check
/** Files that go with a message: they are sent as soon as they are chosen, and checked by the server. */
import { texts } from "texts";

/** @typedef {{id: string, name: string}} Uploaded */

export class ChosenFiles {
  #list;
  #input;
  #uploaded;
  #server;
  /** Names of those on their way to the server. @type {string[]} */
  #sending = [];

  /**
   * @param {HTMLElement} form with a list for the files and an input of type file
   * @param {{upload: (form: FormData) => Promise<Uploaded>, conversationId: () => string | null,
   *   warn: (problem: string) => void, changed?: () => void}} server
   * @param {Uploaded[]} [uploaded] those chosen before; what is chosen is added to them
   */
  constructor(form, server, uploaded = []) {
    this.#list = /** @type {HTMLElement} */ (form.querySelector("[data-part=chosen-files]"));
    this.#server = server;
    this.#uploaded = uploaded;
    this.#input = /** @type {HTMLInputElement} */ (form.querySelector("input[type=file]"));
    this.#input.addEventListener("change", async () => {
      for (const file of [...(this.#input.files ?? [])]) await this.#upload(file);
      this.#input.value = "";
    });
    this.#show();
  }

  choose() {
    this.#input.click();
  }

  get ids() {
    return this.#uploaded.map(({ id }) => id);
  }

  get names() {
    return this.#uploaded.map(({ name }) => name).join(", ");
  }

  /** What is on its way to the server would miss the message. */
  get isUploading() {
    return this.#sending.length > 0;
  }

  clear() {
    this.#uploaded.length = 0;
    this.#show();
  }

  /** @param {File} file */
  async #upload(file) {
    const form = new FormData();
    form.append("conversation_id", this.#server.conversationId() ?? "");
    form.append("file", file);
    this.#sending.push(file.name);
    this.#show();
    try {
      this.#uploaded.push(await this.#server.upload(form));
      this.#server.warn("");
    } catch (error) {
      this.#server.warn(/** @type {Error} */ (error).message);
    }
    this.#sending.splice(this.#sending.indexOf(file.name), 1);
    this.#show();
  }

  #show() {
    const rows = this.#uploaded.map((file) => this.#row(file));
    for (const name of this.#sending) {
      rows.push(Object.assign(document.createElement("li"), { textContent: texts.uploading_file.replace("{name}", name) }));
    }
    this.#list.replaceChildren(...rows);
    this.#list.hidden = rows.length === 0;
    this.#server.changed?.();
  }

  /** @param {Uploaded} file */
  #row(file) {
    const row = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button button--small";
    button.textContent = `${file.name} ×`;
    button.setAttribute("aria-label", texts.remove_file.replace("{name}", file.name));
    button.addEventListener("click", () => {
      this.#uploaded.splice(this.#uploaded.indexOf(file), 1);
      this.#show();
    });
    row.append(button);
    return row;
  }
}
