// Two small charts as SVG: sales by the hour, and the remaining stock beside the units sold.
import { counted, el, money, number, svg, table } from "./dom.js";

const hourOf = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const HEIGHT = 150;
const LEFT = 4;
const BOTTOM = 18;

export function sales(hours) {
  const most = Math.max(...hours.map((hour) => hour.amount.amount), 1);
  const orders = hours.reduce((sum, hour) => sum + hour.orders, 0);
  const width = Math.min(480, window.innerWidth - 56); // so that its text has the size of the other text
  const step = (width - LEFT) / hours.length;
  const tall = HEIGHT - BOTTOM - 20;
  const parts = hours.flatMap((hour, index) => {
    const high = Math.round((hour.amount.amount / most) * tall);
    const x = LEFT + index * step;
    const label = `${hourOf.format(new Date(hour.hour))}: ${counted(hour.orders, "order")}, ` +
      `${money(hour.amount)}${hour.cancelled ? `, ${number(hour.cancelled)} cancelled` : ""}`;
    const bar = svg("rect", {
      x: x + 1, y: HEIGHT - BOTTOM - Math.max(high, 1), width: step - 3, height: Math.max(high, 1), rx: 1,
      class: high ? "bar" : "bar none",
    }, svg("title", {}, document.createTextNode(label)));
    const tick = index % 6 ? [] : [svg("text", { x, y: HEIGHT - 4, class: "tick" },
      document.createTextNode(hourOf.format(new Date(hour.hour))))];
    return [bar, ...tick];
  });
  parts.push(svg("line", { x1: 0, x2: width, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM, class: "axis" }));
  if (orders) parts.push(svg("text", { x: width, y: 11, class: "tick end" },
    document.createTextNode(`most in an hour ${money({ ...hours[0].amount, amount: most })}`)));
  const drawn = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img",
    "aria-label": `Sales by the hour: ${counted(orders, "order")} in the last day` }, ...parts);
  return el("figure", {}, drawn, asTable("Sales by the hour", [
    ["Hour", (hour) => hourOf.format(new Date(hour.hour))],
    ["Orders", (hour) => number(hour.orders), "number"],
    ["Cancelled", (hour) => number(hour.cancelled), "number"],
    ["Amount", (hour) => money(hour.amount), "number"],
  ], hours));
}

export function stock(products) {
  const most = Math.max(...products.map((each) => each.units_sold + each.stock_quantity), 1);
  return el("ul", { class: "stock" }, products.map((each) => {
    const share = (units) => `${(units / most) * 100}%`;
    const sold = svg("rect", { x: 0, y: 0, width: share(each.units_sold), height: 8, class: "bar" });
    const left = svg("rect", { x: share(each.units_sold), y: 0, width: share(each.stock_quantity), height: 8, class: "bar left" });
    return el("li", {},
      el("span", { class: "name" }, each.name),
      el("span", { class: each.stock_quantity ? "figures" : "figures bad" },
        `${number(each.units_sold)} sold · ${each.stock_quantity ? `${number(each.stock_quantity)} left` : "sold out"}`),
      svg("svg", { width: "100%", height: 8, "aria-hidden": "true" }, left, sold));
  }));
}

function asTable(caption, columns, rows) {
  return el("details", {}, el("summary", { "data-key": caption }, "As a table"), table(caption, columns, rows, "compact"));
}
