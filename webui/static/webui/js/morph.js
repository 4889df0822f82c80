// @ts-check
/** Changes elements into others by touching only what differs, so that a selection, a scroll position or a pressed
 * button in them survives, and the browser lays out little. */
import { CodeBlock } from "code_block";

/**
 * @param {Node} parent
 * @param {Node} wanted its children are used up
 * @param {number} from children of `parent` before this one stay as they are
 */
export function morph(parent, wanted, from = 0) {
  /** @type {ChildNode | null} */
  let present = parent.childNodes[from] ?? null;
  for (const node of [...wanted.childNodes]) {
    /** @type {ChildNode | null} */
    const next = present?.nextSibling ?? null;
    if (!present) parent.appendChild(node);
    else if (!present.isEqualNode(node)) become(present, node);
    present = next;
  }
  while (present) {
    /** @type {ChildNode | null} */
    const next = present.nextSibling;
    present.remove();
    present = next;
  }
}

/** @param {ChildNode} present @param {ChildNode} wanted */
function become(present, wanted) {
  if (present instanceof Text && wanted instanceof Text) {
    if (wanted.data.startsWith(present.data)) present.appendData(wanted.data.slice(present.length));
    else present.data = wanted.data;
  } else if (present instanceof CodeBlock && wanted instanceof CodeBlock && present.dataset.language === wanted.dataset.language) {
    morph(present.code, wanted.code);
  } else if (present instanceof Element && present.cloneNode(false).isEqualNode(wanted.cloneNode(false))) {
    morph(present, wanted);
  } else present.replaceWith(wanted);
}
