-- The floor for `make bench BENCH=orders`: what an order of one line writes, by pgbench, one
-- statement at a time, with the contended row last, so that it is locked for the COMMIT only.
\set buyer random(1, :buyers)
\set position random(1, :products)
SELECT id AS pid, brand_id AS bid FROM bench_product WHERE position = CAST(:position AS bigint) \gset
\sleep :delay us
SELECT p.id, p.brand_id, p.name, p.description, p.price_amount, p.price_currency, p.like_count, p.version, p.created_at, s.quantity FROM product AS p JOIN stock AS s ON s.product_id = p.id WHERE p.id = ANY (ARRAY[CAST(:pid AS uuid)]);
\sleep :delay us
SELECT id, name, description FROM brand WHERE id = ANY (ARRAY[CAST(:bid AS uuid)]);
\sleep :delay us
SELECT user_id, balance, currency, version FROM point_account WHERE user_id = lpad(to_hex(CAST(:buyer AS int)), 32, '0')::uuid;
\sleep :delay us
BEGIN;
\sleep :delay us
INSERT INTO orders (id, buyer_id, status, payment_method, currency, total_amount, discount_amount, points_used_amount, placed_at, expires_at, version) VALUES (gen_random_uuid(), lpad(to_hex(CAST(:buyer AS int)), 32, '0')::uuid, 'CONFIRMED', 'POINT', 'KRW', 1, 0, 1, now(), NULL, 2) RETURNING id AS oid \gset
\sleep :delay us
INSERT INTO once (scope, key, fingerprint, answer, claimed_at) VALUES (lpad(to_hex(CAST(:buyer AS int)), 32, '0') || ' POST /orders', CAST(:oid AS text), repeat('f', 64), repeat('a', 600), now());
\sleep :delay us
INSERT INTO order_line (order_id, position, product_id, product_name, brand_id, brand_name, unit_price_amount, quantity) VALUES (CAST(:oid AS uuid), 0, CAST(:pid AS uuid), 'Anvil', CAST(:bid AS uuid), 'Acme', 1, 1);
\sleep :delay us
INSERT INTO order_history (order_id, position, status, at, by, reason) VALUES (CAST(:oid AS uuid), 0, 'CONFIRMED', now(), 'user', 'Paid by points');
\sleep :delay us
SELECT user_id, balance, currency, version FROM point_account WHERE user_id = lpad(to_hex(CAST(:buyer AS int)), 32, '0')::uuid FOR UPDATE;
\sleep :delay us
UPDATE point_account SET balance = balance - 1, version = version + 1 WHERE user_id = lpad(to_hex(CAST(:buyer AS int)), 32, '0')::uuid AND balance >= 1;
\sleep :delay us
INSERT INTO point_ledger (id, user_id, amount, currency, reason, order_id, at) VALUES (gen_random_uuid(), lpad(to_hex(CAST(:buyer AS int)), 32, '0')::uuid, -1, 'KRW', 'ORDER_PLACED', CAST(:oid AS uuid), now());
\sleep :delay us
INSERT INTO outbox (id, source, type, occurred_at, aggregate_id, aggregate_version, trace_id, data) SELECT gen_random_uuid(), 'commerce.order', type, now(), CAST(:oid AS uuid), version, 'bench', jsonb_build_object('order_id', CAST(:oid AS text), 'user_id', CAST(:buyer AS int), 'lines', jsonb_build_array(jsonb_build_object('product_id', CAST(:pid AS text), 'product_name', 'Anvil', 'quantity', 1))) FROM (VALUES ('OrderPlaced', 1), ('OrderConfirmed', 2)) AS told (type, version);
\sleep :delay us
WITH moved AS (UPDATE stock SET quantity = quantity - 1, version = version + 1 WHERE product_id = CAST(:pid AS uuid) AND quantity >= 1 RETURNING product_id, quantity, version), kept AS (INSERT INTO stock_movement (product_id, change, reason, order_id, at) SELECT product_id, -1, 'SOLD', CAST(:oid AS uuid), now() FROM moved) INSERT INTO outbox (id, source, type, occurred_at, aggregate_id, aggregate_version, trace_id, data) SELECT gen_random_uuid(), 'commerce.product', 'StockChanged', now(), product_id, 2 * version, 'bench', jsonb_build_object('product_id', product_id, 'quantity', quantity, 'change', -1, 'reason', 'SOLD') FROM moved;
\sleep :delay us
COMMIT;
\sleep :delay us
