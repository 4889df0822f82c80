// @ts-check
/** The list of all shared links, each of which can be taken back. */
import { api } from "api";
import { localTimes } from "local_times";

const problem = /** @type {HTMLElement} */ (document.getElementById("problem"));

document.querySelector(".links")?.addEventListener("click", async (event) => {
  const button = /** @type {Element} */ (event.target).closest("button");
  const item = /** @type {HTMLElement | null} */ (button?.closest("li") ?? null);
  if (!button || !item) return;
  button.disabled = true;
  problem.hidden = true;
  try {
    await api.unshare(item.dataset.conversationId ?? "");
    const next = /** @type {HTMLElement | null} */ ((item.nextElementSibling ?? item.previousElementSibling)?.querySelector("button") ?? null);
    item.remove();
    next?.focus();
  } catch (error) {
    button.disabled = false;
    problem.textContent = /** @type {Error} */ (error).message;
    problem.hidden = false;
  }
});
localTimes();
