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
