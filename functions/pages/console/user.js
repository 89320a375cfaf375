// The dialog of one user, as far as staff with the scope users:read see them; each look is audited.
import { path } from "./actions.js";
import { get } from "./api.js";
import { read } from "./dialogs.js";
import { ago, badge, el, problemText, shortId, show } from "./dom.js";
import { opens } from "./links.js";
import { facts } from "./order.js";

function openUser(id) {
  const body = read(`User ${shortId(id)}`, el("p", { class: "quiet" }, "Loading …"));
  void (async () => {
    try {
      show(body, pageOf(await get(path("users", id))));
    } catch (problem) {
      show(body, problemText(problem));
    }
  })();
  return body;
}

const mails = ({ mail_suppression: why, mail_suppressed_at: at }) =>
  why ? [el("span", { class: "cause" }, `not mailed: ${why.toLowerCase()} `), ago(at)] : "mailed";

function pageOf(user) {
  return facts([
    ["User", el("code", {}, user.user_id)],
    ["Login id", user.login_id],
    ["Name", user.name],
    ["E-mail", `${user.email}${user.email_verified ? "" : ", not verified"}`],
    ["Mails", mails(user)],
    ["Language", user.language],
    ["Since", ago(user.created_at)],
    ["Staff scopes", user.scopes.length ? user.scopes.join(", ") : "none"],
    ["Suspended", user.suspended_at ? [badge("suspended", "bad"), " ", ago(user.suspended_at), ` ${user.suspension_reason}`] : "no"],
  ]);
}

opens("user", "users:read", openUser);
