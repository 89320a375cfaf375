// Requests to the API with the operator's token, which is kept in this tab only.
const KEY = "lastunit-console-token";

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
  forget: () => sessionStorage.removeItem(KEY),
};

export const get = (path) => send("GET", path);
export const post = (path, body, version) => send("POST", path, body, version);

// With a version, the change is made only if nobody else has changed the thing meanwhile.
async function send(method, path, body, version) {
  const headers = { Accept: "application/json" };
  if (version !== undefined) headers["If-Match"] = `"${version}"`;
  if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Problem(0, { detail: "The API cannot be reached." });
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, content);
  return content;
}
