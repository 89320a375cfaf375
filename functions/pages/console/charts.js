// Two small charts as SVG: sales by the hour, and the remaining stock beside the units sold.
import { counted, el, money, number, svg, table } from "./dom.js";

const hourOf = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const HEIGHT = 150;
const LEFT = 4;
const BOTTOM = 18;
const TOO_LONG = 10; // times the median: so long a bar would make the others invisible
const CUT_AT = 4; // times the median

// The browser's time zone, in which hours are shown: "Asia/Seoul (GMT+9)".
function zone() {
  const { timeZone } = hourOf.resolvedOptions();
  const offset = new Intl.DateTimeFormat("en", { timeZoneName: "shortOffset" }).formatToParts().find(({ type }) => type === "timeZoneName").value;
  return timeZone === offset ? offset : `${timeZone} (${offset})`;
}

// Where bars end: at the longest, unless it would make the others invisible. Then it is cut.
export function endOf(values) {
  const shown = values.filter((value) => value > 0).sort((a, b) => a - b);
  const longest = Math.max(...shown, 1);
  const median = shown[Math.floor((shown.length - 1) / 2)] ?? 1;
  return longest > TOO_LONG * median ? CUT_AT * median : longest;
}

const cutNote = (end) => el("p", { class: "quiet" }, `Bars end at ${end}; longer ones are cut (≈), and their numbers are whole.`);

export function sales(hours) {
  const most = Math.max(...hours.map((hour) => hour.amount.amount), 1);
  const end = endOf(hours.map((hour) => hour.amount.amount));
  const orders = hours.reduce((sum, hour) => sum + hour.orders, 0);
  const width = Math.min(480, window.innerWidth - 56); // so that its text has the size of the other text
  const step = (width - LEFT) / hours.length;
  const tall = HEIGHT - BOTTOM - 20;
  const inMoney = (amount) => money({ ...hours[0].amount, amount });
  const parts = hours.flatMap((hour, index) => {
    const isCut = hour.amount.amount > end;
    const high = Math.round((Math.min(hour.amount.amount, end) / end) * tall);
    const x = LEFT + index * step;
    const label = `${hourOf.format(new Date(hour.hour))}: ${counted(hour.orders, "order")}, ` +
      `${money(hour.amount)}${hour.cancelled ? `, ${number(hour.cancelled)} cancelled` : ""}`;
    const bar = svg("rect", {
      x: x + 1, y: HEIGHT - BOTTOM - Math.max(high, 1), width: step - 3, height: Math.max(high, 1), rx: 1,
      class: high ? "bar" : "bar none",
    }, svg("title", {}, label));
    const tick = index % 6 ? [] : [svg("text", { x, y: HEIGHT - 4, class: "tick" }, hourOf.format(new Date(hour.hour)))];
    const cut = isCut ? [svg("text", { x: x + step / 2, y: HEIGHT - BOTTOM - high - 2, class: "tick cut" }, "≈")] : [];
    return [bar, ...cut, ...tick];
  });
  parts.push(svg("line", { x1: 0, x2: width, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM, class: "axis" }));
  if (orders) parts.push(svg("text", { x: width, y: 11, class: "tick end" }, `most in an hour ${inMoney(most)}`));
  const drawn = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img",
    "aria-label": `Sales by the hour: ${counted(orders, "order")} in the last day` }, ...parts);
  return el("figure", {}, drawn,
    el("figcaption", { class: "quiet" }, `Hours in ${zone()}.`), end < most && cutNote(inMoney(end)),
    asTable("Sales by the hour", [
      [`Hour, ${zone()}`, (hour) => hourOf.format(new Date(hour.hour))],
      ["Orders", (hour) => number(hour.orders), "number"],
      ["Cancelled", (hour) => number(hour.cancelled), "number"],
      ["Amount", (hour) => money(hour.amount), "number"],
    ], hours));
}

export function stock(products) {
  const totals = products.map((each) => each.units_sold + each.stock_quantity);
  const end = endOf(totals);
  const list = el("ul", { class: "stock" }, products.map((each, index) => {
    const isCut = totals[index] > end;
    const most = isCut ? totals[index] : end; // a bar that is cut has the share that was sold
    const share = (units) => (units ? `${Math.max((units / most) * 100, 0.5)}%` : "0");
    const sold = svg("rect", { x: 0, y: 0, width: share(each.units_sold), height: 8, class: "bar" });
    const left = svg("rect", { x: share(each.units_sold), y: 0, width: share(each.stock_quantity), height: 8, class: "bar left" });
    return el("li", {},
      el("span", { class: "name" }, each.name),
      el("span", { class: "figures" },
        `${number(each.units_sold)} sold · ${each.stock_quantity ? `${number(each.stock_quantity)} left` : "sold out"}${isCut ? " ≈" : ""}`),
      svg("svg", { width: "100%", height: 8, "aria-hidden": "true" }, left, sold));
  }));
  return el("div", {}, list, end < Math.max(...totals) && el("div", { class: "stock-scale" }, cutNote(counted(end, "unit"))));
}

function asTable(caption, columns, rows) {
  return el("details", {}, el("summary", { "data-key": caption }, "As a table"), table(caption, columns, rows, "compact"));
}
