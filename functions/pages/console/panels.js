// The contents of the panels, made from the API's answers.
import * as actions from "./actions.js";
import { caredFor, silencer } from "./alerts.js";
import * as books from "./books.js";
import * as charts from "./charts.js";
import { ago, badge, button, counted, duration, el, figure, money, number, pretty, runbookLink, shortId, table } from "./dom.js";
import { openDiscarded } from "./discarded.js";
import { troubles } from "./drops.js";
import { eventActs } from "./event.js";
import * as failing from "./failing.js";
import * as filter from "./filter.js";
import * as letterActs from "./letters.js";
import { linkTo } from "./links.js";
import { orderLink } from "./order.js";
import { redriveMany, redriveOne } from "./redriving.js";
import { may } from "./session.js";

const LATE_EVENTS_SECONDS = 60; // the alarm's
const well = (text) => el("p", { class: "well" }, text);
const nothing = (text) => el("p", { class: "quiet" }, text);
const id = (value) => el("code", { class: "id", title: value }, shortId(value));

// --- problems, a line each: kind, panel, text; those first that cost buyers money or goods --------

export const HARM = ["stopped", "books", "urgent letters", "urgent failing", "stuck orders", "late payments", "late events", "books late", "drops", "half open", "breaker unknown", "boards unknown", "quarantine", "letters", "failing"];

// Each is {harm, panel, text, runbook, of}: `of` are the alerts, by kind and subject, that it shows.
export function wrongs(known) {
  const { overview, letters, drops, alerts } = known;
  const isSilenced = silencer(alerts);
  const found = drops ? troubles(drops) : [];
  if (letters) found.push(...lettersOf(letters.queues.filter((queue) => !isSilenced("DEAD_LETTERS", queue.queue))));
  if (overview) found.push(...books.troubles(overview, isSilenced), ...failing.troubles(overview, isSilenced), ...troublesOf(overview, isSilenced));
  return found.sort((a, b) => HARM.indexOf(a.harm) - HARM.indexOf(b.harm)).map((each) => ({ ...each, care: caredFor(known, each.of) }));
}

function lettersOf(queues) {
  const full = queues.filter((queue) => queue.count);
  const count = full.reduce((sum, queue) => sum + queue.count, 0);
  if (!count) return [];
  return [{ harm: full.some((queue) => queue.is_urgent) ? "urgent letters" : "letters", panel: "letters", runbook: "dead-letters.md",
    of: full.map((queue) => `DEAD_LETTERS ${queue.queue}`), text: `${counted(count, "dead letter")} in ${counted(full.length, "queue")}` }];
}

// What is neither wrong nor well: messages that were sent back, and may become dead letters again.
export function pendings({ letters }) {
  const underWay = letters?.queues.reduce((sum, queue) => sum + queue.under_way, 0) ?? 0;
  return underWay ? [{ panel: "letters", text: `${number(underWay)} redriven, under way` }] : [];
}

const NOTICES = "shipment-notice-failed.md";
const stuckRunbook = (problem) => (problem === "NOT_EXPIRED" ? "unknown-payments.md" : NOTICES);

