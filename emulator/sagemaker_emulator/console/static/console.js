"use strict";
// Errors of the API come as fragments with a status that htmx would not show.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status >= 400) { event.detail.shouldSwap = true; event.detail.isError = false; }
});
// How long something has been running: <span data-since="SECONDS SINCE THE EPOCH">.
(() => {
  const words = (seconds) => {
    if (seconds < 60) return `${Math.floor(seconds)} s`;
    const minutes = Math.floor(seconds / 60);
    const two = (number) => String(number).padStart(2, "0");
    if (minutes < 60) return `${minutes} min ${two(Math.floor(seconds % 60))} s`;
    return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  };
  const tick = () => {
    for (const element of document.querySelectorAll("[data-since]")) {
      element.textContent = words(Math.max(0, Date.now() / 1000 - Number(element.dataset.since)));
    }
  };
  tick();
  setInterval(tick, 1000);
  document.addEventListener("htmx:afterSwap", tick);
  document.addEventListener("htmx:sseMessage", tick);
})();
