// The panel of trends: the last 24 hours as charts, with the deploys among them.
import { get } from "./api.js";
import * as charts from "./charts.js";
import { el } from "./dom.js";

const EVERY_MS = 60_000; // a sample is taken every five minutes

let known = null;
let readAt = 0;

export async function load() {
  if (!known || Date.now() - readAt > EVERY_MS) {
    known = await get("admin/trends");
    readAt = Date.now();
  }
  return known;
}

export const forget = () => { known = null; };

// Of no payment there is no share of successes.
function success({ payments_succeeded: good, payments_failed: bad }) {
  return good === null || bad === null || good + bad === 0 ? null : Math.round((100 * good) / (good + bad));
}

const SERIES = [
  { title: "Dead letters", value: (point) => point.dead_letters },
  { title: "Age of the outbox", unit: "s", value: (point) => point.outbox_age_seconds },
  { title: "Requests answered 5xx", value: (point) => point.api_5xx },
  { title: "Functions failed or killed", value: (point) => point.functions_failed },
  { title: "Card payments that succeeded", unit: "%", most: 100, missing: "without a payment, or not sampled", value: success },
];

export function trends({ points, deploys }) {
  if (!points.some((point) => point.dead_letters !== null || point.api_5xx !== null)) {
    return [el("p", { class: "quiet" }, "No sample has been taken yet; one is every five minutes.")];
  }
  return [
    ...SERIES.map((series) => charts.trend(points, deploys, series)),
    charts.states("Circuit breaker", points, deploys, (point) => point.breaker),
    deploys.length ? el("ul", { class: "deploys" }, deploys.map((deploy) => el("li", {}, `Deploy ${charts.timeOf(deploy.at)}: ${deploy.version}, code ${deploy.code}`)))
      : el("p", { class: "quiet" }, "No other code was deployed in 24 hours."),
    charts.trendTable(points, [...SERIES, { title: "Circuit breaker", value: (point) => point.breaker }]),
  ];
}
