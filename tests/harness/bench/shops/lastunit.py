"""Our own API over HTTP: several server processes, and an order in one request.

A buyer is a user's id: its token, which is good for a quarter of an hour, is signed when needed.
"""

import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from uuid import UUID

from infra.local.process import Server
from tests.harness.bench.shops.catalogue import ADDRESS, Catalogue
from tests.harness.bench.shops.client import PLACED
from tests.harness.bench.shops.serving import started

POINTS = 100_000_000


@dataclass(frozen=True, slots=True)
class Lastunit:
    """An order is one POST: lines, address and payment in points."""

    urls: Sequence[str]
    requests = 1

    def order(self, connection: HTTPConnection, buyer: str, product: str) -> str:
        """Order one unit; return what became of it."""
        body = {
            "lines": [{"product_id": product, "quantity": 1}],
            "payment_method": "POINT",
            "ship_to": ADDRESS,
        }
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {signed(buyer)}",
            "Idempotency-Key": secrets.token_hex(16),
        }
        connection.request("POST", "/orders", json.dumps(body), headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        if response.status == 201:
            return PLACED
        if response.status >= 500:
            raise RuntimeError(f"{response.status} {answer}")
        return str(answer["code"])


def signed(user_id: str) -> str:
    """Return a token of a user who has just signed in."""
    from commerce.runtime import tokens

    return tokens.sign(UUID(user_id))


def seed(catalogue: Catalogue, buyers: int) -> tuple[list[str], list[str]]:
    """Fill the shop by its own use cases; returns the products' and the buyers' ids."""
    from tests.support import nudges
    from tests.support.shop import a_brand, a_buyer, a_product

    nudges.silence()  # in this process: the servers, which are measured, send theirs
    brand = a_brand()
    products = [a_product(each.units, each.price, each.name, brand) for each in catalogue.products]
    return products, [str(a_buyer(POINTS).user_id) for _ in range(buyers)]


_SOLD = """
    SELECT coalesce(sum(line.quantity), 0) AS units
    FROM order_line AS line JOIN orders ON orders.id = line.order_id
    WHERE line.product_id = $1 AND orders.status NOT IN ('PENDING', 'CANCELLED')
"""


def sold(product: str) -> tuple[int, int]:
    """Return the units in orders that were placed and hold, and the units still for sale."""
    from tests.support.shop import rows, stock_of

    return int(rows(_SOLD, product)[0].units), stock_of(product)


def start(directory: Path, port: int) -> Server:
    """Start one server process."""
    command = [sys.executable, "-m", __name__, str(port)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return started(command, port, directory, environment, answers_at="/brands")


def _serve(port: int) -> None:
    """Serve the API until this process is to end, one request at a time as on Lambda."""
    from tests.support.http_server import serve_api

    ends = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ends.set())
    with serve_api(port, workers=1):
        ends.wait()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
