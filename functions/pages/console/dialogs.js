// Native modal dialogs: they trap the focus, close on Escape, and return the focus.
import { el, problemText, show, wayBack } from "./dom.js";
import { login } from "./session.js";
import { signInAgain } from "./signing.js";

let made = 0; // a dialog may open above another one, and each needs ids of its own
function idsOf() {
  made += 1;
  return { title: `dialog-title-${made}`, text: `dialog-text-${made}` };
}

function open(dialog) {
  const back = wayBack(document.activeElement); // what had the focus may be redrawn meanwhile
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (!dialog.isEnd) back();
  });
  document.body.append(dialog);
  dialog.showModal();
}

// Closes every dialog, as nothing may stay above the sign-in.
export function closeAll() {
  for (const dialog of [...document.querySelectorAll("dialog")].reverse()) {
    dialog.isEnd = true;
    dialog.close();
  }
}

export function read(title, ...content) {
  const ids = idsOf();
  const close = el("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Close");
  const body = el("div", { class: "dialog-body", tabindex: "0", role: "region", "aria-labelledby": ids.title }, content);
  const dialog = el("dialog", { class: "wide", "aria-labelledby": ids.title },
    el("div", { class: "dialog-head" }, el("h2", { id: ids.title }, title), close), body);
  open(dialog);
  return body;
}

// Asks for confirmation, stays open until the action is done, and shows its problem.
// `field` is the label and the attributes of a field that must be filled in; `act` gets its text.
// `choice` is the label and the options of a list, [value, text] each; `act` gets the chosen value.
// `parts` are further fields, which the caller reads.
// With `final`, why the act is grave, who signed in with a password has to repeat it.
// `stopping` is what is shown once an act that can be stopped is; `act` gets the signal.
// An outcome's `next` is called when the dialog is closed.
export function ask({ title, text, verb, danger, final, field, choice, parts, act, stopping }) {
  const ids = idsOf();
  const input = field && el("input", { id: "field", required: true, autocomplete: "off", ...field.attributes });
  const select = choice && el("select", { id: "choice" },
    choice.options.map(([value, shown]) => el("option", { value }, shown)));
  const password = final && login.get() && el("input", { id: "again", type: "password", required: true, autocomplete: "current-password" });
  const confirm = el("button", { type: "submit", class: danger ? "danger" : "primary" }, verb);
  const cancel = el("button", { type: "button", class: "plain", onclick: () => leave() }, "Cancel");
  const progress = el("p", { class: "progress", role: "status" });
  const form = el("form", {},
    el("h2", { id: ids.title }, title), el("p", { id: ids.text }, text),
    select ? el("p", {}, el("label", { for: "choice" }, choice.label), select) : null,
    input ? el("p", {}, el("label", { for: "field" }, field.label), input) : null,
    parts ?? null,
    password ? el("p", {}, el("label", { for: "again" }, `Password of ${login.get()}, as ${final}`), password) : null,
    progress, el("div", { class: "buttons" }, cancel, confirm));
  const dialog = el("dialog", { "aria-labelledby": ids.title, "aria-describedby": ids.text }, form);
  let stop = null;
  const leave = () => {
    if (!stop || !stopping) return dialog.close();
    stop.abort();
    cancel.disabled = true;
    show(progress, stopping);
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (stop) return;
    stop = new AbortController();
    confirm.disabled = true;
    show(progress, "Working …");
    try {
      if (password) await signInAgain(password.value);
      const report = (line) => { if (!stop.signal.aborted) show(progress, line); };
      const outcome = await act(input?.value.trim() ?? "", report, select?.value, stop.signal);
      dialog.close();
      showOutcome(outcome);
      outcome.next?.();
    } catch (problem) {
      confirm.disabled = cancel.disabled = false;
      show(progress, problemText(problem));
      if (!dialog.open && !dialog.isEnd) showOutcome({ text: problem.message, bad: true });
    } finally {
      stop = null;
    }
  });
  dialog.addEventListener("cancel", (event) => {
    if (!stop || !stopping) return;
    event.preventDefault();
    leave();
  });
  dialog.addEventListener("close", () => stop?.abort()); // a second Escape closes what the first only stops
  open(dialog);
  (form.querySelector("input, select") ?? confirm).focus();
}

const SHOWN_MS = 12_000;
export function showOutcome({ text, bad }) {
  const note = el("p", { class: bad ? "outcome bad" : "outcome" }, text);
  document.getElementById("outcomes").append(note);
  setTimeout(() => note.remove(), SHOWN_MS);
}
