// @ts-check
/** What the shortcuts do, each by the part of the page that does it for the mouse as well. */
import { texts } from "texts";
import { toast } from "toast";

/**
 * @param {{conversation: import("conversation_view").ConversationView, composer: import("chat_composer").ChatComposer,
 *   transcript: import("chat_transcript").ChatTranscript, sidebar: import("sidebar").Sidebar}} page
 * @returns {Record<import("shortcuts").Action, () => unknown>}
 */
export function pageActions({ conversation, composer, transcript, sidebar }) {
  const finished = () =>
    transcript.elements.filter((element) => element.dataset.role === "assistant" && !element.isAnswering && element.text);
  const click = (/** @type {string} */ selector) => /** @type {HTMLElement | null} */ (document.querySelector(selector))?.click();
  return {
    new_chat: () => location.assign("/"),
    search: () => import("search_dialog").then(({ openSearch }) => openSearch()),
    toggle_sidebar: () => sidebar.toggle(),
    previous_chat: () => goTo(-1),
    next_chat: () => goTo(1),
    temporary_chat: () => click("[data-shortcut=temporary_chat]"),
    delete_chat: () => sidebar.deleteOpen(),
    focus_composer: () => composer.focus(),
    stop: () => conversation.stop(),
    copy_reply: () => copy(finished().at(-1)?.text),
    copy_code: () => copy(finished().flatMap((reply) => codeIn(reply.text)).at(-1)),
    settings: () => click("[data-shortcut=settings]"),
    show_shortcuts: () => import("shortcut_sheet").then(({ openShortcutSheet }) => openShortcutSheet()),
  };
}

/** @param {string | undefined} text */
async function copy(text) {
  if (!text) return toast(texts.nothing_to_copy);
  await navigator.clipboard.writeText(text).then(
    () => toast(texts.copied),
    () => toast(texts.copy_failed),
  );
}

/** @param {string} text @returns {string[]} what stands in its fenced blocks */
export function codeIn(text) {
  return [...text.matchAll(/^ {0,3}(```+|~~~+)[^\n]*\n([\s\S]*?)^ {0,3}\1[`~]*[ \t]*$/gm)].map((block) => block[2]);
}

/** @param {number} step from the open conversation, as the list stands */
function goTo(step) {
  const links = /** @type {HTMLAnchorElement[]} */ ([...document.querySelectorAll("#sidebar [data-conversation-id] > a")]);
  const at = links.findIndex((link) => link.getAttribute("aria-current"));
  links[at < 0 ? 0 : at + step]?.click();
}
