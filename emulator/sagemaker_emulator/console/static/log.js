"use strict";
// A log that follows: <pre class="log" data-log="ADDRESS" data-place="TOKEN">. Each event holds new
// lines; its id is the place after them, from where a connection that is opened again continues.
(() => {
  const MOST = 5000; // lines that the page keeps; the whole log is a link beside it
  const NEAR = 30; // pixels from the end within which the reader is at the end

  class Follower {
    constructor(element) {
      this.element = element;
      this.place = element.dataset.place;
      this.atEnd();
      this.open();
    }

    atEnd() { this.element.scrollTop = this.element.scrollHeight; }

    open() {
      if (this.source || this.ended || document.hidden) return;
      const address = new URL(this.element.dataset.log, location.href);
      address.searchParams.set("after", this.place);
      this.source = new EventSource(address);
      this.source.addEventListener("lines", (event) => this.add(event));
      this.source.addEventListener("end", () => { this.ended = true; this.close(); });
    }

    close() { this.source?.close(); this.source = null; }

    add(event) {
      this.place = event.lastEventId;
      const follows = this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < NEAR;
      for (const line of JSON.parse(event.data)) this.element.append(`${line}\n`);
      if (follows) {
        while (this.element.childNodes.length > MOST) this.element.firstChild.remove();
        this.atEnd();
      }
    }
  }

  const followers = new Map();

  function begin(root) {
    const inside = root.querySelectorAll?.("[data-log]") ?? [];
    for (const element of [...(root.matches?.("[data-log]") ? [root] : []), ...inside]) {
      if (!followers.has(element)) followers.set(element, new Follower(element));
    }
  }

  document.addEventListener("htmx:load", (event) => begin(event.detail.elt));
  document.addEventListener("htmx:beforeCleanupElement", (event) => {
    for (const [element, follower] of followers) {
      if (event.detail.elt.contains(element)) { follower.close(); followers.delete(element); }
    }
  });
  document.addEventListener("visibilitychange", () => {
    for (const follower of followers.values()) document.hidden ? follower.close() : follower.open();
  });
  begin(document);
})();
