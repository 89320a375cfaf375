// Deep links: #kind=id names a thing, which is opened above the panels. A reload opens it again, the
// back button closes it, and who is not signed in gets it after signing in.
import { may, token } from "./session.js";
import { read } from "./dialogs.js";
import { button, el, shortId } from "./dom.js";

const openers = new Map(); // kind → [scope, opens the thing; the body of its dialog, if it has one]
const shown = []; // the dialogs of links, the lowest first

export const hashOf = (kind, id) => `#${kind}=${encodeURIComponent(id)}`;
export const opens = (kind, scope, open) => openers.set(kind, [scope, open]);

export function goTo(kind, id) {
  const hash = hashOf(kind, id);
  if (hash !== location.hash) history.pushState({ isFollowed: true }, "", hash);
  if (!shown.some((each) => each.hash === hash)) openFrom(hash);
}

// A button that leads to a thing, and the bare id where the API would not show it.
export function linkTo(kind, id, key, name, shownAs) {
  if (!id) return el("span", { class: "quiet" }, "–");
  const text = shownAs ?? shortId(id);
  const [scope] = openers.get(kind) ?? [];
  if (scope && !may(scope)) return el("code", { class: "id", title: id }, text);
  return button(text, key, () => goTo(kind, id), "link", name, id);
}

// Shows what the address names: on loading, after signing in, and when somebody goes back or forth.
export function follow() {
  if (!token.get()) return; // signing in follows it
  const at = shown.findIndex((each) => each.hash === location.hash);
  closeFrom(at + 1);
  if (at < 0) openFrom(location.hash);
}

// For the end of a session: the address stays, and is followed after signing in again.
export function forget() {
  shown.length = 0;
}

function openFrom(hash) {
  const [kind, ...rest] = hash.slice(1).split("=");
  if (!rest.length) return void (hash.length > 1 && document.getElementById(kind)?.scrollIntoView());
  if (!openers.has(kind)) return;
  const [scope, open] = openers.get(kind);
  const id = decoded(rest.join("="));
  const body = may(scope) ? open(id) : notAllowed(kind, id, scope);
  const dialog = body?.closest("dialog");
  if (!dialog) return;
  shown.push({ hash, dialog });
  dialog.addEventListener("close", () => leave(dialog));
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function notAllowed(kind, id, scope) {
  return read("You may not see this", el("p", {}, `The ${kind} `, el("code", {}, id.slice(0, 200)),
    ` is shown to staff with the scope ${scope}. An admin can grant it.`));
}

// Somebody closed it: the address names what is beneath.
function leave(dialog) {
  const at = shown.findIndex((each) => each.dialog === dialog);
  if (at < 0) return; // it was closed by going back
  const [{ hash }] = shown.splice(at, 1);
  if (hash !== location.hash) return;
  if (history.state?.isFollowed) return void history.back();
  history.replaceState(null, "", shown.at(-1)?.hash ?? location.pathname + location.search);
}

// Those above it, too: a question about a thing that is no longer shown.
function closeFrom(index) {
  const [lowest] = shown.slice(index);
  if (!lowest) return;
  shown.length = index;
  const open = [...document.querySelectorAll("dialog")];
  const at = open.indexOf(lowest.dialog);
  if (at >= 0) for (const each of open.slice(at).reverse()) each.close();
}

window.addEventListener("popstate", follow);
