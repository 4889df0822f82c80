// @ts-check
/** Sends a file with conversations, shows how far it is, and what became of it. */
import { upload } from "api";
import { texts } from "texts";

const form = /** @type {HTMLFormElement} */ (document.getElementById("import"));
const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
const progress = /** @type {HTMLProgressElement} */ (form.querySelector("progress"));
const [status, report, problem] = ["status", "report", "problem"].map((id) => /** @type {HTMLElement} */ (document.getElementById(id)));

button.disabled = false; // before, a press would only have put the file's name into the address
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  progress.hidden = false;
  problem.hidden = true;
  report.replaceChildren();
  try {
    const found = await upload("/import", new FormData(form), (share) => {
      // What follows the upload takes as long as it takes.
      if (share < 1) progress.value = share;
      else progress.removeAttribute("value");
      status.textContent = share < 1 ? texts.uploading.replace("{percent}", String(Math.floor(share * 100))) : texts.reading_file;
    });
    tell(found);
  } catch (error) {
    status.textContent = "";
    problem.textContent = /** @type {Error} */ (error).message;
    problem.hidden = false;
  }
  button.disabled = false;
  progress.hidden = true;
});

/** @param {any} found */
function tell(found) {
  status.textContent = count(texts.imported, found.imported);
  const lines = [];
  if (found.already_here) lines.push(count(texts.already_here, found.already_here));
  for (const [reason, number] of Object.entries(found.left_out)) lines.push(count(texts[`left_out_${reason}`], number));
  if (found.refused_count) lines.push(count(texts.refused_conversations, found.refused_count));
  for (const { title, message } of found.refused) lines.push(`${title || texts.new_chat}: ${message}`);
  report.append(
    ...lines.map((line) => {
      const item = document.createElement("li");
      item.textContent = line;
      return item;
    }),
  );
}

/** @param {string} text @param {number} number */
function count(text, number) {
  return text.replace("{count}", number.toLocaleString(document.documentElement.lang));
}
