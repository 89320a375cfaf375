// The panel of staff and API keys: who may do what, and what admins have changed of it.
// Each look at staff is in the audit, so they are read on demand, not every 15 seconds.
import { get, getAll, post, put, remove } from "./api.js";
import { ask, read } from "./dialogs.js";
import { ago, badge, button, counted, el, problemText, shortId, show, table } from "./dom.js";

const SCOPES = ["catalogue", "stock", "orders:read", "orders:fulfil", "refunds", "coupons", "drops", "users:read", "ops", "admin"];
const ACTS = ["PUT /admin/staff/{user_id}", "DELETE /admin/staff/{user_id}", "POST /admin/api-keys", "DELETE /admin/api-keys/{api_key_id}",
  "make ops staff grant", "make ops staff revoke"];
const RIGHTS = "this changes who may do what";
const KEY_NAME_LENGTH = 100;
const DAY_MS = 86_400_000;

const path = (...parts) => ["admin", ...parts.map(encodeURIComponent)].join("/");
const own = (text) => el("bdi", {}, text); // its direction is its own
const tags = (scopes) => scopes.flatMap((scope) => [badge(scope), " "]);

// --- reading -------------------------------------------------------------------------------------

let isOpen = false;
let lists = null;

export async function load() {
  if (!isOpen) return {};
  lists ??= { staff: await getAll("admin/staff"), keys: await getAll("admin/api-keys"), readAt: new Date().toISOString() };
  return lists;
}

export const forget = () => { lists = null; };

export function close() {
  isOpen = false;
  forget();
}

// --- showing -------------------------------------------------------------------------------------

export function staff({ staff: members, keys, readAt }, { changed }) {
  const after = () => { forget(); changed(); };
  if (!members) {
    return [el("p", { class: "quiet" }, "Who may do what. Each look at it is in the audit."),
      el("p", {}, button("Show", "staff show", () => { isOpen = true; after(); }, "", "Show staff and API keys"))];
  }
  return [
    el("div", { class: "queue-head" },
      el("span", { class: "quiet" }, "read ", ago(readAt)),
      el("div", { class: "buttons" },
        button("Changes", "staff changes", () => void showChanges(members), "", "Changes of staff and API keys"),
        button("Grant scopes", "staff grant", () => grant(after)),
        button("Make a key", "keys make", () => makeKey(after)))),
    el("h3", {}, counted(members.length, "member of staff", "members of staff")),
    members.length ? staffTable(members, after) : el("p", { class: "quiet" }, "No user has a scope."),
    el("h3", {}, counted(keys.length, "API key")),
    keys.length ? keyTable(keys, members, after) : el("p", { class: "quiet" }, "There is no API key."),
  ];
}

function staffTable(members, after) {
  return table("Members of staff", [
    ["Login id", (member) => el("span", {}, el("b", {}, member.login_id), " ", member.suspended_at ? badge("suspended", "bad") : "")],
    ["Scopes", (member) => el("span", {}, tags(member.scopes))],
    ["Last sign-in", (member) => (member.last_signed_in_at ? ago(member.last_signed_in_at) : "not signed in")],
    ["", (member) => el("span", { class: "buttons" },
      button("Change", `scopes ${member.user_id}`, () => change(member, after), "", `Change the scopes of ${member.login_id}`),
      button("Revoke", `revoke ${member.user_id}`, () => revoke(member, after), "danger-quiet", `Revoke all scopes of ${member.login_id}`)), "act"],
  ], members);
}

function keyTable(keys, members, after) {
  return table("API keys", [
    ["Key", (key) => el("span", {}, own(key.name), " ", el("code", {}, `…${key.ends_with}`))],
    ["Scopes", (key) => el("span", {}, tags(key.scopes))],
    ["Made", (key) => el("span", {}, ago(key.created_at), " by ", nameOf(key.created_by, members))],
    ["Last used", (key) => (key.last_used_at ? ago(key.last_used_at) : "never")],
    ["State", (key) => stateOf(key)],
    ["", (key) => key.revoked_at === null && button("Revoke", `revoke ${key.api_key_id}`, () => revokeKey(key, after), "danger-quiet",
      `Revoke the key ${key.name}, …${key.ends_with}`), "act"],
  ], keys);
}

function stateOf(key) {
  if (key.revoked_at) return el("span", {}, "revoked ", ago(key.revoked_at));
  return el("span", {}, new Date(key.expires_at) < new Date() ? "expired " : "expires ", ago(key.expires_at));
}

function nameOf(by, members) {
  const member = members.find((each) => by === `admin:${each.user_id}`);
  if (member) return member.login_id;
  return el("code", { class: "id", title: by }, by.includes(":") ? `${by.split(":")[0]} ${shortId(by)}` : by);
}

// --- what admins have changed --------------------------------------------------------------------

async function showChanges(members) {
  const body = read("Changes of staff and API keys", el("p", { class: "quiet" }, "Loading …"));
  try {
    const found = await Promise.all(ACTS.map((action) => get(`admin/audit?limit=50&action=${encodeURIComponent(action)}`)));
    const acts = found.flatMap((page) => page.items).sort((a, b) => (a.act_id < b.act_id ? 1 : -1)).slice(0, 50);
    show(body, acts.length ? changesTable(acts, members) : el("p", { class: "quiet" }, "The audit has none."));
  } catch (problem) {
    show(body, problemText(problem));
  }
}

