// @ts-check
/** The list of conversations beside its filters: read again whenever something changed, each row staying the element it
 * was. Knows which ones are chosen for what is done with many at once. */
import { arrange, become, readPart, tellTimes } from "desk_parts";

const EVERY_MS = 30_000; // how long ago changes by itself
const HINTS_MS = 40; // what happens at once is read at once
// While much happens, a pause as long as the reading before it: many pages leave a busy server room.
const LONGEST_PAUSE_MS = 400;

export class CaseList extends EventTarget {
  #list = /** @type {HTMLElement} */ (document.getElementById("list"));
  #filters = /** @type {HTMLElement} */ (document.getElementById("filters"));
  #rows = /** @type {HTMLElement} */ (document.getElementById("cases"));
  #isReading = false;
  #isStale = false;
  #mayReadAt = 0;
  #soon = 0;
  /** @type {Set<string>} ids of the chosen ones */
  chosen = new Set();

  /** @param {URLSearchParams} query what is listed @param {string | null} openId */
  constructor(query, openId) {
    super();
    this.query = query;
    this.openId = openId;
    tellTimes(this.#list);
    setInterval(() => tellTimes(this.#list), EVERY_MS);
    this.#rows.addEventListener("change", (event) => {
      const { value, checked } = /** @type {HTMLInputElement} */ (event.target);
      if (checked) this.chosen.add(value);
      else this.chosen.delete(value);
      this.#tell("chosen");
    });
  }

  /** @returns {HTMLElement[]} */
  get rows() {
    return /** @type {HTMLElement[]} */ ([...this.#rows.children]);
  }

  /** The newest moment since when somebody waits, and how many do; and when a snooze ended last. */
  get waiting() {
    return { count: Number(this.#list.dataset.waiting), newest: this.#list.dataset.newestWaiting ?? "", returned: this.#list.dataset.newestReturn ?? "" };
  }

  clearChosen() {
    this.chosen.clear();
    this.#tick();
    this.#tell("chosen");
  }

  /** @param {string | null} id mark this one as the open one */
  open(id) {
    this.openId = id;
    for (const row of this.rows) {
      const link = row.querySelector("a");
      if (row.dataset.caseId === id) link?.setAttribute("aria-current", "true");
      else link?.removeAttribute("aria-current");
    }
  }

  /** The one so many rows below the open one. @param {number} step @returns {string | null} */
  beside(step) {
    const at = this.rows.findIndex((row) => row.dataset.caseId === this.openId);
    const row = this.rows[at < 0 ? 0 : at + step];
    return row?.dataset.caseId ?? null;
  }

  /** Something has changed, which nobody here waits for. */
  refreshSoon() {
    const pause = Math.max(HINTS_MS, this.#mayReadAt - performance.now());
    this.#soon ||= setTimeout(() => {
      this.#soon = 0;
      if (this.#isReading || performance.now() < this.#mayReadAt) this.refreshSoon();
      else this.refresh();
    }, pause);
  }

  /** Read it again. What changes while it is being read is read once more afterwards. */
  async refresh() {
    this.#isStale = true;
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#isStale) {
      this.#isStale = false;
      const began = performance.now();
      const asked = this.query.toString();
      try {
        const page = await readPart(`/desk/?${this.query}&part=list&open=${this.openId ?? ""}`);
        if (asked === this.query.toString()) this.#show(page);
      } catch {
        // The socket tells when the server is back; then this is asked again, perhaps while it still waits to fail.
      }
      const ended = performance.now();
      this.#mayReadAt = ended + Math.min(ended - began, LONGEST_PAUSE_MS);
    }
    this.#isReading = false;
  }

  /** @param {Document} page */
  #show(page) {
    const [list, filters, cases] = ["list", "filters", "cases"].map((id) => page.getElementById(id));
    if (!list || !filters || !cases) return;
    const known = new Map(this.rows.map((row) => [row.dataset.caseId, row]));
    const rows = /** @type {HTMLElement[]} */ ([...cases.children]).map((row) => {
      const present = known.get(row.dataset.caseId);
      if (!present) return document.adoptNode(row);
      become(present, row);
      return present;
    });
    arrange(this.#rows, rows);
    become(this.#filters, filters);
    const { waiting, newestWaiting, newestReturn } = list.dataset;
    Object.assign(this.#list.dataset, { waiting, newestWaiting, newestReturn });
    for (const name of ["desk__empty", "desk__more"]) {
      this.#list.querySelector(`.${name}`)?.remove();
      const wanted = list.querySelector(`.${name}`);
      if (wanted) this.#list.append(document.adoptNode(wanted));
    }
    this.open(this.openId);
    this.#tick();
    this.#tell("changed");
  }

  #tick() {
    const boxes = this.#rows.querySelectorAll("input");
    for (const box of boxes) box.checked = this.chosen.has(box.value);
  }

  /** @param {string} type */
  #tell(type) {
    this.dispatchEvent(new Event(type));
  }
}
