// All that is known of an order, in the order of time: its history, events, notices, dead letters, log.
import { get } from "./api.js";
import { linkTo } from "./links.js";
import { redriveOne } from "./redriving.js";
import { ago, badge, button, el, problemText, shortId, show, table } from "./dom.js";

const NAMES = { HISTORY: "history", EVENT: "event", NOTICE: "notice", ACT: "act of staff", DEAD_LETTER: "dead letter", LOG: "log" };
const BAD = ["DEAD_LETTER"];

// `page` is what shows the order: it is reloaded once a dead letter was sent back.
export function timelineOf(order, page) {
  const place = el("div", {});
  const load = async () => {
    show(place, el("p", { class: "quiet", role: "status" }, "Searching database, queues and log …"));
    try {
      show(place, ...shown(await get(`admin/orders/${encodeURIComponent(order.order_id)}/timeline`), { settled: page.settled, changed: () => { void load(); page.changed(); } }));
    } catch (problem) {
      show(place, problemText(problem));
    }
  };
  show(place, button("Show timeline", `timeline ${order.order_id}`, load, "plain"));
  return place;
}

function shown({ entries, is_complete: isComplete }, handlers) {
  return [
    entriesTable(entries, (entry) => redriveOf(entry, handlers)),
    isComplete ? null : el("p", { class: "quiet" }, "Queues or log could not be searched to the end: there may be more."),
  ];
}

// Dead letters are shown to those only who may redrive them.
function redriveOf({ kind, id, by: queue }, handlers) {
  if (kind !== "DEAD_LETTER") return null;
  return button("Redrive", `timeline redrive ${id}`, () => redriveOne(queue, id, handlers), "", `Redrive message ${id}`);
}

export function entriesTable(entries, act) {
  return table("Timeline", [
    ["When", (entry) => ago(entry.at)],
    ["Source", (entry) => badge(NAMES[entry.kind], BAD.includes(entry.kind) ? "bad" : "")],
    ["What", (entry) => entry.what],
    ["Detail", (entry) => entry.detail],
    ["By", (entry) => el("code", { class: "id", title: entry.by }, entry.by.includes(":") ? shortId(entry.by) : entry.by)],
    ["Trace", (entry) => linkTo("trace", entry.trace_id, `trace ${entry.kind} ${entry.id} ${entry.at}`, `Trace ${entry.trace_id}`)],
    ...(act ? [["", act, "act"]] : []),
  ], entries);
}
