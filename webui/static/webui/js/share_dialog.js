// @ts-check
/** Shows a conversation to others by a link: choose for whom, create, copy, update, take back. */
import { api } from "api";
import { openDialog } from "dialog";
import { localTime } from "local_times";
import { texts } from "texts";

/** @typedef {{path: string, audience: string, snapshot_at: string}} ShareLink */

/** @param {{id: string}} conversation */
export async function openShareDialog(conversation) {
  const dialog = openDialog("share-dialog");
  const form = /** @type {HTMLFormElement} */ (dialog.querySelector("form"));
  const address = /** @type {HTMLInputElement} */ (form.elements.namedItem("address"));
  const audience = /** @type {RadioNodeList} */ (form.elements.namedItem("audience"));
  /** @type {ShareLink | null} */
  let link = null;

  /** @param {string} selector */
  const find = (selector) => /** @type {HTMLElement} */ (dialog.querySelector(selector));
  /** @param {string} text */
  const say = (text) => (find("[data-part=status]").textContent = text);

  /** @param {ShareLink | null} shown */
  function show(shown) {
    link = shown;
    const focused = document.activeElement;
    for (const action of ["revoke", "update"]) find(`[data-action=${action}]`).hidden = !link;
    find("[data-action=create]").hidden = link !== null;
    find("[data-part=link]").hidden = !link;
    if (link) {
      address.value = location.origin + link.path;
      audience.value = link.audience;
      localTime(/** @type {HTMLTimeElement} */ (find("[data-part=snapshot]")), link.snapshot_at);
    }
    // The button that was pressed may just have gone.
    if (focused instanceof HTMLElement && !focused.offsetParent) find(link ? "[data-action=copy]" : "[data-action=create]").focus();
  }

  /** @param {() => Promise<{link: ShareLink} | null>} work @param {string} [said] */
  async function attempt(work, said = "") {
    const problem = find("[data-part=problem]");
    problem.hidden = true;
    try {
      show((await work())?.link ?? null);
      say(said);
    } catch (error) {
      problem.textContent = /** @type {Error} */ (error).message;
      problem.hidden = false;
      if (link) audience.value = link.audience;
    }
  }

  async function copy() {
    address.select();
    try {
      await navigator.clipboard.writeText(address.value);
      say(texts.link_copied);
      const button = find("[data-action=copy]");
      const before = button.textContent;
      button.textContent = texts.copied;
      setTimeout(() => (button.textContent = before), 1500);
    } catch {
      await attempt(() => Promise.reject(new Error(texts.copy_failed)));
    }
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => link && attempt(() => api.shareWith(conversation.id, audience.value)));
  form.addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("button");
    switch (button?.dataset.action) {
      case "create":
        return attempt(() => api.share(conversation.id, audience.value));
      case "update":
        return attempt(() => api.share(conversation.id, audience.value), texts.link_updated);
      case "revoke":
        return attempt(() => api.unshare(conversation.id), texts.link_revoked);
      case "copy":
        return copy();
    }
  });
  await attempt(() => api.shareLink(conversation.id));
}
