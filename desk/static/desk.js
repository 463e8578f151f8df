"use strict";
// What a form alone cannot do: drop and paste photos, read codes, and draw where the model looked.
// Everything goes to the desk itself; nothing is kept in the browser but the person's name.

const byId = (id) => document.getElementById(id);

function listenToOneBin() {
  const form = byId("bin");
  if (!form) return;
  const photo = byId("photo"), drop = byId("drop");
  let answered = false;  // whether the record in the form was checked already

  function choose(files) {
    const image = [...files].find((file) => file.type.startsWith("image/")) || files[0];
    if (!image) return;
    const one = new DataTransfer();
    one.items.add(image);
    photo.files = one.files;
    show();
  }

  function show() {
    byId("answer").replaceChildren();  // it is about the photo before
    if (answered) clear("#id, #quantity, #items input");
    answered = false;
    const file = photo.files[0];
    byId("preview").hidden = !file;
    byId("hint").classList.toggle("name", Boolean(file));
    byId("hint").textContent = file ? file.name : "Drop a photo here, or paste one.";
    URL.revokeObjectURL(byId("shown").src);
    if (file) byId("shown").src = URL.createObjectURL(file);
  }

  function clear(fields) {
    form.querySelectorAll(fields).forEach((field) => { field.value = ""; });
  }

  // Another id is another bin: what was typed about the one before is not about this one.
  form.addEventListener("input", (event) => {
    if (!event.target.matches("#id, #quantity, #items input")) return;
    if (answered && event.target.id === "id") clear("#quantity, #items input");
    answered = false;
  });
  photo.addEventListener("change", show);
  byId("camera").addEventListener("change", (event) => choose(event.target.files));
  byId("shown").addEventListener("error", () => { byId("preview").hidden = true; });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    choose(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) { event.preventDefault(); choose(event.clipboardData.files); }
  });
  byId("more").addEventListener("click", () => {
    const rows = byId("items"), row = rows.lastElementChild.cloneNode(true);
    row.querySelectorAll("input").forEach((input) => { input.value = ""; });
    row.setAttribute("aria-label", `Item ${rows.children.length + 1}`);
    rows.append(row);
    row.querySelector("input").focus();
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "answer") return;
    answered = event.target.querySelector(".answer") !== null;
    event.target.focus({ preventScroll: true });
    event.target.scrollIntoView({ block: "start" });
  });
  listenToCodes();
}

// A scanner that is a keyboard needs none of this: it types into the field and presses Enter.
async function listenToCodes() {
  const button = byId("scan"), dialog = byId("scanner"), video = byId("camera-view");
  if (!button || !("BarcodeDetector" in window) || !navigator.mediaDevices) return;
  const detector = new BarcodeDetector();
  let stream = null;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch (error) {
      button.textContent = "No camera";
      return;
    }
    video.srcObject = stream;
    dialog.showModal();
    await video.play();
    read();
  });
  async function read() {
    if (!dialog.open) return;
    const codes = await detector.detect(video).catch(() => []);
    if (codes.length) {
      byId("id").value = codes[0].rawValue;
      dialog.close();
      byId("id").focus();
    } else {
      setTimeout(read, 150);
    }
  }
  byId("stop-scan").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => stream && stream.getTracks().forEach((track) => track.stop()));
}

// The server sends a line of JSON for each part of the photo that it has tried.
async function lookWhere(form) {
  const button = form.querySelector("button"), sentence = byId("looked-where");
  const body = new FormData();
  body.append("photo", byId("photo").files[0]);
  body.append("count", form.elements.count.value);
  byId("looked-at").src = byId("shown").src;
  byId("looked").hidden = false;
  button.disabled = true;
  byId("heat").replaceChildren();
  sentence.textContent = "Covering one part of the photo after the other …";
  const falls = [];
  try {
    const headers = JSON.parse(document.body.getAttribute("hx-headers"));
    const response = await fetch(form.action, { method: "POST", body, headers });
    if (!response.ok) throw new Error("refused");
    const lines = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let part = await lines.read(); !part.done; part = await lines.read()) {
      const whole = (rest + part.value).split("\n");
      rest = whole.pop();
      for (const line of whole) {
        const news = JSON.parse(line);
        if (news.sentence) sentence.textContent = news.sentence;
        else falls.push(news);
      }
      if (falls.length) draw(falls);
    }
  } catch (error) {
    sentence.textContent = "The desk does not respond. Try again.";
  }
  byId("looking").hidden = true;
  button.disabled = false;
}

function draw(falls) {
  const heat = byId("heat"), { rows, columns, of } = falls[0];
  const most = Math.max(0.05, ...falls.map((cell) => cell.fall));
  byId("looking").hidden = false;
  byId("looking").max = of;
  byId("looking").value = falls.length;
  heat.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
  heat.replaceChildren(...falls.filter((cell) => cell.fall > 0).map((cell) => {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const strength = cell.fall / most;
    const values = { x: cell.column, y: cell.row, width: 1, height: 1, "fill-opacity": (0.65 * strength).toFixed(3) };
    for (const [name, value] of Object.entries(values)) rect.setAttribute(name, value);
    if (strength >= 0.5) rect.setAttribute("class", "strong");
    return rect;
  }));
}

// A request without a response: what was typed is still there, and can be sent again.
function showTrouble(text) {
  byId("trouble").hidden = !text;
  byId("trouble").textContent = text;
}
document.addEventListener("htmx:sendError", () => showTrouble("The desk does not respond. Is it open, and is this device in its network? Then try again."));
document.addEventListener("htmx:responseError", () => showTrouble("This did not work. Load the page again."));
document.addEventListener("htmx:beforeRequest", () => showTrouble(""));

document.addEventListener("submit", (event) => {
  if (event.target.id !== "attention") return;
  event.preventDefault();
  lookWhere(event.target);
});
// A number alone says enough: it chooses "more or fewer".
document.addEventListener("input", (event) => {
  const form = event.target.closest("#audit form");
  if (form && event.target.id === "count") form.elements.decision.value = "adjusted";
});
document.addEventListener("DOMContentLoaded", listenToOneBin);
