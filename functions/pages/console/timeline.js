// All that is known of an order, in the order of time: its history, events, notices, dead letters, log.
import { get } from "./api.js";
import { ago, badge, button, el, problemText, shortId, show, table } from "./dom.js";

const NAMES = { HISTORY: "history", EVENT: "event", NOTICE: "notice", ACT: "act of staff", DEAD_LETTER: "dead letter", LOG: "log" };
const BAD = ["DEAD_LETTER"];

export function timelineOf(order) {
  const place = el("div", {});
  const load = async () => {
    show(place, el("p", { class: "quiet", role: "status" }, "Searching database, queues and log …"));
    try {
      show(place, ...shown(await get(`admin/orders/${encodeURIComponent(order.order_id)}/timeline`)));
    } catch (problem) {
      show(place, problemText(problem));
    }
  };
  show(place, button("Show timeline", `timeline ${order.order_id}`, load, "plain"));
  return place;
}

function shown({ entries, is_complete: isComplete }) {
  return [
    table("Timeline", [
      ["When", (entry) => ago(entry.at)],
      ["Source", (entry) => badge(NAMES[entry.kind], BAD.includes(entry.kind) ? "bad" : "")],
      ["What", (entry) => entry.what],
      ["Detail", (entry) => entry.detail],
      ["By", (entry) => el("code", { class: "id", title: entry.by }, entry.by.includes(":") ? shortId(entry.by) : entry.by)],
      ["Trace", (entry) => el("code", { class: "id", title: entry.trace_id }, shortId(entry.trace_id))],
    ], entries),
    isComplete ? null : el("p", { class: "quiet" }, "Queues or log could not be searched to the end: there may be more."),
  ];
}
