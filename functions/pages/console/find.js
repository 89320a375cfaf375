// Finds what an id, a transaction key, a trace or a login id names, and leads to it.
import { get } from "./api.js";
import { read } from "./dialogs.js";
import { ago, badge, button, el, plain, problemText, show, table } from "./dom.js";
import { goTo, linkTo, opens } from "./links.js";
import { fillOrder, page } from "./order.js";
import { paymentActs } from "./orderacts.js";
import { entriesTable } from "./timeline.js";

const MAX_CHARACTERS = 200; // the API's
const nameOf = (kind) => kind.toLowerCase().replaceAll("_", " ");
const search = (text) => get(`admin/find?text=${encodeURIComponent(text)}`);
const searching = () => el("p", { class: "quiet", role: "status" }, "Searching database, queues and log …");

export function findForm() {
  const input = el("input", { id: "find-text", type: "search", required: true, maxlength: String(MAX_CHARACTERS), autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    placeholder: "Any id, TR-… or login id" });
  const form = el("form", { class: "find", role: "search" },
    el("label", { class: "unseen", for: "find-text" }, "Find by id, transaction key or login"),
    input, button("Find", "find", null, "plain"));
  form.querySelector("button").type = "submit";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    goTo("find", input.value.trim());
  });
  return form;
}

function openFind(text) {
  const body = read(`Find ${plain(text).slice(0, 60)}`, searching());
  void (async () => {
    try {
      show(body, ...answerOf(await search(text)));
    } catch (problem) {
      show(body, problemText(problem));
    }
  })();
  return body;
}

// A payment is shown with its order; one for points alone.
function openPayment(id) {
  const body = read(`Payment ${id.slice(-8)}`, searching());
  const load = async () => {
    try {
      const answer = await search(id);
      const payment = answer.found.find((each) => each.kind === "PAYMENT");
      if (payment?.order_id) {
        await fillOrder(body, payment.order_id);
        return markPayment(body, payment.id);
      }
      const act = payment && paymentActs({ payment_id: payment.id, status: payment.state }, () => { void load(); page.changed(); });
      show(body, act && el("div", { class: "buttons order-acts" }, act), ...answerOf(answer));
    } catch (problem) {
      show(body, problemText(problem));
    }
  };
  void load();
  return body;
}

function markPayment(body, id) {
  const row = [...body.querySelectorAll("tr")].find((each) => each.querySelector("code")?.textContent === id);
  row?.classList.add("meant");
  row?.scrollIntoView({ block: "center" });
}

function answerOf({ text, found, entries, searched, not_searched: hidden, notes, is_complete: isComplete }) {
  return [
    found.length
      ? table("Found", [
        ["What", (each) => badge(nameOf(each.kind))],
        ["Id", (each) => el("code", {}, each.id)],
        ["State", (each) => each.state || "–"],
        ["When", (each) => (each.at ? ago(each.at) : "–")],
        ["Order", (each) => linkTo("order", each.order_id, `found order ${each.kind} ${each.id}`, `Order ${each.order_id}`)],
        ["", (each) => openerOf(each), "act"],
      ], found)
      : el("p", {}, "Nothing is found by ", el("code", {}, text), "."),
    entries.length ? [el("h3", {}, "The trace"), entriesTable(entries)] : null,
    ...notes.map((each) => el("p", { class: "notice" }, each)),
    isComplete ? null : el("p", { class: "notice" }, "Queues or log could not be searched to the end, or have more than is shown."),
    el("p", { class: "quiet" }, `Searched: ${searched.map(nameOf).join(", ")}.`),
    hidden.length
      ? el("p", { class: "quiet" }, `Not searched, as your scopes do not allow it: ${hidden.map((each) => `${nameOf(each.kind)} (${each.scope})`).join(", ")}.`)
      : null,
  ].flat();
}

function openerOf({ kind, id, link }) {
  if (!link || kind === "TRACE") return null;
  const [page, named] = link.split("=");
  const open = () => (named ? goTo(page, named) : (location.hash = page));
  return button("Open", `open ${kind} ${id}`, open, "", `Open ${nameOf(kind)} ${id}`);
}

opens("find", "ops", openFind);
opens("trace", "ops", openFind);
opens("payment", "ops", openPayment);
