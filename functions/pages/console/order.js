// The dialog of one order with its history, lines, notices, payments, returns and refunds.
import { get } from "./api.js";
import { read } from "./dialogs.js";
import { linkTo, opens } from "./links.js";
import { actsOf, paymentActs } from "./orderacts.js";
import { may } from "./session.js";
import { timelineOf } from "./timeline.js";
import { ago, badge, el, money, number, problemText, shortId, show, table } from "./dom.js";

export const orderLink = (id, key) => linkTo("order", id, `order ${key} ${id}`, `Order ${id}`);

export const page = { changed: () => {}, settled: () => null }; // what the page does once a thing was acted on, and the refresh that is under way

function open(id) {
  const body = read(`Order ${shortId(id)}`, el("p", { class: "quiet" }, "Loading …"));
  void fillOrder(body, id);
  return body;
}

export async function fillOrder(body, id) {
  try {
    show(body, ...pageOf(await get(`admin/orders/${encodeURIComponent(id)}`), () => { void fillOrder(body, id); page.changed(); }));
  } catch (problem) {
    show(body, problemText(problem));
  }
}

function addressOf(to) {
  const parts = [to.recipient, to.phone, to.line1, to.line2, to.city, to.region, to.postal_code, to.country];
  return parts.filter(Boolean).join(", ");
}

function pageOf(order, after) {
  return [
    actsOf(order, after),
    facts([
      ["Order", el("code", {}, order.order_id)],
      ["Buyer", linkTo("user", order.buyer_id, `buyer of ${order.order_id}`, `User ${order.buyer_id}`, order.buyer_id)],
      ["State", badge(order.status)],
      ["Placed", ago(order.placed_at)],
      ["Expires", order.expires_at ? ago(order.expires_at) : "–"],
      ["Total", money(order.total)],
      ["Discount", money(order.discount)],
      ["Points", money(order.points_used)],
      ["Card", money(order.card_amount)],
      ["Refunded", money(order.refunded)],
      ["Ship to", order.ship_to ? addressOf(order.ship_to) : "–"],
      ["Carrier", order.shipment?.carrier ?? "–"],
      ["Tracking", order.shipment?.tracking_number ?? "–"],
    ]),
    may("ops") ? el("h3", {}, "Timeline") : null,
    may("ops") ? timelineOf(order, page) : null,
    el("h3", {}, "History"),
    table("History", [
      ["State", (entry) => badge(entry.status)],
      ["When", (entry) => ago(entry.at)],
      ["By", (entry) => el("code", {}, entry.by)],
      ["Why", (entry) => entry.reason],
    ], order.history),
    el("h3", {}, "Lines"),
    table("Lines", [
      ["Product", (line) => line.product_name],
      ["Brand", (line) => line.brand_name],
      ["Each", (line) => money(line.unit_price), "number"],
      ["Quantity", (line) => number(line.quantity), "number"],
      ["Cancelled", (line) => number(line.cancelled_quantity), "number"],
      ["Returned", (line) => number(line.returned_quantity), "number"],
    ], order.lines),
    el("h3", {}, "Delivery system"),
    order.notices.length
      ? table("Notices", [["Notice", (each) => badge(each.kind)], ["Delivered", (each) => ago(each.delivered_at)]], order.notices)
      : el("p", { class: "quiet" }, "No notice was sent."),
    el("h3", {}, "Payments"),
    order.payments.length
      ? table("Payments", [
        ["Payment", (each) => el("code", {}, each.payment_id)],
        ["State", (each) => badge(each.status)],
        ["Amount", (each) => money(each.amount), "number"],
        ["Refunded", (each) => money(each.refunded), "number"],
        ["Card", (each) => `${each.card_type} …${each.card_last4 ?? ""}`],
        ["Why", (each) => each.failure_reason ?? "–"],
        ["", (each) => paymentActs(each, after), "act"],
      ], order.payments)
      : el("p", { class: "quiet" }, "None: it is paid by points, or not paid yet."),
    el("h3", {}, "Returns"),
    order.returns.length
      ? table("Returns", [
        ["Return", (each) => el("code", {}, each.return_id)],
        ["State", (each) => badge(each.status)],
        ["Product", (each) => each.line.product_name],
        ["Requested", (each) => number(each.line.quantity), "number"],
        ["Received", (each) => number(each.line.received_quantity), "number"],
        ["Restocked", (each) => number(each.line.restocked_quantity), "number"],
        ["Since", (each) => ago(each.ended_at ?? each.requested_at)],
        ["Why", (each) => each.line.reason],
        ["Why not", (each) => each.rejection_reason ?? "–"],
      ], order.returns.flatMap((each) => each.lines.map((line) => ({ ...each, line }))))
      : el("p", { class: "quiet" }, "None."),
    el("h3", {}, "Refunds"),
    order.refunds.length
      ? table("Refunds", [
        ["Refund", (each) => el("code", {}, each.refund_id)],
        ["For", (each) => badge(each.kind)],
        ["When", (each) => ago(each.at)],
        ["To the card", (each) => money(each.card_amount), "number"],
        ["As points", (each) => money(each.points), "number"],
      ], order.refunds)
      : el("p", { class: "quiet" }, "None."),
  ];
}

export function facts(pairs) {
  return el("dl", { class: "facts" }, pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

opens("order", "orders:read", open);
