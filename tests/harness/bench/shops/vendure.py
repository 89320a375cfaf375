"""A shop of Vendure, installed from the npm registry: its servers, its seed, and an order in it.

The steps of an order are those that Vendure's documentation gives a storefront. Each is a mutation;
`at_once` sends all in one request, which no storefront does, but which GraphQL allows.
"""

import json
import os
import secrets
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra import node
from infra.local.errors import log_tail
from infra.local.ports import LOOPBACK
from infra.local.process import Server, ending_with_parent
from tests.harness.bench.shops.catalogue import ADDRESS, Catalogue
from tests.harness.bench.shops.client import PLACED
from tests.harness.bench.shops.serving import started
from tests.support.backends import ROOT, run

SOURCE = Path(__file__).with_name("vendure")
INSTALLED = ROOT / ".local" / "vendure"
OLDEST_NODE = (20,)
SEED_SECONDS = 1800
PAID = "PaymentSettled"

_ANSWER = "{ __typename ... on Order { state } ... on ErrorResult { errorCode message } }"
_ADDRESS = {
    "fullName": ADDRESS["recipient"],
    "phoneNumber": ADDRESS["phone"],
    "streetLine1": ADDRESS["line1"],
    "city": ADDRESS["city"],
    "countryCode": ADDRESS["country"],
    "postalCode": ADDRESS["postal_code"],
}
# Each step's variables, and its mutation.
STEPS = (
    ("$variant: ID!", "addItemToOrder(productVariantId: $variant, quantity: 1)"),
    ("$address: CreateAddressInput!", "setOrderShippingAddress(input: $address)"),
    ("$shipping: [ID!]!", "setOrderShippingMethod(shippingMethodId: $shipping)"),
    ("$state: String!", "transitionOrderToState(state: $state)"),
    ("$payment: PaymentInput!", "addPaymentToOrder(input: $payment)"),
)


def documents(*, at_once: bool) -> list[str]:
    """Return the GraphQL documents of an order: one for each step, or all steps in one."""
    batches = [STEPS] if at_once else [(step,) for step in STEPS]
    return [
        f"mutation({', '.join(each for each, _ in steps)}) "
        f"{{ {' '.join(f'{mutation} {_ANSWER}' for _, mutation in steps)} }}"
        for steps in batches
    ]


@dataclass(frozen=True, slots=True)
class Vendure:
    """An order: item, address, shipping method, payment arranged, payment settled."""

    urls: Sequence[str]
    shipping_method: str
    at_once: bool = False

    @property
    def requests(self) -> int:
        """The HTTP requests of an order."""
        return len(documents(at_once=self.at_once))

    def order(self, connection: HTTPConnection, buyer: str, product: str) -> str:
        """Order one unit; return what became of it."""
        variables = {
            "variant": product,
            "address": _ADDRESS,
            "shipping": [self.shipping_method],
            "state": "ArrangingPayment",
            "payment": {"method": "standard-payment", "metadata": {}},
        }
        answers: dict[str, Any] = {}
        for document in documents(at_once=self.at_once):
            known = {name: each for name, each in variables.items() if f"${name}:" in document}
            answers = data_of(connection, buyer, document, known)
            for answer in answers.values():
                if answer["__typename"] != "Order":
                    return str(answer["errorCode"])
        if answers["addPaymentToOrder"]["state"] != PAID:
            raise RuntimeError(f"the order is {answers['addPaymentToOrder']['state']}")
        return PLACED


