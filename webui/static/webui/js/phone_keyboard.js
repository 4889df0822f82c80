// @ts-check
/**
 * Keeps the composer above an on-screen keyboard where the browser does not do it: Safari on iOS lays the keyboard over
 * the page and ignores `interactive-widget`. Elsewhere the page has been made smaller already and nothing is covered.
 */
export function stayAboveKeyboard() {
  const seen = window.visualViewport;
  seen?.addEventListener("resize", () => {
    if (seen.scale > 1.01) return; // somebody zooms; nothing is covered
    const covered = Math.max(0, Math.round(innerHeight - seen.height));
    document.documentElement.style.setProperty("--covered", `${covered}px`);
    if (covered) scrollTo(0, 0); // Safari moves the page up to show the box, which is in view now
  });
}
