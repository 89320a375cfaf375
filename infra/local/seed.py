"""Fill the database with a catalogue of any size: `make seed SIZE=1000000`.

Made by PostgreSQL itself, chunk by chunk, each chunk one transaction; what is there already stays.
1 % of the products have 88 % of the likes (as reported of real shops), two likes a product on
average; like counts equal the likes, and stock its movements. No event is told of any of it, and
caches notice within their time.
"""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pg8000.native

from infra.arguments import whole_number
from infra.local.env_file import read_env
from infra.local.errors import LocalError

ENV_FILE = Path(__file__).parents[2] / ".local" / "env"
CHUNK = 20_000
PRODUCTS_PER_BRAND = 1_000

Report = Callable[[int, int], None]
"""Hears how many of how many products there are."""

# UUIDv7, a millisecond apart: they sort by age like those of products registered one by one.
_ID = """
CREATE OR REPLACE FUNCTION pg_temp.seeded_id(ms bigint, salt text) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(ms), 12, '0') || '7' || substr(md5(salt), 1, 3)
        || '8' || substr(md5(salt), 4, 15))::uuid
$$
"""
_BRANDS = """
INSERT INTO brand (id, name, description, version, created_at)
SELECT pg_temp.seeded_id(:start - :brands + n, :run || 'brand' || n), 'Brand ' || (n + 1),
    'Number ' || (n + 1) || ' of ' || :brands || '.', 1, now()
FROM generate_series(0, CAST(:brands AS bigint) - 1) AS n
"""
# `place` shuffles the products, so that the liked ones are of all ages and brands.
_CHUNK = """
WITH numbered AS (
    SELECT n, n * 2654435761 % :size AS place, :size / 100 AS hot
    FROM generate_series(CAST(:first AS bigint), :last) AS n
), made AS (
    SELECT n, pg_temp.seeded_id(:start + n, :run || n) AS id,
        pg_temp.seeded_id(:start - :brands + n % :brands, :run || 'brand' || n % :brands)
            AS brand_id,
        10 + n * 31 % 190 AS quantity,
        CASE WHEN place < hot THEN round(352 * (hot - place - 0.5) / hot)
            WHEN n * 40503 % 10000 < 2424 THEN 1 ELSE 0 END::bigint AS likes
    FROM numbered
), product_made AS (
    INSERT INTO product (id, brand_id, name, description, price_amount, price_currency,
        like_count, version, created_at)
    SELECT id, brand_id,
        (ARRAY['Oak', 'Steel', 'Linen', 'Cedar', 'Brass', 'Wool', 'Glass'])[1 + n % 7] || ' '
            || (ARRAY['Chair', 'Lamp', 'Kettle', 'Blanket', 'Shelf'])[1 + n / 7 % 5] || ' ' || n,
        'Made in small batches, number ' || n || '. It lasts, it can be repaired, and it comes '
            || 'in a box that is good for something else afterwards.',
        1000 + n * 7919 % 500 * 100, 'KRW', likes, 1, now()
    FROM made
), stock_made AS (
    INSERT INTO stock (product_id, quantity, on_hand, version)
    SELECT id, quantity, quantity, 1 FROM made
), movement_made AS (
    INSERT INTO stock_movement (product_id, change, on_hand_change, reason, "by", at)
    SELECT id, quantity, quantity, 'RECEIVED', 'system', now() FROM made
)
INSERT INTO product_like (user_id, product_id, id, created_at)
SELECT pg_temp.seeded_id(:start, :run || 'user' || (n * 7 + nth) % :users), id,
    pg_temp.seeded_id(:start + n, :run || n || 'like' || nth), now()
FROM made, generate_series(1, likes) AS nth
"""


def seed(url: str, size: int, report: Report | None = None) -> int:
    """Add `size` products, with brands, stock and likes; returns how many brands.

    Raises LocalError where the database is not there or has no schema.
    """
    brands = max(1, size // PRODUCTS_PER_BRAND)
    values = {
        "run": secrets.token_hex(4),
        "start": int(time.time() * 1000) - size,
        "size": size,
        "brands": brands,
        "users": max(400, size // 10),  # more than like any one product
    }
    with _connected(url) as connection:
        for setting in ("statement_timeout = 0", "synchronous_commit = off", "jit = off"):
            connection.run(f"SET {setting}")
        connection.run(_ID)
        connection.run(_BRANDS, **_some(values, "run", "start", "brands"))
        for first in range(0, size, CHUNK):
            last = min(first + CHUNK, size) - 1
            connection.run(_CHUNK, first=first, last=last, **values)
            if report is not None:
                report(last + 1, size)
        for table in ("brand", "product", "stock", "product_like"):
            connection.run(f"VACUUM ANALYZE {table}")
    return brands


def _some(values: Mapping[str, object], *names: str) -> dict[str, object]:
    return {name: values[name] for name in names}


@contextmanager
def _connected(url: str) -> Iterator[pg8000.native.Connection]:
    parts = urlsplit(url)
    try:
        connection = pg8000.native.Connection(
            unquote(parts.username or ""),
            host=parts.hostname or "localhost",
            port=parts.port or 5432,
            database=parts.path.lstrip("/"),
            password=unquote(parts.password or ""),
        )
    except (pg8000.exceptions.InterfaceError, pg8000.exceptions.DatabaseError) as error:
        raise LocalError(
            f"No database answers at {parts.hostname}:{parts.port}: {error}"
        ) from error
    with closing(connection):
        try:
            connection.run("SELECT unlikes_ahead FROM product LIMIT 0")
        except pg8000.exceptions.DatabaseError as error:
            raise LocalError("The database has no schema, or an old one: run make up.") from error
        yield connection


def show_progress(done: int, size: int) -> None:
    """Print how far it is; on a terminal in one line."""
    is_last = done == size
    if sys.stdout.isatty():
        print(f"\r  {done:,} of {size:,} products", end="\n" if is_last else "", flush=True)
    elif is_last or done % (max(1, size // CHUNK // 10) * CHUNK) == 0:
        print(f"  {done:,} of {size:,} products", flush=True)


def database_url() -> str:
    """DATABASE_URL, else that of the running local system. Raises LocalError."""
    if url := os.environ.get("DATABASE_URL"):
        return url
    if url := read_env(ENV_FILE).get("DATABASE_URL"):
        return url
    raise LocalError("No database is known: run make up in another terminal, or set DATABASE_URL.")


def main() -> None:
    """Seed the database; the exit code is 1 on a failure."""
    parser = argparse.ArgumentParser(prog="make seed", description=__doc__)
    parser.add_argument(
        "size", type=whole_number, help="how many products to add, for example 1000000"
    )
    size = parser.parse_args().size
    started = time.monotonic()
    try:
        brands = seed(database_url(), size, show_progress)
    except LocalError as error:
        sys.exit(f"✗ {error}")
    print(f"✓ {size:,} products of {brands:,} brands in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