def data_of(
    connection: HTTPConnection, buyer: str, document: str, variables: dict[str, Any]
) -> dict[str, Any]:
    """Return the data of a GraphQL answer. Raises RuntimeError where there are errors in it."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {buyer}"}
    body = json.dumps({"query": document, "variables": variables})
    connection.request("POST", "/shop-api", body, headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    if response.status != 200 or answer.get("errors"):
        raise RuntimeError(f"{response.status} {answer.get('errors')}")
    data: dict[str, Any] = answer["data"]
    return data


def version() -> str:
    """Return the version that is pinned."""
    package = json.loads((SOURCE / "package.json").read_text(encoding="utf-8"))
    return str(package["dependencies"]["@vendure/core"])


def why_not(installed: Path = INSTALLED) -> str | None:
    """Install what is needed; return why that is not possible, in a sentence."""
    found = node.version()
    if found is None or found < OLDEST_NODE:
        return f"Node.js {OLDEST_NODE[0]} or newer, with npm, is not on the PATH."
    if not node.install(SOURCE, installed):
        return "npm could not install what vendure/package-lock.json pins; its message is above."
    return None


def create_database(superuser: str) -> str:
    """Make an empty database with an owner of its own, who has no time-outs; returns its URL."""
    password = secrets.token_urlsafe(24)
    run(superuser, f"CREATE ROLE vendure LOGIN PASSWORD '{password}'")
    run(superuser, "CREATE DATABASE vendure OWNER vendure")
    return f"postgresql://vendure:{password}@{LOOPBACK}:{urlsplit(superuser).port}/vendure"


@dataclass(frozen=True, slots=True)
class Seeded:
    """The database's variants, in the order of the catalogue, and buyers' sessions."""

    products: list[str]
    buyers: list[str]
    shipping_method: str


def seed(database: str, catalogue: Catalogue, buyers: int, directory: Path, port: int) -> Seeded:
    """Fill an empty database by Vendure's import and services. Raises RuntimeError."""
    file, log = directory / "products.csv", directory / "log" / "populate.log"
    catalogue.write_csv(file)
    log.parent.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = ["node", SOURCE / "populate.js", file, str(buyers)]
    with log.open("wb") as output:
        done = subprocess.run(
            [*ending_with_parent(signal.SIGTERM), *command],
            cwd=directory, env=_environment(database, port), stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, check=False, timeout=SEED_SECONDS,
        )  # fmt: skip
    seeded = _read(database) if done.returncode == 0 else None
    if seeded is None or (len(seeded.products), len(seeded.buyers)) != (
        len(catalogue.products),
        buyers,
    ):
        raise RuntimeError(f"Vendure was not filled; its log ends with:\n{log_tail(log)}")
    return seeded


def _read(database: str) -> Seeded:
    variants = run(database, "SELECT id FROM product_variant ORDER BY CAST(sku AS integer)")
    sessions = run(database, _SESSIONS)
    [[shipping]] = run(database, "SELECT id FROM shipping_method")
    return Seeded([str(id_) for [id_] in variants], [token for [token] in sessions], str(shipping))


_SESSIONS = """
    SELECT token FROM session JOIN customer ON customer."userId" = session."userId"
    ORDER BY customer.id
"""
_SOLD = """
    SELECT coalesce(sum(line.quantity), 0)
    FROM order_line AS line JOIN "order" AS placed ON placed.id = line."orderId"
    WHERE line."productVariantId" = {variant}
        AND placed."orderPlacedAt" IS NOT NULL AND placed.state <> 'Cancelled'
"""
_LEFT = """
    SELECT sum("stockOnHand" - "stockAllocated") FROM stock_level
    WHERE "productVariantId" = {variant}
"""


def sold(database: str, product: str) -> tuple[int, int]:
    """Return the units in orders that were placed and hold, and the units still for sale."""
    [[units]], [[left]] = (
        run(database, sql.format(variant=int(product))) for sql in (_SOLD, _LEFT)
    )
    return int(units), int(left)


def start(database: str, directory: Path, port: int) -> Server:
    """Start one server process."""
    environment = _environment(database, port)
    return started(
        ["node", SOURCE / "server.js"], port, directory, environment, answers_at="/health"
    )


def _environment(database: str, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "NODE_ENV": "production",
        "VENDURE_DISABLE_TELEMETRY": "true",
        "NODE_PATH": str(INSTALLED / "node_modules"),
        "DATABASE_URL": database,
        "SUPERADMIN_PASSWORD": urlsplit(database).password or "",
        "PORT": str(port),
    }
