// What operators do with dead letters: redrive them, or discard them after they are counted by kind.
import { path } from "./actions.js";
import { get, post, Problem } from "./api.js";
import { ask, showOutcome } from "./dialogs.js";
import { counted, el, number } from "./dom.js";

export const MIN_REASON = 8; // the API's
export const REASON = { label: `Reason, kept in the audit (${MIN_REASON} characters or more)`, attributes: { maxlength: "500", minlength: String(MIN_REASON) } };
const UNREADABLE = "UNREADABLE";
const NOT_HANDLED = "what is discarded is not handled";
const NAMES = {
  [UNREADABLE]: ["unreadable", "unreadable"],
  MESSAGE: ["other message"],
  OrderConfirmed: ["paid order"],
  OrderCancelled: ["cancelled order"],
  OrderLinesCancelled: ["partly cancelled order"],
  OrderAddressChanged: ["changed address", "changed addresses"],
  PaymentSucceeded: ["successful payment"],
  PaymentFailed: ["declined payment"],
};

const OF_NO_EVENT = { [UNREADABLE]: "unreadable", MESSAGE: "no event" };
export const nameOf = (kind) => (Object.hasOwn(OF_NO_EVENT, kind) ? OF_NO_EVENT[kind] : kind);
export const kindsText = (kinds) => kinds.map(({ kind, count }) => counted(count, ...(Object.hasOwn(NAMES, kind) ? NAMES[kind] : [kind, kind]))).join(", ");
const sum = (kinds) => kinds.reduce((total, each) => total + each.count, 0);

export function discard(queue, ids, count, after) {
  ask({
    title: "Discard this message?",
    text: "It will be deleted and not handled. The audit keeps it, and it can be restored.",
    verb: "Discard",
    danger: true,
    final: NOT_HANDLED,
    field: REASON,
    act: (reason, progress) => inParts("discard", queue, { message_ids: ids, reason }, ["discarded from", "discarded"], progress, after),
  });
}

export async function discardUnreadable(queue, settled, after) {
  const found = await count(queue, settled);
  if (!found) return;
  const kinds = found.kinds.filter(({ kind }) => kind === UNREADABLE);
  if (!kinds.length) return showOutcome({ text: `No message of ${queue} is unreadable: ${contents(found)}.` });
  const others = found.kinds.filter(({ kind }) => kind !== UNREADABLE);
  askToDiscard(queue, kinds, after, {
    title: `Discard what is unreadable in ${queue}?`,
    text: others.length ? `${counted(sum(others), "message")} can be read and will stay: ${kindsText(others)}.` : "",
    verb: "Discard unreadable",
  });
}

// Discarding what can be read takes the number of messages, typed: one paid order among garbage is seen.
export async function discardAll(queue, settled, after) {
  const found = await count(queue, settled);
  if (!found) return;
  const { kinds } = found;
  if (!kinds.length) return showOutcome({ text: `No message of ${queue} can be received: another operator may be handling them.`, bad: true });
  const total = sum(kinds);
  const isReadable = kinds.some(({ kind }) => kind !== UNREADABLE);
  const typed = el("input", { id: "typed", required: true, autocomplete: "off", inputmode: "numeric", pattern: String(total), title: `The number ${total}` });
  const hidden = found.count - total;
  askToDiscard(queue, kinds, after, {
    title: `Discard all of ${queue}?`,
    text: hidden > 0 ? `About ${counted(hidden, "message")} more could not be counted and will stay.` : "",
    verb: `Discard all ${number(total)}`,
    parts: isReadable ? el("p", {}, el("label", { for: "typed" }, `Type ${total}, the number of messages`), typed) : null,
  });
}

const contents = ({ kinds, count: all }) => (kinds.length ? kindsText(kinds) : `${counted(all, "message")}, which another operator may be handling`);

function askToDiscard(queue, kinds, after, { title, text, verb, parts }) {
  let isTried = false;
  const once = (reason, progress) => {
    // What a lost answer has deleted is unknown: another try would delete what came since.
    if (isTried) throw new Problem(0, { detail: "Some may be discarded already. Close this, and count again." });
    isTried = true;
    return inParts("discard", queue, { message_ids: "all", reason, kinds }, ["discarded from", "discarded"], progress, after);
  };
  ask({
    title,
    text: [el("strong", {}, kindsText(kinds)), ` will be deleted and not handled. ${text} The audit keeps them, and they can be restored.`],
    verb,
    danger: true,
    final: NOT_HANDLED,
    field: REASON,
    parts,
    act: once,
  });
}

async function count(queue, settled) {
  try {
    await settled();
    return await get(path("dead-letters", queue, "kinds"));
  } catch (problem) {
    showOutcome({ text: `The messages of ${queue} cannot be counted: ${problem.message}`, bad: true });
    return null;
  }
}

// Many messages take several requests; each answer says whether it was the last.
export async function inParts(act, queue, body, [done, soFar], progress, after) {
  let [gone, failed, missing, left] = [new Map(), [], 0, body.kinds];
  const total = () => [...gone.values()].reduce((sum, each) => sum + each, 0);
  try {
    for (let complete = false; !complete;) {
      const result = await post(path("dead-letters", queue, act), left ? { ...body, kinds: left } : body);
      for (const { kind, count } of result.kinds) gone.set(kind, (gone.get(kind) ?? 0) + count);
      left = body.kinds?.map(({ kind, count }) => ({ kind, count: count - (gone.get(kind) ?? 0) })).filter((each) => each.count > 0);
      failed = result.failed;
      missing = result.not_found.length;
      complete = result.complete || result.done.length === 0 || left?.length === 0;
      progress(`${counted(total(), "message")} ${soFar} …`);
    }
  } finally {
    after();
  }
  const kinds = [...gone].map(([kind, count]) => ({ kind, count }));
  const parts = [`${counted(total(), "message")} ${done} ${queue}${kinds.length > 1 ? `: ${kindsText(kinds)}` : ""}.`];
  if (failed.length) parts.push(`${counted(failed.length, "message")} stayed: ${failed[0].cause}.`);
  if (missing) parts.push(`${counted(missing, "message")} not found: another operator may be handling them.`);
  return { text: parts.join(" "), bad: failed.length + missing > 0 };
}
