// Requests to the API with the token of who is signed in, which is kept in this tab only.
const KEY = "lastunit-console-token";
const ANSWER_MS = 35_000; // longer than API Gateway waits for a function
const LOGIN_KEY = "lastunit-console-login";

export class Problem extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || "The request failed.");
    this.status = status;
    this.code = problem.code || "";
    this.requestId = problem.request_id || "";
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => [KEY, LOGIN_KEY].forEach((key) => sessionStorage.removeItem(key)),
};

// The login id of who signed in with a password; null where a token was pasted.
export const login = {
  get: () => sessionStorage.getItem(LOGIN_KEY),
  set: (value) => sessionStorage.setItem(LOGIN_KEY, value),
};

// The token's scopes; null where it cannot be read. The API decides; this decides what is shown.
export function scopes() {
  try {
    const claims = token.get().split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(atob(claims)).scope.split(" ").filter(Boolean);
  } catch {
    return null;
  }
}

export const may = (scope) => (scopes() ?? ["admin"]).some((held) => held === scope || held === "admin");

// Opens a new session in place of the old one, as only who knows the password can.
export async function signInAgain(password) {
  const before = token.get();
  const opened = await post("sessions", { login_id: login.get(), password });
  token.set(opened.access_token);
  await send("DELETE", "sessions/current", undefined, undefined, before).catch(() => {}); // it ends by itself
}

export const get = (path) => send("GET", path);
export const post = (path, body, version) => send("POST", path, body, version);
export const put = (path, body) => send("PUT", path, body);
export const remove = (path) => send("DELETE", path);

export async function getAll(path) {
  const items = [];
  for (let cursor = ""; cursor !== null;) {
    const page = await get(`${path}?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    items.push(...page.items);
    cursor = page.next_cursor;
  }
  return items;
}

// With a version, the change is made only if nobody else has changed the thing meanwhile.
async function send(method, path, body, version, bearer = token.get()) {
  const headers = { Accept: "application/json" };
  if (version !== undefined) headers["If-Match"] = `"${version}"`;
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
  } catch {
    throw new Problem(0, { detail: "The API cannot be reached." });
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, content);
  return content;
}
