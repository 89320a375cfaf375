import {listProducts, placeOrder} from "lastunit-client";
import {createClient} from "lastunit-client/client";

const client = createClient({baseUrl: process.env.API_URL!, auth: process.env.TOKEN!});
const page = await listProducts({client, query: {sort: "price_asc", limit: 1}, throwOnError: true});
const {product_id, price} = page.data.items[0]!;
const {data: order, error: problem} = await placeOrder({
  client,
  body: {lines: [{product_id, quantity: 1}], payment_method: "POINT", expected_total: price},
  headers: {"Idempotency-Key": "my-typescript-order"},
});
if (order) {
  console.log(order.order_id, order.status, order.total.amount, order.total.currency);
} else if (problem.code === "OUT_OF_STOCK") {
  console.log("Sold out.");
} else {
  console.log(problem.code, problem.detail);
}
