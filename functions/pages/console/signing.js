// Signing in, by login id and password or with an access token.
import { get, login as signedInAs, may, post, Problem, scopes, token } from "./api.js";
import { el, problemText } from "./dom.js";

const NO_STAFF = "This user has no staff scopes. An admin grants them, or anyone who can read the " +
  "database's secret: make ops ARGS=\"staff grant LOGIN_ID SCOPE\"";

export function signIn(note, signedIn) {
  const login = el("input", { id: "login", name: "username", autocomplete: "username", required: true, autocapitalize: "none", spellcheck: "false" });
  const password = el("input", { id: "password", type: "password", autocomplete: "current-password", required: true });
  const pasted = el("input", { id: "token", type: "password", autocomplete: "off", required: true, spellcheck: "false" });
  const trouble = el("div", {});
  const form = (label, ...parts) => el("form", {}, ...parts, el("button", { type: "submit", class: "primary" }, label));
  const byPassword = form("Sign in",
    el("p", {}, el("label", { for: "login" }, "Login id"), login),
    el("p", {}, el("label", { for: "password" }, "Password"), password));
  const byToken = form("Use token", el("p", {}, el("label", { for: "token" }, "Access token"), pasted));
  const attempt = (find) => async (event) => {
    event.preventDefault();
    trouble.replaceChildren();
    try {
      token.set(await find());
      if (scopes()?.length === 0) throw new Problem(403, { detail: NO_STAFF, code: "MISSING_SCOPE" });
      if (may("ops")) await get("admin/overview"); // refuses a pasted token that is not good
      signedIn();
    } catch (problem) {
      token.forget();
      trouble.replaceChildren(problemText(problem));
    }
  };
  byPassword.addEventListener("submit", attempt(async () => {
    const opened = await post("sessions", { login_id: login.value, password: password.value });
    signedInAs.set(login.value);
    return opened.access_token;
  }));
  byToken.addEventListener("submit", attempt(async () => pasted.value.trim()));
  const card = el("section", { class: "sign-in", "aria-labelledby": "sign-in-title" },
    el("h1", { id: "sign-in-title" }, "Sign in"),
    note ? el("p", { class: "notice", role: "status" }, note) : el("p", { class: "quiet" }, "For staff: your own login."),
    byPassword, trouble,
    el("details", {}, el("summary", {}, "Use a token instead"),
      el("p", { class: "quiet" }, "The local system prints one as ADMIN_TOKEN in .local/env."), byToken));
  return { card, focus: () => login.focus() };
}
