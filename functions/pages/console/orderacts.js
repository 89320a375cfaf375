// What staff do with an order from its dialog, as far as their scopes go. Each needs a reason.
import { path } from "./actions.js";
import { post } from "./api.js";
import { ask } from "./dialogs.js";
import { button, el, shortId } from "./dom.js";
import { REASON } from "./letters.js";
import { may } from "./session.js";

const FINAL = "this cannot be undone";
const UNSETTLED = ["REQUESTED", "PENDING", "UNKNOWN", "REFUND_PENDING"];

export function actsOf(order, after) {
  if (!may("orders:fulfil")) return null;
  const { status } = order;
  const wasSent = order.notices.some((each) => each.kind === "ORDER");
  const one = (verb, isPossible, act, kind = "") =>
    isPossible && button(verb, `${verb} ${order.order_id}`, () => act(order, after), kind, `${verb}: order ${order.order_id}`);
  const made = [
    one("Ship", status === "CONFIRMED", ship),
    one("Deliver", status === "SHIPPED", deliver),
    one("Resend notice", status === "CONFIRMED" || (status === "CANCELLED" && wasSent), resend),
    one("Cancel the order", ["PENDING", "CONFIRMED", "SHIPPED"].includes(status), cancel, "danger-quiet"),
  ].filter(Boolean);
  return made.length ? el("div", { class: "buttons order-acts" }, made) : null;
}

export function paymentActs(payment, after) {
  if (!may("refunds") || !UNSETTLED.includes(payment.status)) return null;
  return button("Sync", `sync of order ${payment.payment_id}`, () => ask({
    title: "Query the gateway about this payment?",
    text: `Payment ${payment.payment_id} will be settled or refunded, as the gateway answers.`,
    verb: "Sync",
    field: REASON,
    act: async (reason) => {
      const settled = await sent(after, "payments", payment.payment_id, "sync", { reason });
      return { text: `Payment ${shortId(payment.payment_id)} is ${settled.status}.` };
    },
  }), "", `Sync payment ${payment.payment_id}`);
}

function ship(order, after) {
  const carrier = optional("carrier", "Carrier, if it is known");
  const number = optional("tracking-number", "Tracking number, if it is known");
  ask({
    title: "Mark this order as shipped?",
    text: `Order ${shortId(order.order_id)}: its units leave the stock, and its buyer is sent a mail.`,
    verb: "Ship",
    final: FINAL,
    field: REASON,
    parts: [carrier.shown, number.shown],
    act: (reason) => onOrder(order, "shipment", { reason, ...carrier.value("carrier"), ...number.value("tracking_number") }, after),
  });
}

function deliver(order, after) {
  ask({
    title: "Mark this order as delivered?",
    text: `Order ${shortId(order.order_id)}: the time for returns begins.`,
    verb: "Deliver",
    final: FINAL,
    field: REASON,
    act: (reason) => onOrder(order, "delivery", { reason }, after),
  });
}

function cancel(order, after) {
  ask({
    title: "Cancel this order?",
    text: `Order ${shortId(order.order_id)}: what was paid is refunded${order.status === "SHIPPED" ? "" : ", its units can be sold again"}, and the delivery system is sent a withdrawal.`,
    verb: "Cancel the order",
    danger: true,
    final: FINAL,
    field: { label: "Reason, in the order's history, which its buyer sees", attributes: { maxlength: "200", minlength: REASON.attributes.minlength } },
    act: (reason) => onOrder(order, "cancellation", { reason, expected_status: order.status }, after),
  });
}

function resend(order, after) {
  ask({
    title: "Send the notice of this order again?",
    text: `The delivery system is sent what it is to know of order ${shortId(order.order_id)}. It ignores a notice that it has.`,
    verb: "Resend",
    field: REASON,
    act: async (reason) => {
      const { notices } = await sent(after, "orders", order.order_id, "notices", { reason });
      return { text: `The delivery system has: ${notices.map((each) => each.kind).join(", ")} of order ${shortId(order.order_id)}.` };
    },
  });
}

async function onOrder(order, act, body, after) {
  const changed = await sent(after, "orders", order.order_id, act, body);
  return { text: `Order ${shortId(order.order_id)} is ${changed.status}.` };
}

async function sent(after, ...parts) {
  const body = parts.pop();
  try {
    return await post(path(...parts), body);
  } finally {
    after();
  }
}

function optional(id, label) {
  const input = el("input", { id, maxlength: "100", autocomplete: "off" });
  return {
    shown: el("p", {}, el("label", { for: id }, label), input),
    value: (name) => (input.value.trim() ? { [name]: input.value.trim() } : {}),
  };
}
