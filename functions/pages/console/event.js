// One event with its data and state, and what operators do with a quarantined one.
import { path } from "./actions.js";
import { get, post } from "./api.js";
import { ask, read } from "./dialogs.js";
import { ago, badge, button, el, number, pretty, problemText, shortId, show } from "./dom.js";
import { REASON } from "./letters.js";
import { goTo, linkTo, opens } from "./links.js";
import { facts, page } from "./order.js";

const STATES = { WAITING: "waits for the bus", PUBLISHED: "published", QUARANTINED: "quarantined" };

function openEvent(id) {
  const body = read(`Event ${shortId(id)}`, el("p", { class: "quiet" }, "Loading …"));
  const load = async () => {
    try {
      show(body, ...pageOf(await get(path("events", id)), () => { void load(); page.changed(); }));
    } catch (problem) {
      show(body, problemText(problem), button("Find what else has this id", `find event ${id}`, () => goTo("find", id), "plain"));
    }
  };
  void load();
  return body;
}

function pageOf(event, after) {
  const isOrders = event.type.startsWith("Order");
  return [
    event.state === "QUARANTINED" ? el("div", { class: "buttons order-acts" }, eventActs(event, after, "of event")) : null,
    facts([
      ["Event", el("code", {}, event.event_id)],
      ["Type", badge(event.type)],
      ["State", badge(STATES[event.state], event.state === "QUARANTINED" ? "bad" : "")],
      ["About", isOrders ? linkTo("order", event.aggregate_id, `event order ${event.event_id}`, `Order ${event.aggregate_id}`, event.aggregate_id) : el("code", {}, event.aggregate_id)],
      ["Occurred", ago(event.occurred_at)],
      ["Published", event.published_at ? ago(event.published_at) : "–"],
      ["Quarantined", event.set_aside_at ? ago(event.set_aside_at) : "–"],
      ["Cause", event.cause ? el("span", { class: "cause" }, event.cause) : "–"],
      ["Refusals", number(event.refusals)],
      ["Trace", linkTo("trace", event.trace_id, `event trace ${event.event_id}`, `Trace ${event.trace_id}`, event.trace_id)],
    ]),
    el("h3", {}, "Data"),
    el("pre", { tabindex: "0" }, pretty(event.body) + (event.body_is_cut ? "\n… cut" : "")),
  ];
}

export function eventActs(event, after, key = "") {
  return [
    button("Requeue", `requeue ${key} ${event.event_id}`, () => requeue(event, after), "", `Requeue event ${event.event_id}`),
    button("Discard", `discard ${key} ${event.event_id}`, () => discard(event, after), "danger-quiet", `Discard event ${event.event_id}`),
  ];
}

function requeue(event, after) {
  ask({
    title: "Requeue this event?",
    text: `${event.type} ${shortId(event.event_id)} goes back to the outbox; the relay publishes it within a minute.`,
    verb: "Requeue",
    act: () => decided(event, "put-back", undefined, "is requeued", after),
  });
}

function discard(event, after) {
  ask({
    title: "Discard this event?",
    text: `${event.type} ${shortId(event.event_id)} will be deleted, and what should follow it does not happen. The audit keeps it, and it can be restored.`,
    verb: "Discard",
    danger: true,
    final: "what is discarded is not handled",
    field: REASON,
    act: (reason) => decided(event, "discard", { reason }, "is discarded", after),
  });
}

async function decided(event, act, body, done, after) {
  try {
    await post(path("set-aside", event.event_id, act), body);
    return { text: `${event.type} ${shortId(event.event_id)} ${done}.`, bad: false };
  } finally {
    after();
  }
}

opens("event", "ops", openEvent);
