// Operators' actions. Each asks for confirmation, shows its result, and is audited.
import { post } from "./api.js";
import { ask } from "./dialogs.js";
import { counted, shortId } from "./dom.js";

const FOR_GOOD = "this cannot be undone";
export const path = (...parts) => ["admin", ...parts.map(encodeURIComponent)].join("/");

export function sync(payment, after) {
  ask({
    title: "Query the gateway about this payment?",
    text: `Payment ${payment.payment_id} will be settled or refunded, as the gateway answers.`,
    verb: "Sync",
    act: async () => {
      try {
        const settled = await post(path("payments", payment.payment_id, "sync"));
        return { text: `Payment ${shortId(payment.payment_id)} is ${settled.status}.`, bad: false };
      } finally {
        after();
      }
    },
  });
}

export function publish(drop, after) {
  ask({
    title: "Publish this drop?",
    text: `Its products, claim time and rules are fixed from then on; its units leave the available stock and are sold through the drop alone.`,
    verb: "Publish",
    danger: true,
    final: FOR_GOOD,
    act: () => onDrop(drop, "publication", undefined, "is published", after),
  });
}

export function addUnits(drop, after) {
  const lots = drop.lots.map((lot) => [lot.product_id, `${shortId(lot.product_id)}, ${counted(lot.units, "unit")}`]);
  ask({
    title: "Add units to this drop?",
    text: "They leave the product's available stock, are offered at once to the entries that wait, and cannot be taken back.",
    verb: "Add",
    danger: true,
    final: FOR_GOOD,
    choice: { label: "Product", options: lots },
    field: { label: "Units", attributes: { type: "number", min: "1", step: "1" } },
    act: (units, _, lot) => onDrop(drop, "units", { add: Number(units), product_id: lot }, `has ${units} more of ${shortId(lot)}`, after),
  });
}

export function cancelDrop(drop, after) {
  ask({
    title: "Cancel this drop?",
    text: "Entries that wait or have an offer end without a unit. Orders stand; the other units go back to the stock.",
    verb: "Cancel the drop",
    danger: true,
    final: FOR_GOOD,
    field: { label: "Reason, public in the drop's log", attributes: { maxlength: "200" } },
    act: (reason) => onDrop(drop, "cancellation", { reason }, "is cancelled", after),
  });
}

async function onDrop(drop, act, body, done, after) {
  try {
    await post(path("drops", drop.drop_id, act), body, drop.version);
    return { text: `Drop ${shortId(drop.drop_id)} ${done}.`, bad: false };
  } finally {
    after();
  }
}
