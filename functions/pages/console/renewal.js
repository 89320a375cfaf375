// Renews the session in place before its access token ends. A refresh token is good once, so tabs that
// have the same session (a duplicated tab has) share what one of them is given.
import { onExpired, sendOnce } from "./api.js";
import { endsAt, lifetimeMs, sessionOf, token } from "./session.js";

const MOST_BEFORE_MS = 120_000;
const TRY_MS = 4_000;
const REPEATABLE_MS = 8_000; // the API takes the same token again for 10 s, where its answer was lost
const ASKING_MS = 150;
const PAUSE_MS = 15_000; // after a failure
const channel = new BroadcastChannel("lastunit-console-session");
const later = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

let running = null;
let failedAt = 0;
let changed = () => {};
export const onRenewal = (act) => { changed = act; };

export const isDue = () => Boolean(token.refresh()) && endsAt() - Date.now() < Math.min(MOST_BEFORE_MS, lifetimeMs() / 3) &&
  Date.now() - failedAt > Math.min(PAUSE_MS, lifetimeMs() / 10);

// True once there is a valid token; false where there is none, or no answer.
export function renew() {
  running ??= alone().catch(() => false).then((isDone) => {
    failedAt = isDone ? 0 : Date.now();
    if (isDone) changed();
    return isDone;
  }).finally(() => { running = null; });
  return running;
}

function alone() {
  const work = async () => (await wasRenewedElsewhere()) || refresh();
  return navigator.locks ? navigator.locks.request(`lastunit-console ${sessionOf()}`, work) : work();
}

async function wasRenewedElsewhere() {
  const before = token.get();
  channel.postMessage({ asks: sessionOf() });
  await later(ASKING_MS);
  return token.get() !== before;
}

async function refresh() {
  const before = token.refresh();
  const begun = Date.now();
  for (;;) {
    try {
      const tokens = await sendOnce("POST", "sessions/refresh", { body: { refresh_token: before }, within: TRY_MS });
      if (token.refresh() !== before) return Boolean(token.get()); // signed out, or in again, meanwhile
      take(tokens);
      return true;
    } catch (problem) {
      const isUnknown = problem.status === 0 || problem.status >= 500;
      if (!isUnknown || Date.now() - begun + TRY_MS > REPEATABLE_MS) return false;
      await later(500);
    }
  }
}

// Tokens from the API, for this tab and those that have the session `of`.
export function take(tokens, of = sessionOf()) {
  token.take(tokens);
  if (of) channel.postMessage({ of, tokens, endsAt: endsAt() });
}

channel.addEventListener("message", ({ data: { asks, of, tokens, endsAt: theirs } }) => {
  if (!token.refresh()) return;
  if (asks && asks === sessionOf()) channel.postMessage({ of: asks, tokens: mine(), endsAt: endsAt() });
  if (of && of === sessionOf() && theirs > endsAt()) {
    token.take(tokens);
    changed();
  }
});

const mine = () => ({ access_token: token.get(), refresh_token: token.refresh(), expires_in: (endsAt() - Date.now()) / 1000 });

onExpired(renew);