function troublesOf({ outbox, stuck_orders: stuck, payments, breaker }, isSilenced) {
  const late = payments.filter((payment) => payment.late).length;
  const line = (harm, panel, runbook, of, text) => ({ harm, panel, runbook, of, text });
  const ofBreaker = (harm, code, text) => line(harm, "payments", "payment-breaker.md", [`${code} payment-gateway`], text);
  return [
    breaker.state === "open" && ofBreaker("stopped", "PAYMENT_BREAKER_OPEN", "Card payments are stopped: the breaker is open"),
    breaker.state === "half-open" && ofBreaker("half open", "PAYMENT_BREAKER_HALF_OPEN", "Card payments are being tried: the breaker is half-open"),
    breaker.state === "unknown" && !isSilenced("PAYMENT_BREAKER_UNKNOWN", "payment-gateway") &&
      ofBreaker("breaker unknown", "PAYMENT_BREAKER_UNKNOWN", "Valkey does not answer: the breaker's state is unknown"),
    stuck.length && line("stuck orders", "orders", stuckRunbook(stuck[0].problem), [...new Set(stuck.map(({ problem }) => `ORDERS_STUCK ${problem}`))], `${counted(stuck.length, "order")} stuck`),
    late && line("late payments", "payments", "unknown-payments.md", ["PAYMENTS_UNFINISHED payments"], `${counted(late, "payment")} unfinished for more than 5 min`),
    outbox.oldest_age_seconds > LATE_EVENTS_SECONDS && line("late events", "outbox", "outbox-stuck.md", ["EVENTS_WAIT outbox"], `Events wait in the outbox for ${duration(outbox.oldest_age_seconds)}`),
    outbox.set_aside_count && line("quarantine", "outbox", "event-set-aside.md", ["EVENTS_QUARANTINED outbox"], `${counted(outbox.set_aside_count, "event")} quarantined`),
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
    const shown = filter.found(queue.queue) ?? opened.get(queue.queue) ?? queue;
    const all = (verb, key, act, kind) => button(verb, `${key} ${queue.queue}`, act, kind, `${verb} of ${queue.queue}`);
    return el("section", { class: "queue", "aria-label": queue.queue, "data-home": `toggle ${queue.queue}` },
      el("div", { class: "queue-head" },
        el("h3", {}, el("button", { type: "button", class: "disclosure", "aria-expanded": String(isOpen),
          "data-key": `toggle ${queue.queue}`, onclick: () => toggle(queue.queue) },
        el("span", { class: "arrow", "aria-hidden": "true" }, isOpen ? "▾" : "▸"), queue.queue)),
        badge(number(queue.count), "bad"), runbookLink("dead-letters.md"),
        queue.letters[0] ? el("span", { class: "quiet" }, "oldest ", ago(queue.letters[0].occurred_at)) : null,
        el("div", { class: "buttons" },
          queue.can_redrive ? all("Redrive all", "redrive all", () => redriveMany(queue.queue, { message_ids: "all" }, queue.count, `all of ${queue.queue}`, handlers)) : null,
          all("Discard unreadable", "discard unreadable", () => letterActs.discardUnreadable(queue.queue, settled, changed), "danger-quiet"),
          all("Discard all", "discard all", () => letterActs.discardAll(queue.queue, settled, changed), "danger-quiet"))),
      isOpen ? [filter.bar(queue, shown.letters, handlers), deadLettersOf(queue, shown, handlers)] : glance(queue));
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
        queue.can_redrive ? filter.choice(queue.queue, letter, handlers.redraw) : null,
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

// --- outbox --------------------------------------------------------------------------------------

export function outbox({ outbox: box }, { changed }) {
  const late = box.oldest_age_seconds > LATE_EVENTS_SECONDS;
  const figures = el("div", { class: "figures-row" },
    figure("waiting", number(box.waiting)),
    figure("oldest", box.waiting ? duration(box.oldest_age_seconds) : "–", late),
    figure("quarantined", number(box.set_aside_count), box.set_aside_count > 0));
  const lateness = late ? el("p", { class: "cause" }, "Events wait for too long. ", runbookLink("outbox-stuck.md")) : null;
  if (!box.set_aside.length) return [figures, lateness];
  return [figures, lateness, table("Quarantined events", [
    ["Event", (event) => linkTo("event", event.event_id, `event ${event.event_id}`, `Event ${event.event_id}`, event.type)],
    ["About", (event) => id(event.aggregate_id)],
    ["Cause", (event) => el("span", { class: "cause" }, event.cause)],
    ["Quarantined", (event) => ago(event.set_aside_at)],
    ["Runbook", () => runbookLink("event-set-aside.md")],
    ["", (event) => eventActs(event, changed), "act"],
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
    ["", (order) => runbookLink(stuckRunbook(order.problem)), "act"],
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
      breaker.since ? el("span", { class: "quiet" }, "since ", ago(breaker.since)) : null,
      isBad ? [" ", runbookLink("payment-breaker.md")] : null),
    el("p", { class: "quiet" }, BREAKER[breaker.state],
      breaker.calls ? ` ${number(breaker.failed)} of the last ${counted(breaker.calls, "call")} failed or were slow.` : ""),
    breaker.causes.length ? el("p", { class: isBad ? "cause" : "quiet" }, `Failures since: ${breaker.causes.join(", ")}`) : null,
    breaker.opening ? el("p", { class: isBad ? "cause" : "quiet" }, "It opened ", ago(breaker.opening.at),
      `: ${number(breaker.opening.failed)} of ${counted(breaker.opening.calls, "call")} failed or were slow: ${breaker.opening.causes.join(", ")}`) : null);
  if (!waiting.length) return [state, well("No payment is unfinished.")];
  return [state, table("Unfinished payments", [
    ["Payment", (payment) => linkTo("payment", payment.payment_id, `payment ${payment.payment_id}`, `Payment ${payment.payment_id}`)],
    ["Order", (payment) => payment.charge_id
      ? el("span", { class: "quiet", title: payment.charge_id }, "points") : orderLink(payment.order_id, payment.payment_id)],
    ["State", (payment) => el("span", {}, badge(payment.status, payment.late ? "bad" : ""), payment.late ? [" ", runbookLink("unknown-payments.md")] : null)],
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
