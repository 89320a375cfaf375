// A shopper's way through a running shop, and one edit by staff, by the TypeScript client.
//
// API_URL and ADMIN_TOKEN say where. The exit code is 1, with the answer, where it is not the one
// that the document promises.
import assert from "node:assert/strict";
import {randomBytes} from "node:crypto";
import {
  chargePoints, editBrand, endCurrentSession, getMe, getOrder, getProduct, listBrands, listProducts,
  openSession, placeOrder, signUp,
} from "lastunit-client";
import type {
  ListProductsData, PageOfProductView, PlaceOrder, Problem, ProblemCode, ProductDetailView,
} from "lastunit-client";
import {createClient} from "lastunit-client/client";
import type {Client} from "lastunit-client/client";

const baseUrl = process.env.API_URL!;
const MOST_OF_A_LINE = 99;
const CHARGED = 1_000_000_000;
const random = (bytes: number) => randomBytes(bytes).toString("hex");
const withKey = (key: string) => ({headers: {"Idempotency-Key": key}});

/** Return the problem, which has this code. */
function refused(code: ProblemCode, {error}: {error?: Problem | undefined}): Problem {
  assert.equal(error?.code, code);
  return error!;
}

/** Sign a new user up and in. */
async function signIn(anyone: Client): Promise<Client> {
  const login_id = `ts${random(4)}`;
  const password = random(12);
  const body = {
    login_id, password, name: "Wile E. Coyote", email: `${login_id}@example.com`,
    birth_date: "1949-09-17", gender: "OTHER",
  } as const;
  const user = await signUp({client: anyone, body, throwOnError: true});
  assert.equal(user.data.login_id, login_id);
  refused("LOGIN_ID_TAKEN", await signUp({client: anyone, body}));
  const {data: session} = await openSession({client: anyone, body: {login_id, password}, throwOnError: true});
  return createClient({baseUrl, auth: session.access_token});
}

/** Read the products page by page until one is in stock, but not a whole line of it. */
async function findProduct(client: Client): Promise<ProductDetailView> {
  let cursor: string | null = "";
  do {
    const query: ListProductsData["query"] = {sort: "price_asc", limit: 3, ...(cursor && {cursor})};
    const page: PageOfProductView = (await listProducts({client, query, throwOnError: true})).data;
    for (const {product_id} of page.items) {
      const {data: product} = await getProduct({client, path: {product_id}, throwOnError: true});
      if (0 < product.stock_quantity && product.stock_quantity < MOST_OF_A_LINE) return product;
    }
    cursor = page.next_cursor;
  } while (cursor);
  throw new Error("No product is in stock: make reset starts afresh.");
}

/** Pay with points, press twice, and ask for more than there is. */
async function buy(client: Client, {product_id, price}: ProductDetailView): Promise<void> {
  const orderOf = (quantity: number): PlaceOrder => ({
    lines: [{product_id, quantity}],
    payment_method: "POINT",
    expected_total: {...price, amount: price.amount * quantity},
  });
  const charged = await chargePoints({client, body: {amount: CHARGED}, ...withKey(random(8)), throwOnError: true});
  assert.equal(charged.data.balance.amount, CHARGED);
  const once = {client, body: orderOf(1), ...withKey(random(8))};
  const {data: order} = await placeOrder({...once, throwOnError: true});
  assert.deepEqual([order.status, order.total], ["CONFIRMED", price]);
  const again = await placeOrder({...once, throwOnError: true});
  assert.deepEqual(again.data, order);
  assert.equal(again.response.headers.get("Idempotency-Replayed"), "true");
  refused("IDEMPOTENCY_KEY_REUSED", await placeOrder({...once, body: orderOf(2)}));
  const detail = await getOrder({client, path: {order_id: order.order_id}, throwOnError: true});
  assert.deepEqual([detail.data.total, detail.data.history.at(-1)?.status], [price, "CONFIRMED"]);
  const tooMuch = await placeOrder({client, body: orderOf(MOST_OF_A_LINE), ...withKey(random(8))});
  const line = refused("OUT_OF_STOCK", tooMuch).errors?.[0];
  assert.deepEqual([line?.product_id, line?.requested], [product_id, MOST_OF_A_LINE]);
  const nothing = await placeOrder({client, body: orderOf(0), ...withKey(random(8))});
  assert.equal(refused("VALIDATION_FAILED", nothing).errors?.[0]?.field, "lines.0.quantity");
}

/** Edit a brand by a version that it does not have: nothing changes. */
async function editStaleBrand(staff: Client): Promise<void> {
  const {data: page} = await listBrands({client: staff, query: {limit: 1}, throwOnError: true});
  const path = {brand_id: page.items[0]!.brand_id};
  const headers = {"If-Match": '"0.0-0000000000000000"'};
  const edited = await editBrand({client: staff, path, body: {description: "Never seen"}, headers});
  refused("STALE_VERSION", edited);
}

/** End the session, whose token opens nothing then. */
async function signOut(shopper: Client): Promise<void> {
  assert.equal((await endCurrentSession({client: shopper})).response?.status, 204);
  refused("SESSION_ENDED", await getMe({client: shopper}));
}

const anyone = createClient({baseUrl});
const shopper = await signIn(anyone);
await buy(shopper, await findProduct(anyone));
await editStaleBrand(createClient({baseUrl, auth: process.env.ADMIN_TOKEN!}));
await signOut(shopper);
