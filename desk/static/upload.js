// Shows how much of an upload is sent.
"use strict";

const [form, sent, state] = ["upload", "sent", "state"].map((id) => document.getElementById(id));

form.addEventListener("htmx:beforeRequest", () => {
  document.getElementById("problem").replaceChildren();
  sent.hidden = false;
  sent.value = 0;
  state.textContent = "Uploading";
});
form.addEventListener("htmx:xhr:progress", (event) => {
  if (!event.detail.lengthComputable) return;
  const share = (100 * event.detail.loaded) / event.detail.total;
  sent.value = share;
  state.textContent = share < 100 ? `Uploading, ${Math.floor(share)} %` : "Reading the photos";
});
form.addEventListener("htmx:afterRequest", () => {
  sent.hidden = true;
  state.textContent = "";
});
form.addEventListener("htmx:sendError", () => {
  state.textContent = "The desk does not answer. Nothing was uploaded. Try again.";
});
