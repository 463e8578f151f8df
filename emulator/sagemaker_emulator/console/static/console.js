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
// A browser opens six connections to a host, and each page with events holds one. While nobody sees
// a page, it gives its own back; when it is shown again, the events begin anew with what is now.
(() => {
  class PageEvents {
    #source = null;
    #closed = false;
    #listeners = [];

    constructor(url) {
      this.url = url;
      this.follow = () => (document.hidden ? this.#disconnect() : this.#connect());
      document.addEventListener("visibilitychange", this.follow);
      this.follow();
    }

    get readyState() {
      if (this.#closed) return EventSource.CLOSED;
      return this.#source ? this.#source.readyState : EventSource.CONNECTING;
    }

    addEventListener(name, listener) {
      this.#listeners.push([name, listener]);
      this.#source?.addEventListener(name, listener);
    }

    removeEventListener(name, listener) {
      this.#listeners = this.#listeners.filter(([one, other]) => one !== name || other !== listener);
      this.#source?.removeEventListener(name, listener);
    }

    close() {
      this.#closed = true;
      this.#disconnect();
      document.removeEventListener("visibilitychange", this.follow);
    }

    #connect() {
      if (this.#source || this.#closed) return;
      const source = new EventSource(this.url);
      this.#source = source;
      source.onopen = (event) => this.onopen?.(event);
      source.onerror = (event) => this.onerror?.(event);
      for (const [name, listener] of this.#listeners) source.addEventListener(name, listener);
    }

    #disconnect() {
      this.#source?.close();
      this.#source = null;
    }
  }
  if (window.htmx) htmx.createEventSource = (url) => new PageEvents(url);
})();
