// A session that cannot be renewed says before it ends that it does, and lets its operator sign in again
// without losing the page, or what is typed in a dialog.
import { read } from "./dialogs.js";
import { button, el, show } from "./dom.js";
import { endsAt, lifetimeMs, login, token } from "./session.js";
import { formsOf } from "./signing.js";

const WARN_MS = 300_000;
const note = el("div", { id: "session-note", class: "notice session", role: "status" });
let said = "";

// Called each second. Returns true once the session is over.
export function watch(signedIn) {
  const left = (endsAt() ?? Infinity) - Date.now();
  if (!token.get()) return hide();
  // One that is renewed has a refresh token: it is warned of only once that has failed for a while.
  const warnMs = Math.min(token.refresh() ? WARN_MS / 5 : WARN_MS, lifetimeMs() / (token.refresh() ? 6 : 3));
  if (left > warnMs) return hide();
  if (left <= 0 && !token.refresh()) return true;
  warn(left, signedIn);
  return false;
}

function hide() {
  note.remove();
  said = "";
  return false;
}

function warn(left, signedIn) {
  const when = left > 60_000 ? `in ${Math.ceil(left / 60_000)} min` : left > 0 ? "in less than a minute" : "now";
  const why = token.refresh() ? "it could not be renewed" : "it cannot be renewed";
  const text = `Your session ends ${when}: ${why}.`;
  // A modal dialog makes the rest of the page inert, so the note is in the one on top.
  const place = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.querySelector("header");
  if (place.querySelector("#sign-in-again")) return;
  if (note.parentElement !== place) place.prepend(note);
  if (said !== text) show(note, el("span", {}, text), button("Sign in again", "sign in again", () => signInAgain(signedIn)));
  said = text;
}

function signInAgain(signedIn) {
  const place = el("div", { id: "sign-in-again", class: "forms" });
  const body = read("Sign in again", el("p", { class: "quiet" }, "The page stays as it is, with what you have typed."), place);
  const { forms, focus } = formsOf(() => {
    body.closest("dialog").close();
    hide();
    signedIn();
  }, login.get() ?? "");
  show(place, ...forms);
  focus();
}