function changesTable(acts, members) {
  return table("Changes of staff and API keys", [
    ["When", (act) => ago(act.at)],
    ["Who", (act) => nameOf(act.by, members)],
    ["What", (act) => el("span", { title: act.subject }, act.action)],
    ["Changed", (act) => act.changes.map((each) => el("p", {}, own(changeOf(each, members))))],
    ["Outcome", (act) => badge(act.code ? `${act.outcome} ${act.code}` : act.outcome, ["DONE", "REPLAYED"].includes(act.outcome) ? "" : "bad")],
  ], acts);
}

function changeOf({ action, subject_id: subject, before, after }, members) {
  const scopes = (facts) => facts.scopes?.join(", ") || "none";
  if (action === "change scopes") {
    const member = members.find((each) => each.user_id === subject);
    return `${member?.login_id ?? shortId(subject)}: ${scopes(before)} → ${scopes(after)}`;
  }
  return `${action} ${after.name ?? shortId(subject)}${after.scopes ? `: ${scopes(after)}` : ""}`;
}

// --- what admins do ------------------------------------------------------------------------------

function scopesField(held = []) {
  const boxes = SCOPES.map((scope) => el("input", { type: "checkbox", value: scope, checked: held.includes(scope) }));
  const chosen = () => boxes.filter((box) => box.checked).map((box) => box.value);
  const require = () => boxes[0].setCustomValidity(chosen().length ? "" : "Choose at least one scope.");
  require();
  return {
    part: el("fieldset", { class: "checks", onchange: require }, el("legend", {}, "Scopes"), boxes.map((box) => el("label", {}, box, box.value))),
    chosen,
  };
}

function grant(after) {
  const scopes = scopesField();
  ask({
    title: "Grant scopes?",
    text: "To a user who has signed up, in addition to those that they have. Their next access token has them.",
    verb: "Grant",
    final: RIGHTS,
    field: { label: "Login id", attributes: { maxlength: "10", autocapitalize: "none", spellcheck: "false" } },
    parts: [scopes.part],
    act: async (login) => {
      const { items: [user] } = await get(`admin/users?login_id=${encodeURIComponent(login)}`);
      if (!user) throw new Error(`No user has the login id ${login}.`);
      return setScopes(user, SCOPES.filter((each) => user.scopes.includes(each) || scopes.chosen().includes(each)), after);
    },
  });
}

function change(member, after) {
  const scopes = scopesField(member.scopes);
  ask({
    title: `Change the scopes of ${member.login_id}?`,
    text: "Where a scope goes, all their sessions end at once.",
    verb: "Change",
    final: RIGHTS,
    parts: [scopes.part],
    act: () => setScopes(member, scopes.chosen(), after),
  });
}

async function setScopes({ user_id: id, login_id: login }, scopes, after) {
  try {
    await put(path("staff", id), { scopes });
    return { text: `${login} has ${counted(scopes.length, "scope")}: ${scopes.join(", ")}.` };
  } finally {
    after();
  }
}

function revoke(member, after) {
  ask({
    title: `Revoke all scopes of ${member.login_id}?`,
    text: "All their sessions end at once, and the keys that they made stop working. They keep their account as a buyer.",
    verb: "Revoke",
    danger: true,
    final: RIGHTS,
    act: () => done(remove(path("staff", member.user_id)), `${member.login_id} has no scopes.`, after),
  });
}

function makeKey(after) {
  const scopes = scopesField();
  const until = el("input", { id: "until", type: "date", min: new Date(Date.now() + DAY_MS).toISOString().slice(0, 10) });
  ask({
    title: "Make an API key?",
    text: "With the key, a program may do what you may do, as far as its scopes go. The key is shown once.",
    verb: "Make",
    final: RIGHTS,
    field: { label: "Name, as of the machine that will use it", attributes: { maxlength: String(KEY_NAME_LENGTH), dir: "auto" } },
    parts: [scopes.part, el("p", {}, el("label", { for: "until" }, "Good until the start of this day (UTC), or for a year"), until)],
    act: async (name) => {
      const expires = until.value ? { expires_at: `${until.value}T00:00:00Z` } : {};
      try {
        const key = await post("admin/api-keys", { name, scopes: scopes.chosen(), ...expires });
        return { text: `A key is made that ends with ${key.ends_with}.`, next: () => showSecret(key) };
      } finally {
        after();
      }
    },
  });
}

function showSecret({ name, key }) {
  const said = el("span", { class: "quiet", role: "status" });
  const copy = () => navigator.clipboard.writeText(key).then(
    () => said.replaceChildren("Copied."), () => said.replaceChildren("Copy it by hand: the browser does not allow it."));
  read("The new key",
    el("p", {}, "Copy it to ", own(name), " now: it is not stored, and not shown again."),
    el("p", {}, el("code", { class: "secret", tabindex: "0", "aria-label": "Key" }, key)),
    el("p", {}, button("Copy", "key copy", copy, "primary", "Copy the key"), " ", said));
}

function revokeKey(key, after) {
  ask({
    title: "Revoke this key?",
    text: [own(key.name), ` …${key.ends_with}: its next request is refused, and it cannot be used again.`],
    verb: "Revoke",
    danger: true,
    final: RIGHTS,
    act: () => done(remove(path("api-keys", key.api_key_id)), `The key …${key.ends_with} is revoked.`, after),
  });
}

async function done(request, text, after) {
  try {
    await request;
    return { text };
  } finally {
    after();
  }
}
