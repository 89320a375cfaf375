"""Orders over HTTP in our shop and in Vendure, side by side, and races for the last units.

Vendure is installed from the npm registry, below .local, at its first run. Where Node.js or the
registry is missing, this is skipped.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from infra.local.ports import Ports
from infra.local.process import Server
from tests.harness.bench.report import Report, Timing
from tests.harness.bench.shops import lastunit, vendure
from tests.harness.bench.shops.catalogue import Catalogue
from tests.harness.bench.shops.client import PLACED, Bought, Shop, in_turn, race, steady
from tests.harness.servers import servers
from tests.support.backends import ROOT

OUR_PROCESSES = 4  # each serves one request at a time
THEIR_PROCESSES = 2  # each serves many
CLIENTS = 8
BUYERS_OF_A_CLIENT = 10
ROUNDS, SECONDS = 2, 15
CATALOGUE = Catalogue(plenty=100, races=5, units=50, units_in_turn=5)
RACERS = 150
IN_TURN = 8  # buyers of the product that is ordered in turn
ORDERS = "orders over HTTP, 8 clients, 100 products"
RACES = "races for the last 50 units, 150 buyers at once"
PEER = f"Vendure {vendure.version()}"
BOTH = (
    "Both shops: several server processes, and the clients, on this machine; one PostgreSQL with "
    "its default settings, on disk; the same products and addresses; buyers who have signed in "
    "before; payment without a gateway. A client stays with one server process. Background work "
    f"(our relay, {PEER}'s worker) does not run."
)
OURS = (
    f"Lastunit: {OUR_PROCESSES} processes that serve one request at a time, as Lambda does. An "
    "order is one request, paid in points. The work tree's handlers, called by the tests' HTTP "
    "server instead of API Gateway and Lambda; it closes each connection. The nudge of the relay "
    "after each order goes to an emulated SQS on this machine. An order has neither shipping "
    "method nor tax."
)
THEIRS = (
    f"{PEER}: {THEIR_PROCESSES} processes that serve many requests at a time; its defaults without "
    "plugins, in production mode, connections kept. An order is five mutations: item, address, "
    "shipping method, payment arranged, and payment by its dummy handler with automatic "
    "settlement; each in a request, as a storefront does, or all in one. It computes shipping, "
    "taxes and promotions, and keeps carts and histories."
)
COUNTED = (
    "Sold: units in placed orders, by the shop's own database. Left: units that are still for sale "
    "there; below zero, more were sold than there were. Answered: orders that the shop called "
    "placed."
)


@dataclass(frozen=True, slots=True)
class Entrant:
    """A shop that runs, with what its clients need."""

    name: str
    shop: Shop
    requests: int
    products: Sequence[str]
    buyers: Sequence[str]
    sold: Callable[[str], tuple[int, int]]


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Measure both shops in turns; skip it, and say why, where Vendure cannot run."""
    reason = vendure.why_not()
    if reason:
        report.note(f"peers: skipped. {reason}")
        return
    with (
        servers(durable_in=ROOT / ".local" / "peers") as superuser,
        tempfile.TemporaryDirectory(dir=ROOT / ".local" / "peers") as directory,
        both(report, superuser, Path(directory)) as (ours, theirs, theirs_at_once),
    ):
        orders(report, (ours, theirs, theirs_at_once))
        races(report, (ours, theirs))
    for note in (BOTH, OURS, THEIRS, COUNTED):
        report.note(note)


