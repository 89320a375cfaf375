// Native modal dialogs: they trap the focus, close on Escape, and return the focus.
import { login, signInAgain } from "./api.js";
import { byKey, el, keyOf, problemText } from "./dom.js";

let made = 0; // a dialog may open above another one, and each needs ids of its own
function idsOf() {
  made += 1;
  return { title: `dialog-title-${made}`, text: `dialog-text-${made}` };
}

function open(dialog) {
  const opener = keyOf(document.activeElement);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener) byKey(opener)?.focus(); // it may have been redrawn meanwhile
  });
  document.body.append(dialog);
  dialog.showModal();
}

export function read(title, ...content) {
  const ids = idsOf();
  const close = el("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Close");
  const body = el("div", { class: "dialog-body", tabindex: "0" }, content);
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
// An outcome's `next` is called when the dialog is closed.
export function ask({ title, text, verb, danger, final, field, choice, parts, act }) {
  const ids = idsOf();
  const input = field && el("input", { id: "field", required: true, autocomplete: "off", ...field.attributes });
  const select = choice && el("select", { id: "choice" },
    choice.options.map(([value, shown]) => el("option", { value }, shown)));
  const password = final && login.get() && el("input", { id: "again", type: "password", required: true, autocomplete: "current-password" });
  const confirm = el("button", { type: "submit", class: danger ? "danger" : "primary" }, verb);
  const cancel = el("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Cancel");
  const progress = el("p", { class: "progress", role: "status" });
  const form = el("form", {},
    el("h2", { id: ids.title }, title), el("p", { id: ids.text }, text),
    select ? el("p", {}, el("label", { for: "choice" }, choice.label), select) : null,
    input ? el("p", {}, el("label", { for: "field" }, field.label), input) : null,
    parts ?? null,
    password ? el("p", {}, el("label", { for: "again" }, `Password of ${login.get()}, as ${final}`), password) : null,
    progress, el("div", { class: "buttons" }, cancel, confirm));
  const dialog = el("dialog", { "aria-labelledby": ids.title, "aria-describedby": ids.text }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    confirm.disabled = true;
    progress.replaceChildren("Working …");
    try {
      if (password) await signInAgain(password.value);
      const outcome = await act(input?.value.trim() ?? "", (line) => progress.replaceChildren(line), select?.value);
      dialog.close();
      showOutcome(outcome);
      outcome.next?.();
    } catch (problem) {
      confirm.disabled = false;
      progress.replaceChildren(problemText(problem));
    }
  });
  open(dialog);
  (form.querySelector("input, select") ?? confirm).focus();
}

const SHOWN_MS = 12_000;
export function showOutcome({ text, bad }) {
  const note = el("p", { class: bad ? "outcome bad" : "outcome" }, text);
  document.getElementById("outcomes").append(note);
  setTimeout(() => note.remove(), SHOWN_MS);
}
