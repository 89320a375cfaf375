// Requests to the API with the token of who is signed in.
import { token } from "./session.js";

const ANSWER_MS = 35_000; // longer than API Gateway waits for a function

export class Problem extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || "The request failed.");
    this.status = status;
    this.code = problem.code || "";
    this.requestId = problem.request_id || "";
  }
}

let renewed = async () => false;
export const onExpired = (renew) => { renewed = renew; };

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

// With a version, the change is made only if nobody else has changed the thing meanwhile. A token that
// has ended is renewed, and the request, of which nothing was done, sent again.
async function send(method, path, body, version) {
  try {
    return await sendOnce(method, path, { body, version });
  } catch (problem) {
    if (problem.code !== "TOKEN_EXPIRED" || !token.refresh() || !(await renewed())) throw problem;
    return sendOnce(method, path, { body, version });
  }
}

export async function sendOnce(method, path, { body, version, bearer = token.get(), within = ANSWER_MS } = {}) {
  const headers = { Accept: "application/json" };
  if (version !== undefined) headers["If-Match"] = `"${version}"`;
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store", signal: AbortSignal.timeout(within) });
  } catch {
    throw new Problem(0, { detail: "The API cannot be reached." });
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, content);
  return content;
}
