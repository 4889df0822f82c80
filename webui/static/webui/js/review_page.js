// @ts-check
/** The review page: puts the sitting, the item that is shown, the keys and the forms together. */
import { reviewApi } from "review_api";
import { showItem } from "review_item";
import { listen, openKeysSheet } from "review_keys";
import { Sitting } from "review_sitting";
import { openTestDialog } from "review_test_dialog";
import { pageState, texts } from "texts";

/** @param {string} id */
const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const state = /** @type {any} */ (pageState);
const sitting = new Sitting(state.cause);
const [item, empty, loading, problem, status, head] = ["item", "empty", "loading", "problem", "status", "head"].map(find);
const [reasonForm, editForm, rejectForm] = ["reason-form", "edit-form", "reject-form"].map((id) => /** @type {HTMLFormElement} */ (find(id)));
const answer = /** @type {HTMLTextAreaElement} */ (editForm.elements.namedItem("answer"));
const ownReason = /** @type {HTMLInputElement} */ (rejectForm.elements.namedItem("reason"));
let tryAgain = () => {};

// What was written and not sent survives a reload of the page, and goes with the tab.
const drafts = {
  /** @param {string} id */
  of: (id) => sessionStorage.getItem(`review.${id}`),
  /** @param {string} id @param {string} text */
  keep: (id, text) => sessionStorage.setItem(`review.${id}`, text),
  /** @param {string} id */
  forget: (id) => sessionStorage.removeItem(`review.${id}`),
};

/** @type {Record<string, () => void>} */
const actions = {
  accept: () => sitting.decide({ decision: "accept" }),
  skip: () => sitting.decide({ decision: "skip" }),
  edit: openEditor,
  reject: () => openForm(rejectForm, /** @type {HTMLElement} */ (rejectForm.querySelector("button"))),
  later: () => sitting.pass(),
  undo: () => sitting.undo(),
  keys: openKeysSheet,
  test: () => {
    const shown = sitting.current;
    if (shown) openTestDialog(shown, (rules) => sitting.makeTest(shown, rules), () => say(texts.test_made));
  },
  look_again: () => sitting.begin(),
  retry: () => {
    problem.hidden = true;
    tryAgain();
  },
  close: closeForms,
  change_reason: () => openForm(reasonForm, /** @type {HTMLElement} */ (reasonForm.querySelector("input"))),
};

document.getElementById("review")?.addEventListener("click", (event) => {
  const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("button"));
  if (button?.dataset.preset) reject(button.querySelector("span")?.textContent ?? "");
  else if (button?.dataset.action) actions[button.dataset.action]();
});
listen((action) => {
  if (/^\d$/.test(action)) {
    if (!rejectForm.hidden) /** @type {HTMLElement} */ (rejectForm.querySelector(`[data-preset="${action}"]`)).click();
  } else if (action === "undo" || action === "keys" || sitting.current) actions[action]();
});
for (const form of [editForm, rejectForm, reasonForm]) {
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing && state.reason) closeForms();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}
answer.addEventListener("input", () => sitting.current && drafts.keep(sitting.current.id, answer.value));
editForm.addEventListener("submit", (event) => {
  event.preventDefault();
  sitting.decide({ decision: "edit", answer: answer.value });
});
rejectForm.addEventListener("submit", (event) => {
  event.preventDefault();
  reject(ownReason.value);
});
reasonForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  const reason = String(new FormData(reasonForm).get("reason"));
  try {
    await reviewApi.sayWhy(reason);
  } catch (error) {
    return fail(/** @type {Error} */ (error), () => reasonForm.requestSubmit());
  }
  state.reason = reason;
  /** @type {HTMLElement} */ (head.querySelector("[data-part=reason]")).textContent = reason;
  reasonForm.hidden = true;
  problem.hidden = true;
  if (sitting.current) return closeForms();
  begin();
});

/** @param {string} type @param {(detail: any) => void} then */
const on = (type, then) => sitting.addEventListener(type, (event) => then(/** @type {CustomEvent} */ (event).detail));
on("shown", () => {
  closeForms();
  problem.hidden = true;
  empty.hidden = true;
  const { current } = sitting;
  item.hidden = !current;
  loading.hidden = current !== null;
  if (!current) return;
  showItem(item, current);
  if (drafts.of(current.id) !== null) openEditor();
  else find("item-heading").focus();
});
on("empty", () => {
  loading.hidden = true;
  item.hidden = true;
  empty.hidden = false;
  empty.querySelector("h2")?.focus();
});
on("waiting", (count) => {
  /** @type {HTMLElement} */ (head.querySelector("[data-part=waiting]")).textContent = texts.waiting_count.replace("{count}", count.toLocaleString(document.documentElement.lang));
});
on("decided", ({ item: decided, decision, state: became }) => {
  drafts.forget(decided.id);
  say(became === "pending" ? texts.accept_first : texts[decision.decision]);
});
// Back in the form it was sent from, with all that was written.
on("refused", ({ decision }) => {
  if (decision.decision === "edit") {
    openEditor();
    answer.value = decision.answer;
  } else if (decision.decision === "reject") {
    actions.reject();
    ownReason.value = decision.reason;
  }
});
on("passed", () => say(texts.passed));
on("undone", () => say(texts.undone));
on("nothing_to_undo", () => say(texts.nothing_to_undo));
on("problem", ({ error, again }) => fail(error, again));

// Before, a press would only have put the reason into the address.
/** @type {HTMLButtonElement} */ (reasonForm.querySelector("[type=submit]")).disabled = false;
if (state.reason) begin();

function begin() {
  head.hidden = false;
  loading.hidden = false;
  sitting.begin(state.review_id);
  state.review_id = null;
}

function openEditor() {
  const { current } = sitting;
  if (!current) return;
  answer.value = drafts.of(current.id) ?? (current.proposal || current.answer);
  openForm(editForm, answer);
}

/** @param {HTMLFormElement} form @param {HTMLElement} first */
function openForm(form, first) {
  closeForms();
  form.hidden = false;
  form.scrollIntoView({ block: "nearest" });
  first.focus({ preventScroll: true });
}

function closeForms() {
  const hadFocus = [editForm, rejectForm, reasonForm].some((form) => form.contains(document.activeElement));
  editForm.hidden = true;
  rejectForm.hidden = true;
  reasonForm.hidden = Boolean(state.reason);
  ownReason.value = "";
  if (hadFocus && sitting.current) find("item-heading").focus();
}

/** @param {string} reason */
function reject(reason) {
  sitting.decide({ decision: "reject", reason });
}

/** @param {string} text */
function say(text) {
  status.textContent = text;
}

/** @param {Error} error @param {() => void} again */
function fail(error, again) {
  loading.hidden = true;
  tryAgain = again;
  /** @type {HTMLElement} */ (problem.querySelector("[data-part=text]")).textContent = error.message;
  problem.hidden = false;
}
