// Messages that fail and are tried again, before they become dead letters.
import { ago, badge, counted, el, number, runbookLink, table } from "./dom.js";

export function troubles({ failing: all }, isSilenced) {
  const failing = all.filter((queue) => !isSilenced("MESSAGES_FAIL", queue.queue));
  if (!failing.length) return [];
  const count = failing.reduce((sum, queue) => sum + queue.messages, 0);
  const harm = failing.some((queue) => queue.is_urgent) ? "urgent failing" : "failing";
  return [{ harm, panel: "failing", runbook: "messages-fail.md", of: failing.map((queue) => `MESSAGES_FAIL ${queue.queue}`),
    text: `${counted(count, "message")} of ${counted(failing.length, "queue")} failing now: ${failing[0].queue}, ${failing[0].cause}` }];
}

export function failing({ failing: queues }) {
  if (!queues.length) return [el("p", { class: "well" }, "No message is being tried again.")];
  return [table("Failing now", [
    ["Queue", (queue) => el("code", {}, queue.queue)],
    ["Messages", (queue) => number(queue.messages), "number"],
    ["Type", (queue) => badge(queue.type || "unreadable")],
    ["Tries", (queue) => number(queue.tries), "number"],
    ["Cause", (queue) => el("span", { class: "cause" }, queue.cause)],
    ["Since", (queue) => ago(queue.since)],
    ["", () => runbookLink("messages-fail.md"), "act"],
  ], queues)];
}
