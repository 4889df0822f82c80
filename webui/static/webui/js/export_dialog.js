// @ts-check
/** Two downloads of one conversation. */
import { openDialog } from "dialog";

/** @param {{id: string}} conversation */
export function openExportDialog(conversation) {
  const dialog = openDialog("export-dialog");
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (dialog.querySelectorAll("[data-format]"))) {
    link.href = `/c/${conversation.id}/export.${link.dataset.format}`;
    link.addEventListener("click", () => dialog.close());
  }
}
