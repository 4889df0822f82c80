// @ts-check
/** The reports of the desk: their days are those of the reader's time zone, which only the browser knows. */
import { localTimes } from "local_times";

const asked = /** @type {HTMLElement | null} */ (document.querySelector("form[data-zone-known]"));
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

localTimes();
if (asked?.dataset.zoneKnown === "no" && zone && zone !== "UTC") {
  const address = new URL(location.href);
  address.searchParams.set("zone", zone);
  location.replace(address);
}
