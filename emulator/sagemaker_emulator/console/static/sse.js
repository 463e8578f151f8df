"use strict";
// Events of a page that nobody sees cost one of the few connections that a browser has for a
// server. A source is closed while its page is hidden; what it opens again sends the page anew.
htmx.createEventSource = (url) => new class {
  constructor() {
    this.listeners = [];
    this.turn = () => (document.hidden ? this.pause() : this.open());
    document.addEventListener("visibilitychange", this.turn);
    this.turn();
  }

  get readyState() {
    return this.source?.readyState ?? (this.ended ? EventSource.CLOSED : EventSource.CONNECTING);
  }

  open() {
    if (this.ended || this.source) return;
    this.source = new EventSource(url);
    this.source.onopen = (event) => this.onopen?.(event);
    this.source.onerror = (event) => this.failed(event);
    for (const [name, listener] of this.listeners) this.source.addEventListener(name, listener);
  }

  failed(event) {
    // The extension makes another source in place of one that the browser has given up.
    if (this.readyState === EventSource.CLOSED) this.leave();
    this.onerror?.(event);
  }

  pause() { this.source?.close(); this.source = null; }

  leave() { this.ended = true; document.removeEventListener("visibilitychange", this.turn); }

  close() { this.leave(); this.pause(); }

  addEventListener(name, listener) {
    this.listeners.push([name, listener]);
    this.source?.addEventListener(name, listener);
  }

  removeEventListener(name, listener) {
    this.listeners = this.listeners.filter(([, each]) => each !== listener);
    this.source?.removeEventListener(name, listener);
  }
}();
