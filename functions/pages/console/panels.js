// The contents of the panels, made from the API's answers.
import * as actions from "./actions.js";
import * as books from "./books.js";
import * as charts from "./charts.js";
import { ago, badge, button, counted, duration, el, figure, money, number, shortId, table } from "./dom.js";
import { openDiscarded } from "./discarded.js";
import { troubles } from "./drops.js";
import * as failing from "./failing.js";
import * as finding from "./finding.js";
import * as letterActs from "./letters.js";
import { orderLink } from "./order.js";
import { redriveMany, redriveOne } from "./redriving.js";
import { may } from "./session.js";

const LATE_EVENTS_SECONDS = 60; // the alarm's
const well = (text) => el("p", { class: "well" }, text);
const nothing = (text) => el("p", { class: "quiet" }, text);
const id = (value) => el("code", { class: "id", title: value }, shortId(value));

// --- problems, a line each: kind, panel, text; those first that cost buyers money or goods --------

const HARM = ["stopped", "books", "urgent letters", "urgent failing", "stuck orders", "late payments", "late events", "books late", "drops", "half open", "breaker unknown", "boards unknown", "quarantine", "letters", "failing"];

export function wrongs({ overview, letters, drops }) {
  const found = drops ? troubles(drops).map((text) => ["drops", "drops", text]) : [];
  if (letters) found.push(...lettersOf(letters.queues));
  if (overview) found.push(...books.troubles(overview), ...failing.troubles(overview), ...troublesOf(overview));
  return found.sort((a, b) => HARM.indexOf(a[0]) - HARM.indexOf(b[0]));
}

function lettersOf(queues) {
  const full = queues.filter((queue) => queue.count);
  const count = full.reduce((sum, queue) => sum + queue.count, 0);
  if (!count) return [];
  return [[full.some((queue) => queue.is_urgent) ? "urgent letters" : "letters", "letters", `${counted(count, "dead letter")} in ${counted(full.length, "queue")}`]];
}

// What is neither wrong nor well: messages that were sent back, and may become dead letters again.
export function pendings({ letters }) {
  const underWay = letters?.queues.reduce((sum, queue) => sum + queue.under_way, 0) ?? 0;
  return underWay ? [["letters", `${number(underWay)} redriven, under way`]] : [];
}

function troublesOf({ outbox, stuck_orders: stuck, payments, breaker }) {
  const late = payments.filter((payment) => payment.late).length;
  return [
    breaker.state === "open" && ["stopped", "payments", "Card payments are stopped: the breaker is open"],
    breaker.state === "half-open" && ["half open", "payments", "Card payments are being tried: the breaker is half-open"],
    breaker.state === "unknown" && ["breaker unknown", "payments", "Valkey does not answer: the breaker's state is unknown"],
    stuck.length && ["stuck orders", "orders", `${counted(stuck.length, "order")} stuck`],
    late && ["late payments", "payments", `${counted(late, "payment")} unfinished for more than 5 min`],
    outbox.oldest_age_seconds > LATE_EVENTS_SECONDS && ["late events", "outbox", `Events wait in the outbox for ${duration(outbox.oldest_age_seconds)}`],
    outbox.set_aside_count && ["quarantine", "outbox", `${counted(outbox.set_aside_count, "event")} quarantined`],
  ].filter(Boolean);
}

// --- dead letters --------------------------------------------------------------------------------

export function letters({ queues }, handlers) {
  const { opened, toggle, changed, settled } = handlers;
  const full = queues.filter((queue) => queue.count);
  const discarded = el("p", {}, button("Discarded messages", "discarded", () => openDiscarded(changed), "plain"));
  const underWay = queues.filter((queue) => queue.under_way).map((queue) =>
    el("p", { class: "under-way" }, badge(`${number(queue.under_way)} redriven, under way`), ` ${queue.queue}`));
  if (!full.length) return [well(`No dead letters in ${counted(queues.length, "queue")}.`), ...underWay, discarded];
  return [...underWay, ...full.map((queue) => {
    const isOpen = opened.has(queue.queue);
    const shown = finding.found(queue.queue) ?? opened.get(queue.queue) ?? queue;
    const all = (verb, key, act, kind) => button(verb, `${key} ${queue.queue}`, act, kind, `${verb} of ${queue.queue}`);
    return el("section", { class: "queue", "aria-label": queue.queue, "data-home": `toggle ${queue.queue}` },
      el("div", { class: "queue-head" },
        el("h3", {}, el("button", { type: "button", class: "disclosure", "aria-expanded": String(isOpen),
          "data-key": `toggle ${queue.queue}`, onclick: () => toggle(queue.queue) },
        el("span", { class: "arrow", "aria-hidden": "true" }, isOpen ? "▾" : "▸"), queue.queue)),
        badge(number(queue.count), "bad"),
        queue.letters[0] ? el("span", { class: "quiet" }, "oldest ", ago(queue.letters[0].occurred_at)) : null,
        el("div", { class: "buttons" },
          queue.can_redrive ? all("Redrive all", "redrive all", () => redriveMany(queue.queue, { message_ids: "all" }, queue.count, `all of ${queue.queue}`, handlers)) : null,
          all("Discard unreadable", "discard unreadable", () => letterActs.discardUnreadable(queue.queue, settled, changed), "danger-quiet"),
          all("Discard all", "discard all", () => letterActs.discardAll(queue.queue, settled, changed), "danger-quiet"))),
      isOpen ? [finding.bar(queue, shown.letters, handlers), deadLettersOf(queue, shown, handlers)] : glance(queue));
  }), discarded];
}

