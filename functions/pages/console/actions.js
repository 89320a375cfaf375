// What an operator does: each asks first, says what came of it, and is kept in the audit.
import { post } from "./api.js";
import { ask } from "./dialogs.js";
import { counted, shortId } from "./dom.js";

const path = (...parts) => ["admin", ...parts.map(encodeURIComponent)].join("/");

export function redrive(queue, ids, count, after) {
  ask({
    title: ids === "all" ? `Redrive all of ${queue}?` : `Redrive this message?`,
    text: `${counted(count, "message")} will be sent back to ${queue} and tried again.`,
    verb: "Redrive",
    act: (_, progress) => onLetters("redrive", queue, ids, {}, ["sent back to", "sent back"], progress, after),
  });
}

export function discard(queue, ids, count, after) {
  ask({
    title: ids === "all" ? `Discard all of ${queue}?` : `Discard this message?`,
    text: `${counted(count, "message")} will be deleted and not handled. The audit keeps what was said.`,
    verb: "Discard",
    danger: true,
    reason: true,
    act: (reason, progress) => onLetters("discard", queue, ids, { reason }, ["discarded from", "discarded"], progress, after),
  });
}

// Many letters take several requests: each says whether there is more to do.
async function onLetters(act, queue, ids, more, [done, sofar], progress, after) {
  let [gone, failed, missing] = [0, [], 0];
  try {
    for (let complete = false; !complete;) {
      const told = await post(path("dead-letters", queue, act), { message_ids: ids, ...more });
      gone += told.done.length;
      failed = told.failed;
      missing = told.not_found.length;
      complete = told.complete || told.done.length === 0;
      progress(`${counted(gone, "message")} ${sofar} …`);
    }
  } finally {
    after();
  }
  const parts = [`${counted(gone, "message")} ${done} ${queue}.`];
  if (failed.length) parts.push(`${counted(failed.length, "message")} stayed: ${failed[0].cause}.`);
  if (missing) parts.push(`${counted(missing, "message")} not found: somebody else may have them in hand.`);
  return { text: parts.join(" "), bad: failed.length + missing > 0 };
}

export function sync(payment, after) {
  ask({
    title: "Ask the gateway about this payment?",
    text: `Payment ${payment.payment_id} will be settled or refunded by what the gateway says.`,
    verb: "Sync",
    act: async () => {
      try {
        const told = await post(path("payments", payment.payment_id, "sync"));
        return { text: `Payment ${shortId(payment.payment_id)} is ${told.status}.`, bad: false };
      } finally {
        after();
      }
    },
  });
}

export function putBack(event, after) {
  ask({
    title: "Put this event back?",
    text: `${event.type} ${shortId(event.event_id)} goes back into the outbox; the relay tries it within a minute.`,
    verb: "Put back",
    act: async () => {
      try {
        await post(path("set-aside", event.event_id, "put-back"));
        return { text: `${event.type} ${shortId(event.event_id)} is put back.`, bad: false };
      } finally {
        after();
      }
    },
  });
}