@contextmanager
def both(
    report: Report, superuser: str, directory: Path
) -> Iterator[tuple[Entrant, Entrant, Entrant]]:
    """Fill and start both shops; yields ours, Vendure, and Vendure called once per order."""
    buyers = CLIENTS * BUYERS_OF_A_CLIENT + CATALOGUE.races * RACERS + IN_TURN
    with ExitStack() as running:

        def started(processes: int, start: Callable[[Path, int], Server]) -> list[str]:
            urls = []
            for port in free_ports(processes):
                server = start(directory, port)
                running.callback(server.stop)
                urls.append(server.url)
            return urls

        report.say(f"seed: {len(CATALOGUE.products)} products and {buyers} buyers, in both shops")
        products, users = lastunit.seed(CATALOGUE, buyers)
        database = vendure.create_database(superuser)
        seeded = vendure.seed(database, CATALOGUE, buyers, directory, *free_ports(1))
        report.say(f"start: {OUR_PROCESSES} processes of ours, {THEIR_PROCESSES} of {PEER}")
        our_urls = started(OUR_PROCESSES, lastunit.start)
        their_urls = started(
            THEIR_PROCESSES, lambda folder, port: vendure.start(database, folder, port)
        )

        def theirs(name: str, *, at_once: bool) -> Entrant:
            shop = vendure.Vendure(their_urls, seeded.shipping_method, at_once)
            return Entrant(
                name, shop, shop.requests, seeded.products, seeded.buyers,
                lambda product: vendure.sold(database, product),
            )  # fmt: skip

        ours = lastunit.Lastunit(our_urls)
        yield (
            Entrant("Lastunit", ours, ours.requests, products, users, lastunit.sold),
            theirs(PEER, at_once=False),
            theirs(f"{PEER}, one request", at_once=True),
        )


def free_ports(number: int) -> tuple[int, ...]:
    """Return so many ports on which no server listens at this moment."""
    return astuple(Ports.free())[:number]


def orders(report: Report, entrants: Sequence[Entrant]) -> None:
    """Let clients order from each in turns, in rounds; what became of all rounds counts."""
    bought = dict.fromkeys((each.name for each in entrants), Bought())
    lasting = range(CATALOGUE.plenty)
    for number in range(1, ROUNDS + 1):
        for each in entrants:
            report.say(f"{each.name}: {CLIENTS} clients, {SECONDS} s, round {number}")
            clients = [
                each.buyers[n : n + BUYERS_OF_A_CLIENT]
                for n in range(0, CLIENTS * BUYERS_OF_A_CLIENT, BUYERS_OF_A_CLIENT)
            ]
            products = [each.products[n] for n in lasting]
            bought[each.name] += steady(each.shop, clients, products, SECONDS)
    for each in entrants:
        found = bought[each.name]
        report_failures(report, each.name, found.outcomes)
        timing = Timing.of(found.seconds)
        report.add(
            ORDERS,
            each.name,
            requests_per_order=each.requests,
            orders=timing.runs,
            orders_per_second=round(found.per_second / ROUNDS, 1),
            p50_ms=timing.p50_ms,
            p99_ms=timing.p99_ms,
            refused=found.refused,
            failed=found.failed,
        )


def races(report: Report, entrants: Sequence[Entrant]) -> None:
    """Let many buyers at once order a product's last units: each race has its own product.

    The last product is ordered in turn, which shows that both shops count their stock.
    """
    for number in range(CATALOGUE.races):
        begin = CLIENTS * BUYERS_OF_A_CLIENT + number * RACERS
        for each in entrants:
            product = each.products[CATALOGUE.plenty + number]
            bought = race(each.shop, each.buyers[begin : begin + RACERS], product)
            report_race(report, f"race {number + 1}", each, product, CATALOGUE.units, bought)
    for each in entrants:
        bought = in_turn(each.shop, each.buyers[-IN_TURN:], each.products[-1])
        what = f"{IN_TURN} buyers in turn"
        report_race(report, what, each, each.products[-1], CATALOGUE.units_in_turn, bought)


def report_race(
    report: Report, what: str, entrant: Entrant, product: str, units: int, bought: Bought
) -> None:
    """Add what a race sold, by the shop's database and by its answers."""
    report.say(f"{entrant.name}: {what} has ended")
    report_failures(report, entrant.name, bought.outcomes)
    sold, left = entrant.sold(product)
    report.add(
        RACES,
        f"{what}, {entrant.name}",
        f"{units} sold",
        sold=sold,
        left=left,
        answered=bought.outcomes[PLACED],
        refused=bought.refused,
        failed=bought.failed,
        slowest_placed_s=round(max(bought.seconds, default=0.0), 1),
    )


def report_failures(report: Report, name: str, outcomes: Counter[str]) -> None:
    """Print how orders ended that were not placed."""
    for outcome, count in outcomes.items():
        if outcome != PLACED:
            report.say(f"{name}: {count} × {outcome}")