function glance(queue) {
  const oldest = queue.letters[0];
  if (!oldest) return el("p", { class: "quiet" }, "Another operator is handling them at the moment.");
  return el("p", { class: "glance" }, badge(letterActs.nameOf(oldest.kind)), redrivenOf(oldest), " order ", orderLink(oldest.order_id, queue.queue),
    " ", causeOf(oldest));
}

const TIMES = ["", "once", "twice"];
function redrivenOf({ redriven }) {
  return redriven ? [" ", badge(`redriven ${TIMES[redriven] ?? `${number(redriven)} times`}`)] : null;
}

function causeOf(letter) {
  return letter.cause
    ? el("span", { class: "cause" }, letter.cause)
    : el("span", { class: "quiet" }, `cause not in the log; trace ${letter.trace_id || "unknown"}`);
}

function deadLettersOf(queue, { letters: shown, matching }, handlers) {
  const of = matching ?? queue.count;
  return el("ol", { class: "letters" }, shown.map((letter) =>
    el("li", {},
      el("div", { class: "letter-head" },
        queue.can_redrive ? finding.choice(queue.queue, letter, handlers.redraw) : null,
        badge(letterActs.nameOf(letter.kind)), redrivenOf(letter),
        el("span", {}, "order ", orderLink(letter.order_id, letter.message_id)),
        el("span", { class: "quiet" }, ago(letter.occurred_at)),
        el("div", { class: "buttons" },
          queue.can_redrive ? button("Redrive", `redrive ${letter.message_id}`, () => redriveOne(queue.queue, letter.message_id, handlers), "", `Redrive message ${letter.message_id}`) : null,
          button("Discard", `discard ${letter.message_id}`, () => letterActs.discard(queue.queue, [letter.message_id], 1, handlers.changed), "danger-quiet", `Discard message ${letter.message_id}`))),
      el("p", {}, causeOf(letter)),
      el("details", { "data-open": letter.message_id },
        el("summary", { "data-key": `message ${letter.message_id}` }, "Message"),
        el("p", { class: "quiet" }, `message ${letter.message_id} · event ${letter.event_id || "–"} · trace ${letter.trace_id || "–"}`),
        el("pre", { tabindex: "0", role: "region", "aria-label": `Body of message ${letter.message_id}` }, pretty(letter.body) + (letter.body_is_cut ? "\n… cut" : ""))))),
    shown.length < of
      ? el("li", { class: "quiet" }, `${counted(shown.length, "message")} of ${number(of)} shown`) : null);
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

// --- outbox --------------------------------------------------------------------------------------

export function outbox({ outbox: box }, { changed }) {
  const late = box.oldest_age_seconds > LATE_EVENTS_SECONDS;
  const figures = el("div", { class: "figures-row" },
    figure("waiting", number(box.waiting)),
    figure("oldest", box.waiting ? duration(box.oldest_age_seconds) : "–", late),
    figure("quarantined", number(box.set_aside_count), box.set_aside_count > 0));
  if (!box.set_aside.length) return [figures];
  return [figures, table("Quarantined events", [
    ["Event", (event) => event.type],
    ["About", (event) => id(event.aggregate_id)],
    ["Cause", (event) => el("span", { class: "cause" }, event.cause)],
    ["Quarantined", (event) => ago(event.set_aside_at)],
    ["", (event) => button("Requeue", `requeue ${event.event_id}`, () => actions.requeue(event, changed),
      "", `Requeue event ${event.event_id}`), "act"],
  ], box.set_aside)];
}

// --- orders --------------------------------------------------------------------------------------

export function orders({ orders: states, stuck_orders: stuck }) {
  const counts = table("Orders by state", [
    ["State", (state) => badge(state.status)],
    ["Now", (state) => (state.now === null ? "–" : state.now >= 10000 ? "10,000+" : number(state.now)), "number"],
    ["Placed in 24 h", (state) => number(state.placed_within_a_day), "number"],
  ], states, "compact");
  if (!stuck.length) return [counts, well("No order is stuck.")];
  return [counts, el("h3", {}, `${counted(stuck.length, "stuck order")}`), table("Stuck orders", [
    ["Order", (order) => orderLink(order.order_id, order.problem)],
    ["State", (order) => badge(order.status)],
    ["Since", (order) => ago(order.since)],
    ["What is wrong", (order) => el("span", { class: "cause" }, order.meaning)],
  ], stuck)];
}

// --- payments ------------------------------------------------------------------------------------

const BREAKER = {
  closed: "Payments are let through.",
  open: "The gateway fails: no card payment is let through for the moment.",
  "half-open": "A few payments are let through to see whether the gateway works again.",
  unknown: "Valkey does not answer; every payment is let through.",
};

export function payments({ payments: waiting, breaker }, { changed }) {
  const isBad = breaker.state !== "closed";
  const state = el("div", { class: "breaker" },
    el("p", {}, "Circuit breaker ", badge(breaker.state, isBad ? "bad" : "good"), " ",
      breaker.since ? el("span", { class: "quiet" }, "since ", ago(breaker.since)) : null),
    el("p", { class: "quiet" }, BREAKER[breaker.state],
      breaker.calls ? ` ${number(breaker.failed)} of the last ${counted(breaker.calls, "call")} failed or were slow.` : ""),
    breaker.causes.length ? el("p", { class: isBad ? "cause" : "quiet" }, `Failures since: ${breaker.causes.join(", ")}`) : null,
    breaker.opening ? el("p", { class: isBad ? "cause" : "quiet" }, "It opened ", ago(breaker.opening.at),
      `: ${number(breaker.opening.failed)} of ${counted(breaker.opening.calls, "call")} failed or were slow: ${breaker.opening.causes.join(", ")}`) : null);
  if (!waiting.length) return [state, well("No payment is unfinished.")];
  return [state, table("Unfinished payments", [
    ["Payment", (payment) => id(payment.payment_id)],
    ["Order", (payment) => payment.charge_id
      ? el("span", { class: "quiet", title: payment.charge_id }, "points") : orderLink(payment.order_id, payment.payment_id)],
    ["State", (payment) => badge(payment.status, payment.late ? "bad" : "")],
    ["Amount", (payment) => money(payment.amount), "number"],
    ["Since", (payment) => ago(payment.since)],
    ["", (payment) => may("refunds") && button("Sync", `sync ${payment.payment_id}`, () => actions.sync(payment, changed), "",
      `Sync payment ${payment.payment_id}`), "act"],
  ], waiting)];
}

// --- audit ---------------------------------------------------------------------------------------

export function audit({ items }, { changed }) {
  if (!items.length) return [nothing("No act is recorded yet.")];
  return [table("The newest acts", [
    ["When", (act) => ago(act.at)],
    ["Who", (act) => el("code", { class: "id", title: act.by }, act.by.includes(":") ? `${act.by.split(":")[0]} ${shortId(act.by)}` : act.by)],
    ["What", (act) => [el("span", { title: act.subject }, act.action), redriveOf(act)]],
    ["Outcome", (act) => badge(act.code ? `${act.outcome} ${act.code}` : act.outcome, ["DONE", "REPLAYED"].includes(act.outcome) ? "" : "bad")],
    ["", (act) => act.messages > 0 && act.action.includes("discard") &&
      button("Restore", `restore ${act.act_id}`, () => openDiscarded(changed), "plain", `Restore what act ${act.act_id} discarded`), "act"],
  ], items)];
}

// A redrive of several parts is one act, with its counts.
const STATES = { UNDER_WAY: "under way, or its tab was closed", CANCELLED: "cancelled" };
function redriveOf({ changes }) {
  const made = changes.find((each) => each.action === "redrive dead letters");
  if (!made) return null;
  const { sent, failed, state } = made.after;
  const parts = [`${number(sent)} sent back`, failed > 0 && `${number(failed)} stayed`, STATES[state]].filter(Boolean);
  return el("span", { class: "quiet" }, ` ${parts.join(", ")}`);
}

// --- sales, stock, ranking -----------------------------------------------------------------------

export function sales({ hours }) {
  const total = hours.reduce((sum, hour) => sum + hour.amount.amount, 0);
  const placed = hours.reduce((sum, hour) => sum + hour.orders, 0);
  if (!placed) return [nothing("Nothing was sold in the last day.")];
  return [
    el("div", { class: "figures-row" },
      figure("in 24 hours", money({ ...hours[0].amount, amount: total })), figure("orders", number(placed))),
    charts.sales(hours),
  ];
}

export function stock({ products }) {
  return products.length ? [charts.stock(products)] : [nothing("Nothing was sold in the last day.")];
}

export function ranking({ items }) {
  if (!items.length) return [nothing("No product was looked at, liked or bought today.")];
  return [el("ol", { class: "ranking" }, items.map((each) =>
    el("li", {}, el("span", { class: "name" }, each.product.name),
      el("span", { class: "quiet" }, each.product.brand.name),
      el("span", { class: "figures" }, each.score.toFixed(2)))))];
}
