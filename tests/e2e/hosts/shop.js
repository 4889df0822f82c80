/* What a shop's own script does: counts what is bought, goes from page to page in two ways, and opens the chat. */
addEventListener("DOMContentLoaded", bind);
function bind() {
  document.querySelector("#buy").addEventListener("click", () => {
    const count = document.querySelector("output");
    count.textContent = String(Number(count.textContent) + 1);
  });
  document.querySelector("#help").addEventListener("click", () => (window.Parley ??= []).push(["open"]));
  document.querySelector("[data-spa]").addEventListener("click", async (event) => {
    event.preventDefault();
    history.pushState({}, "", "/shop.html?spa=" + (history.length % 7));
    // As Turbo does: the whole body is another one.
    const body = document.createElement("body");
    body.append(...[...document.body.children].map((child) => child.cloneNode(true)));
    document.body.replaceWith(body);
    bind();
  });
}
/* What the chat has said to the page, for whoever looks. */
window.parleySaid = [];
window.parleyUnread = [];
window.Parley ??= [];
for (const name of ["ready", "unavailable", "open", "close", "identified", "identity-refused"]) {
  window.Parley.push(["on", name, () => window.parleySaid.push(name)]);
}
window.Parley.push(["on", "unread", (count) => window.parleyUnread.push(count)]);
