// Signing in, by login id and password or with an access token; and again, where a session ends.
import { get, Problem, sendOnce } from "./api.js";
import { el, problemText } from "./dom.js";
import { take } from "./renewal.js";
import { login as signedInAs, may, scopes, sessionOf, token } from "./session.js";

const NO_STAFF = "This user has no staff scopes. An admin grants them, or anyone who can read the " +
  "database's secret: make ops ARGS=\"staff grant LOGIN_ID SCOPE\"";

export function signIn(note, signedIn) {
  const { forms, focus } = formsOf(signedIn);
  const card = el("section", { class: "sign-in", "aria-labelledby": "sign-in-title" },
    el("h1", { id: "sign-in-title" }, "Sign in"),
    note ? el("p", { class: "notice", role: "status" }, note) : el("p", { class: "quiet" }, "For staff: your own login."),
    forms);
  return { card, focus };
}

export function formsOf(signedIn, known = "") {
  const login = el("input", { id: "login", name: "username", autocomplete: "username", required: true, autocapitalize: "none", spellcheck: "false", value: known });
  const password = el("input", { id: "password", type: "password", autocomplete: "current-password", required: true });
  const pasted = el("input", { id: "token", type: "password", autocomplete: "off", required: true, spellcheck: "false" });
  const trouble = el("div", {});
  const form = (label, ...parts) => el("form", {}, ...parts, el("button", { type: "submit", class: "primary" }, label));
  const byPassword = form("Sign in",
    el("p", {}, el("label", { for: "login" }, "Login id"), login),
    el("p", {}, el("label", { for: "password" }, "Password"), password));
  const byToken = form("Use token", el("p", {}, el("label", { for: "token" }, "Access token"), pasted));
  const attempt = (open) => async (event) => {
    event.preventDefault();
    trouble.replaceChildren();
    const before = saved();
    try {
      await open();
      if (scopes()?.length === 0) throw new Problem(403, { detail: NO_STAFF, code: "MISSING_SCOPE" });
      if (may("ops")) await get("admin/overview"); // refuses a pasted token that is not good
      signedIn();
    } catch (problem) {
      restore(before);
      trouble.replaceChildren(problemText(problem));
    }
  };
  byPassword.addEventListener("submit", attempt(async () => {
    const of = login.value === signedInAs.get() ? sessionOf() : null;
    take(await sendOnce("POST", "sessions", { body: { login_id: login.value, password: password.value }, bearer: null }), of);
    signedInAs.set(login.value);
  }));
  byToken.addEventListener("submit", attempt(async () => {
    token.set(pasted.value.trim());
    signedInAs.set(null);
  }));
  const forms = [byPassword, trouble,
    el("details", {}, el("summary", {}, "Use a token instead"),
      el("p", { class: "quiet" }, "The local system prints one as ADMIN_TOKEN in .local/env."), byToken)];
  return { forms, focus: () => (known ? password : login).focus() };
}

const saved = () => ({ ...sessionStorage });
function restore(before) {
  token.forget();
  for (const [key, value] of Object.entries(before)) sessionStorage.setItem(key, value);
}

// Opens a new session in place of the old one, as only who knows the password can.
export async function signInAgain(password) {
  const before = token.get();
  take(await sendOnce("POST", "sessions", { body: { login_id: signedInAs.get(), password }, bearer: null }));
  await endSession(before);
}

// Ends the session of a token, as far as it has one; otherwise it ends by itself.
export async function endSession(bearer) {
  if (sessionOf(bearer)) await sendOnce("DELETE", "sessions/current", { bearer }).catch(() => {});
}
