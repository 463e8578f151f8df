// The queue by keyboard alone. Every key presses a button or follows a link that is on the page.
"use strict";

const queue = document.getElementById("queue");
const SETTING = "tally-desk-keys"; // "off" where a person has turned the keys off

const find = (id) => document.getElementById(id);
const isText = (element) => element.matches("input:not([type=checkbox]), textarea, select") && element.id !== "count";
const areOn = () => localStorage.getItem(SETTING) !== "off";

// What Enter does depends on the number that is typed.
function label() {
  const [button, count] = [find("record"), find("count")];
  if (!button) return;
  const typed = count.value.trim();
  const same = typed === "" || Number(typed) === Number(count.placeholder);
  button.firstElementChild.textContent = same ? button.dataset.right : `${button.dataset.adjust} ${typed}`;
}

function show() {
  label();
  if (find("keys")) find("keys").checked = areOn();
  queue.querySelector(".strip [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}

function message(text) {
  const alert = document.createElement("div");
  alert.className = "problem";
  alert.setAttribute("role", "alert");
  alert.append(Object.assign(document.createElement("p"), { textContent: text }));
  find("message").replaceChildren(alert);
}

function press(key) {
  const target = { ArrowLeft: "before", ArrowRight: "after", u: "unusable", z: "undo", Enter: "record" }[key];
  if (target) return find(target)?.click() ?? true;
  const count = find("count");
  if (/^[0-9]$/.test(key) && count) {
    if (document.activeElement !== count) {
      count.focus();
      count.value += key;
      label();
      return true;
    }
    return false;
  }
  if (key === "Backspace" && count && document.activeElement !== count) {
    count.value = count.value.slice(0, -1);
    label();
    return true;
  }
  if (key === "n" && find("note")) {
    find("note").focus();
    return true;
  }
  return false;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const focused = document.activeElement ?? document.body;
  if (event.key === "Escape") {
    if (find("count") && !isText(focused)) find("count").value = "";
    label();
    focused.blur();
    return;
  }
  if (!areOn() || isText(focused)) return;
  if (event.key === "Enter" && focused.matches("a, button, summary")) return;
  if (event.repeat && !event.key.startsWith("Arrow")) return event.preventDefault();
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (press(key) !== false) event.preventDefault();
});

document.addEventListener("input", (event) => {
  if (event.target.id === "count") label();
});
document.addEventListener("change", (event) => {
  if (event.target.id === "keys") localStorage.setItem(SETTING, event.target.checked ? "on" : "off");
});
document.addEventListener("htmx:afterSettle", () => {
  show();
  const saved = queue.querySelector("[data-saved]")?.dataset.saved;
  if (saved) find("announce").textContent = saved;
  find("title")?.focus({ preventScroll: true });
});
for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"])
  document.addEventListener(name, () =>
    message("The desk does not answer. Nothing was saved. Send it again: what you typed is still here."));

show();
