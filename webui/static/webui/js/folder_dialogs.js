// @ts-check
/** The dialogs in which folders are chosen, named and deleted. Loaded when the first of them is opened. */
import { api } from "api";
import { openDialog } from "dialog";
import { fromTemplate, texts } from "texts";
/** @typedef {import("texts").Conversation} Conversation */
/** @typedef {import("texts").Folder} Folder */

/**
 * Move a conversation into a folder, into a new one, or out of all.
 * @param {Conversation} conversation @param {Folder[]} folders @param {(folderId: string | null) => Promise<void>} done
 */
export function openMove(conversation, folders, done) {
  const dialog = openDialog("move-dialog");
  const places = conversation.folder_id ? [null, ...folders] : folders;
  /** @param {string | null} folderId */
  const move = async (folderId) => {
    await api.move(conversation.id, folderId);
    await done(folderId);
  };
  for (const folder of places) {
    const place = fromTemplate("move-place");
    const button = /** @type {HTMLButtonElement} */ (place.querySelector("button"));
    const isHere = folder?.id === conversation.folder_id;
    /** @type {HTMLElement} */ (place.querySelector("span")).textContent = folder?.name ?? texts.no_folder;
    if (isHere) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => (isHere ? dialog.close() : attempt(dialog, move(folder?.id ?? null))));
    dialog.querySelector(".places")?.append(place);
  }
  onSubmit(dialog, async (name) => move((await api.createFolder(name)).id));
  /** @type {HTMLElement} */ (dialog.querySelector(places.length ? ".places button" : "input")).focus();
}

/** @param {Folder} folder @param {() => Promise<void>} done */
export function openRename(folder, done) {
  const dialog = openDialog("folder-rename");
  const box = /** @type {HTMLInputElement} */ (dialog.querySelector("input"));
  box.value = folder.name;
  box.select();
  onSubmit(dialog, (name) => api.renameFolder(folder.id, name).then(done));
}

/** @param {Folder} folder @param {() => Promise<void>} done */
export function openDelete(folder, done) {
  const dialog = openDialog("folder-delete");
  /** @type {HTMLElement} */ (dialog.querySelector("h2")).textContent = texts.delete_folder.replace("{name}", folder.name);
  onSubmit(dialog, () => api.deleteFolder(folder.id).then(done));
}

/** @param {HTMLDialogElement} dialog @param {(name: string) => Promise<void>} work */
function onSubmit(dialog, work) {
  dialog.querySelector("form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(dialog, work(dialog.querySelector("input")?.value ?? ""));
  });
}

/** Close the dialog when the work is done, or say in it why it could not be. @param {HTMLDialogElement} dialog @param {Promise<void>} work */
function attempt(dialog, work) {
  const notice = /** @type {HTMLElement} */ (dialog.querySelector("[role=alert]"));
  work.then(
    () => dialog.close(),
    (error) => {
      notice.textContent = error.message;
      notice.hidden = false;
    },
  );
}
