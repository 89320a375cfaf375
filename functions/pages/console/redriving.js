// A redrive at the console: one act in parts, each of which ends within seconds. This tab asks for one
// part after another, so that it shows how far it is and can stop; nothing runs once the tab is closed.
import { path } from "./actions.js";
import { post } from "./api.js";
import { ask } from "./dialogs.js";
import { counted, el, number } from "./dom.js";
import { kindsText } from "./letters.js";

const MAX_RATE = 1000; // the API's
const CLOSING = "Keep this tab open: if it is closed, what was sent is under way and the rest stays dead letters.";

export function redriveOne(queue, id, { changed, settled }) {
  ask({
    title: "Redrive this message?",
    text: `${counted(1, "message")} will be sent back to ${queue} and tried again.`,
    verb: "Redrive",
    act: actOf(queue, { message_ids: [id] }, 1, { changed, settled }),
  });
}

// `chosen` is what the API is sent: ids or "all", a kind and a cause; `what` says it in words.
export function redriveMany(queue, chosen, count, what, { changed, settled }) {
  const rate = el("input", { id: "rate", type: "number", min: "1", max: String(MAX_RATE), step: "1", inputmode: "numeric", autocomplete: "off" });
  const run = actOf(queue, chosen, count, { changed, settled });
  ask({
    title: `Redrive ${what}?`,
    text: `${counted(count, "message")} will be sent back to ${queue} and tried again. ${CLOSING}`,
    verb: "Redrive",
    parts: el("p", {}, el("label", { for: "rate" }, "Messages a second, at most (empty: as fast as possible)"), rate),
    stopping: "Cancelling after the messages in hand …",
    act: (text, progress, choice, signal) => {
      rate.readOnly = true; // a second try goes on with the same redrive, at its rate
      return run(text, progress, choice, signal, rate.value ? { rate: Number(rate.value) } : {});
    },
  });
}

// After a failure a second try goes on with the same redrive, which sends no message twice.
function actOf(queue, chosen, count, { changed, settled }) {
  let begun = null;
  return async (_, progress, __, signal, more = {}) => {
    const gone = new Map();
    let [failure, missing] = ["", 0];
    const next = () => {
      if (!begun) return post(path("dead-letters", queue, "redrive"), { ...chosen, ...more });
      const redrive = path("dead-letters", queue, "redrive", begun);
      return post(signal.aborted ? `${redrive}/cancellation` : redrive);
    };
    const part = async () => {
      const answer = await next();
      begun = answer.redrive_id;
      for (const { kind, count: sent } of answer.kinds) gone.set(kind, (gone.get(kind) ?? 0) + sent);
      failure = answer.failed[0]?.cause ?? failure;
      missing = answer.not_found.length;
      progress(`${counted(answer.sent, "message")} of ${number(Math.max(count, answer.sent))} sent back …`);
      return answer;
    };
    window.addEventListener("beforeunload", warn);
    try {
      await settled(); // a refresh hides for a moment the dead letters that it reads
      if (signal.aborted && !begun) return { text: "Cancelled: no message was sent." };
      let answer = await part();
      while (!answer.complete) answer = await part();
      return outcome(queue, answer, [...gone].map(([kind, sent]) => ({ kind, count: sent })), failure, missing);
    } finally {
      window.removeEventListener("beforeunload", warn);
      changed();
    }
  };
}

const warn = (event) => event.preventDefault(); // the browser asks whether to leave

function outcome(queue, { sent, failed_count: failed, state }, kinds, failure, missing) {
  const isCancelled = state === "CANCELLED";
  const parts = [`${isCancelled ? "Cancelled: " : ""}${counted(sent, "message")} sent back to ${queue}${kinds.length > 1 ? `: ${kindsText(kinds)}` : ""}.`];
  if (isCancelled) parts.push("The others stay dead letters.");
  if (failed) parts.push(`${counted(failed, "message")} stayed: ${failure}.`);
  if (missing) parts.push(`${counted(missing, "message")} not found: another operator may be handling them.`);
  return { text: parts.join(" "), bad: failed + missing > 0 };
}
