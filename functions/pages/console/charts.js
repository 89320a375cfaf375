// Small charts as SVG: sales by the hour, the remaining stock beside the units sold, and trends.
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

// --- trends: a bar per slot; a slot that was not sampled is shaded, so that it is no zero ----------

const TREND_HEIGHT = 96;
const TOP = 14;
const PLOT = TREND_HEIGHT - TOP - BOTTOM;
const zoneOf = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

export const timeOf = (at) => hourOf.format(new Date(at));

// A logarithmic height, so that one large value leaves the small ones visible; a share is linear.
const heightOf = (value, most, isShare) => (isShare ? value / most : Math.log1p(value) / Math.log1p(most)) * PLOT;

export function trend(points, deploys, { title, unit = "", most: limit, missing = "not sampled", value }) {
  const values = points.map(value);
  const sampled = values.filter((each) => each !== null);
  const most = limit ?? Math.max(...sampled, 1);
  const { width, step, x } = across(points);
  const bars = values.flatMap((each, index) => {
    if (each === null) return [];
    const high = Math.max(heightOf(each, most, limit !== undefined), each ? 2 : 0.5);
    return svg("rect", { x: x(index), y: TREND_HEIGHT - BOTTOM - high, width: Math.max(step - 0.3, 0.7), height: high,
      class: each ? "bar" : "bar none" }, svg("title", {}, document.createTextNode(`${timeOf(points[index].at)}: ${number(each)} ${unit}`)));
  });
  const last = values.findLast((each) => each !== null);
  const top = values.indexOf(limit === undefined ? Math.max(...sampled) : Math.min(...sampled));
  const isQuiet = limit === undefined && sampled.every((each) => each === 0);
  const extreme = sampled.length && isQuiet ? "none" : sampled.length ? `${limit === undefined ? "most" : "least"} ${number(values[top])} ${unit} at ${timeOf(points[top].at)}, last ${number(last)} ${unit}` : "nothing";
  const gaps = values.length - sampled.length;
  const label = `${title} in 24 hours: ${extreme}${gaps ? `; ${counted(gaps, "slot")} ${missing}` : ""}`;
  return drawing(title, label, extreme, width, [...gapsOf(values, x), ...bars, ...axis(points, width, x), ...marks(points, deploys, x)]);
}

// A strip of states: what is closed is quiet.
export function states(title, points, deploys, value) {
  const { width, step, x } = across(points);
  const strip = points.flatMap((point, index) => {
    const state = value(point);
    if (state === null) return [];
    return svg("rect", { x: x(index), y: TOP, width: step + 0.2, height: PLOT, class: `state ${state}` },
      svg("title", {}, document.createTextNode(`${timeOf(point.at)}: ${state}`)));
  });
  const others = [...new Set(points.map(value).filter((state) => state !== null && state !== "closed"))];
  const found = others.map((state) => `${state} in ${counted(points.filter((point) => value(point) === state).length, "sample")}`).join(", ") || "closed in each sample";
  return drawing(title, `${title} in 24 hours: ${found}`, found, width, [...gapsOf(points.map(value), x), ...strip, ...axis(points, width, x), ...marks(points, deploys, x)]);
}

function across(points) {
  const width = Math.min(480, window.innerWidth - 56);
  const step = width / points.length;
  return { width, step, x: (index) => index * step };
}

// A shade for each run of slots without a value.
function gapsOf(values, x) {
  const begins = values.flatMap((each, index) => (each === null && values[index - 1] !== null ? [index] : []));
  return begins.map((begin) => {
    const length = values.slice(begin).findIndex((each) => each !== null);
    const end = length < 0 ? values.length : begin + length;
    return svg("rect", { x: x(begin), y: TOP, width: x(end) - x(begin), height: PLOT, class: "gap" });
  });
}

function axis(points, width, x) {
  const at = TREND_HEIGHT - 4;
  const hours = points.flatMap((point, index) => {
    const [hour, minute] = timeOf(point.at).split(":").map(Number);
    return hour % 6 || minute || x(index) > width - 90 ? [] : [svg("text", { x: x(index), y: at, class: "tick" }, document.createTextNode(timeOf(point.at)))];
  });
  return [...hours, svg("text", { x: width, y: at, class: "tick end" }, document.createTextNode(zoneOf())),
    svg("line", { x1: 0, x2: width, y1: TREND_HEIGHT - BOTTOM, y2: TREND_HEIGHT - BOTTOM, class: "axis" })];
}

function marks(points, deploys, x) {
  return deploys.map((deploy) => {
    const at = x(points.findIndex((point) => point.at === deploy.at));
    return svg("line", { x1: at, x2: at, y1: TOP - 4, y2: TREND_HEIGHT - BOTTOM, class: "deploy" },
      svg("title", {}, document.createTextNode(`Deploy ${timeOf(deploy.at)}: ${deploy.version}, code ${deploy.code}`)));
  });
}

function drawing(title, label, extreme, width, parts) {
  const drawn = svg("svg", { viewBox: `0 0 ${width} ${TREND_HEIGHT}`, role: "img", "aria-label": label }, ...parts);
  return el("figure", { class: "trend" }, el("figcaption", {}, el("b", {}, title), " ", el("span", { class: "quiet" }, extreme)), drawn);
}

// All charts as one table, made when it is opened: it has a row for each of 288 slots.
export function trendTable(points, series) {
  const made = el("details", {}, el("summary", { "data-key": "trends table" }, "As a table"));
  made.addEventListener("toggle", () => {
    if (!made.open || made.querySelector("table")) return;
    const shown = (value) => (value === null ? "–" : typeof value === "number" ? number(value) : value);
    made.append(table(`Trends of 24 hours, times in ${zoneOf()}; – is not sampled`, [
      [`Time, ${zoneOf()}`, (point) => timeOf(point.at)],
      ...series.map(({ title, unit, value }) => [unit ? `${title}, ${unit}` : title, (point) => shown(value(point)), "number"]),
    ], [...points].reverse(), "compact"));
  });
  return made;
}

function asTable(caption, columns, rows) {
  return el("details", {}, el("summary", { "data-key": caption }, "As a table"), table(caption, columns, rows, "compact"));
}
