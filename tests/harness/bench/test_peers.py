"""The parts of `make bench BENCH=peers`: the skip, the requests, and the counts.

Vendure itself is installed by the benchmark alone; here a server answers as it does.
"""

import csv
import json
import os
import subprocess
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.local.ports import LOOPBACK
from tests.harness.bench import peers
from tests.harness.bench.report import Report
from tests.harness.bench.shops import lastunit, vendure
from tests.harness.bench.shops.catalogue import Catalogue
from tests.harness.bench.shops.client import PLACED, in_turn, race, steady
from tests.support import backends

ROOT = Path(__file__).parents[3]
VENDURES_TABLES = """
CREATE TABLE "order" (id int PRIMARY KEY, state text, "orderPlacedAt" timestamp);
CREATE TABLE order_line (
    id int PRIMARY KEY, "orderId" int, "productVariantId" int, quantity int
);
CREATE TABLE stock_level ("productVariantId" int, "stockOnHand" int, "stockAllocated" int);
INSERT INTO "order" VALUES
    (1, 'PaymentSettled', now()), (2, 'PaymentAuthorized', now()), (3, 'Cancelled', now()),
    (4, 'AddingItems', NULL), (5, 'ArrangingPayment', NULL), (6, 'Delivered', now());
INSERT INTO order_line VALUES
    (1, 1, 7, 2), (2, 2, 7, 1), (3, 3, 7, 10), (4, 4, 7, 100), (5, 5, 7, 1000), (6, 6, 7, 4),
    (7, 1, 8, 10000);
INSERT INTO stock_level VALUES (7, 5, 6), (7, 3, 1), (8, 50, 0)
"""


class _Peer(BaseHTTPRequestHandler):
    """Answers GraphQL as Vendure does: carts by buyer, few units, and a payment that may fail."""

    protocol_version = "HTTP/1.1"
    server: "_PeerServer"

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        buyer = self.headers["Authorization"].removeprefix("Bearer ")
        with self.server.lock:
            answer = self.server.answer(buyer, sent["query"], sent["variables"])
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class _PeerServer(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True

    def __init__(self, units: int, payment: str) -> None:
        super().__init__((LOOPBACK, 0), _Peer)
        self.lock = threading.Lock()
        self.units = units
        self.payment = payment
        self.calls: list[tuple[str, list[str], dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}"

    def answer(self, buyer: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        mutations = [each.split("(")[0] for _, each in vendure.STEPS if each in query]
        self.calls.append((buyer, mutations, variables))
        if self.payment == "error" and "addPaymentToOrder" in mutations:
            return {"errors": [{"message": "deadlock detected"}], "data": None}
        return {"data": {each: self._step(each) for each in mutations}}

    def _step(self, mutation: str) -> dict[str, str]:
        if mutation == "addItemToOrder":
            self.units -= 1
            if self.units < 0:
                return {"__typename": "InsufficientStockError",
                        "errorCode": "INSUFFICIENT_STOCK_ERROR", "message": "Only 0"}  # fmt: skip
        state = self.payment if mutation == "addPaymentToOrder" else "AddingItems"
        return {"__typename": "Order", "state": state}


@contextmanager
def a_peer(units: int = 1_000_000, payment: str = vendure.PAID) -> Iterator[_PeerServer]:
    with _PeerServer(units, payment) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()


def on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, *, node: str, npm: str) -> None:
    """Let `node` and `npm` be these scripts, and the only ones."""
    folder.mkdir()
    for name, script in (("node", node), ("npm", npm)):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_without_node_the_benchmark_is_skipped_with_a_sentence(tmp_path: Path) -> None:
    result = tmp_path / "bench.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.harness.bench", "peers", "--json", result],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    sentence = "peers: skipped. Node.js 20 or newer, with npm, is not on the PATH."
    assert done.returncode == 0, done.stderr
    assert sentence in done.stdout
    written = json.loads(result.read_text())
    assert (written["notes"], written["tables"]) == ([sentence], {})


@pytest.mark.parametrize(
    ("node", "npm", "reason"),
    [
        ("echo v18.20.1", "exit 0", "Node.js 20 or newer, with npm, is not on the PATH."),
        (
            "echo v20.0.0",
            "exit 1",
            "npm could not install what vendure/package-lock.json pins; its message is above.",
        ),
        ("echo v20.0.0", "exit 0", None),
    ],
)
def test_an_old_node_or_a_missing_registry_is_the_reason_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: str, npm: str, reason: str | None
) -> None:
    on_path(tmp_path / "bin", monkeypatch, node=node, npm=npm)
    assert vendure.why_not(tmp_path / "installed") == reason


def test_a_skipped_benchmark_starts_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendure, "why_not", lambda: "No registry.")
    monkeypatch.setattr(peers, "servers", lambda **_: pytest.fail("a server was started"))
    report = Report()
    peers.run(report, Namespace())
    assert (report.notes, report.figures) == (["peers: skipped. No registry."], {})


def test_the_catalogue_is_written_as_vendure_imports_it(tmp_path: Path) -> None:
    Catalogue(plenty=1, races=1, units=50, units_in_turn=5).write_csv(tmp_path / "products.csv")
    with (tmp_path / "products.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    written = [
        (each["name"], each["sku"], each["price"], each["stockOnHand"], each["trackInventory"])
        for each in found
    ]
    assert written == [
        ("Anvil 1", "0", "10.01", "1000000", "true"),
        ("Last anvils 1", "1", "10.00", "50", "true"),
        ("Last anvils in turn", "2", "10.00", "5", "true"),
    ]
    assert len({each["slug"] for each in found}) == 3


def test_an_order_of_vendure_is_five_requests_in_the_order_of_a_checkout() -> None:
    with a_peer() as peer:
        shop = vendure.Vendure([peer.url], "3")
        bought = race(shop, ["buyer"], "7")
    assert (bought.outcomes, shop.requests) == ({PLACED: 1}, 5)
    assert [mutations for _, mutations, _ in peer.calls] == [
        ["addItemToOrder"],
        ["setOrderShippingAddress"],
        ["setOrderShippingMethod"],
        ["transitionOrderToState"],
        ["addPaymentToOrder"],
    ]
    assert [sorted(variables) for *_, variables in peer.calls] == [
        ["variant"], ["address"], ["shipping"], ["state"], ["payment"]
    ]  # fmt: skip
    assert {buyer for buyer, *_ in peer.calls} == {"buyer"}


def test_an_order_at_once_is_one_request_with_the_same_five_mutations() -> None:
    with a_peer() as peer:
        shop = vendure.Vendure([peer.url], "3", at_once=True)
        bought = race(shop, ["buyer"], "7")
    [(_, mutations, variables)] = peer.calls
    assert (bought.outcomes, shop.requests) == ({PLACED: 1}, 1)
    assert mutations == [each.split("(")[0] for _, each in vendure.STEPS]
    assert sorted(variables) == ["address", "payment", "shipping", "state", "variant"]


def test_a_race_counts_placed_and_refused_orders_of_each_buyer_once() -> None:
    with a_peer(units=3) as one, a_peer(units=2) as two:
        shop = vendure.Vendure([one.url, two.url], "3")
        bought = race(shop, [f"buyer {n}" for n in range(14)], "7")
    assert bought.outcomes == {PLACED: 5, "INSUFFICIENT_STOCK_ERROR": 9}
    assert (bought.refused, bought.failed, len(bought.seconds)) == (9, 0, 5)
    for peer, own in ((one, 0), (two, 1)):
        buyers = {buyer for buyer, *_ in peer.calls}
        assert buyers == {f"buyer {n}" for n in range(own, 14, 2)}


@pytest.mark.parametrize("payment", ["error", "PaymentAuthorized"])
def test_an_order_whose_payment_failed_is_no_placed_order(payment: str) -> None:
    with a_peer(payment=payment) as peer:
        bought = race(vendure.Vendure([peer.url], "3"), ["a", "b", "c"], "7")
    assert (bought.failed, bought.refused, bought.seconds) == (3, 0, [])
    assert all(outcome.startswith("failed: RuntimeError") for outcome in bought.outcomes)


def test_a_shop_that_does_not_answer_is_counted_as_failed() -> None:
    with a_peer() as peer:
        url = peer.url
    bought = race(vendure.Vendure([url], "3"), ["a"], "7")
    assert (bought.failed, bought.outcomes[PLACED]) == (1, 0)


def test_buyers_in_turn_order_one_after_another() -> None:
    with a_peer(units=2) as peer:
        shop = vendure.Vendure([peer.url], "3", at_once=True)
        bought = in_turn(shop, ["a", "b", "c"], "7")
    assert bought.outcomes == {PLACED: 2, "INSUFFICIENT_STOCK_ERROR": 1}
    assert [buyer for buyer, *_ in peer.calls] == ["a", "b", "c"]


def test_steady_orders_are_made_by_every_client_with_its_own_buyers() -> None:
    with a_peer() as peer:
        shop = vendure.Vendure([peer.url], "3", at_once=True)
        bought = steady(shop, [["a", "b"], ["c"], ["d"]], ["7", "8"], 0.5)
    assert {buyer for buyer, *_ in peer.calls} == {"a", "b", "c", "d"}
    assert {variables["variant"] for *_, variables in peer.calls} == {"7", "8"}
    warm_up = 3 * 5
    assert len(bought.seconds) == bought.outcomes[PLACED] == len(peer.calls) - warm_up > 0
    assert bought.per_second == pytest.approx(bought.outcomes[PLACED] / 0.5, rel=0.6)


@pytest.mark.usefixtures("servers")
def test_units_sold_in_vendure_are_those_of_placed_orders_that_hold() -> None:
    with backends.own_database(os.environ["SUPERUSER_URL"]) as database:
        name = database.replace("/own_", "/vendures_")
        backends.run(database, f"CREATE DATABASE {name.rpartition('/')[2]}")
        try:
            for statement in VENDURES_TABLES.split(";"):
                backends.run(name, statement)
            assert vendure.sold(name, "7") == (2 + 1 + 4, 5 - 6 + 3 - 1)
            assert vendure.sold(name, "8") == (10_000, 50)
        finally:
            backends.run(database, f"DROP DATABASE {name.rpartition('/')[2]} WITH (FORCE)")


@pytest.mark.usefixtures("shop_environment")
def test_races_over_http_report_what_our_shop_sold_and_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.support.http_server import serve_api

    catalogue = Catalogue(plenty=1, races=2, units=2, units_in_turn=1)
    monkeypatch.setattr(peers, "CATALOGUE", catalogue)
    monkeypatch.setattr(peers, "RACERS", 5)
    monkeypatch.setattr(peers, "CLIENTS", 1)
    monkeypatch.setattr(peers, "BUYERS_OF_A_CLIENT", 1)
    monkeypatch.setattr(peers, "SECONDS", 1)
    monkeypatch.setattr(peers, "IN_TURN", 3)
    products, buyers = lastunit.seed(catalogue, 14)
    report = Report()
    with serve_api(workers=1) as url:
        shop = lastunit.Lastunit([url])
        ours = peers.Entrant("Lastunit", shop, 1, products, buyers, lastunit.sold)
        peers.races(report, [ours])
        peers.orders(report, [ours])
    found = [(each.what, each.values) for each in report.figures[peers.RACES]]
    for _, values in found:
        values.pop("slowest_placed_s")
    of_race = {"sold": 2, "left": 0, "answered": 2, "refused": 3, "failed": 0}
    of_turns = {"sold": 1, "left": 0, "answered": 1, "refused": 2, "failed": 0}
    assert found == [
        ("race 1, Lastunit", of_race),
        ("race 2, Lastunit", of_race),
        ("3 buyers in turn, Lastunit", of_turns),
    ]
    [steady_orders] = report.figures[peers.ORDERS]
    sold, left = lastunit.sold(products[0])
    warm_up = peers.ROUNDS * 5
    assert sold == steady_orders.values["orders"] + warm_up  # type: ignore[operator]
    assert (left, steady_orders.values["failed"]) == (1_000_000 - sold, 0)


@pytest.mark.usefixtures("shop_environment")
def test_a_cancelled_order_of_ours_has_sold_nothing() -> None:
    from tests.support.http_server import serve_api
    from tests.support.lambda_calls import call
    from tests.support.shop import rows

    catalogue = Catalogue(plenty=0, races=0, units=0, units_in_turn=5)
    [product], buyers = lastunit.seed(catalogue, 2)
    with serve_api(workers=1) as url:
        race(lastunit.Lastunit([url]), buyers, product)
    assert lastunit.sold(product) == (2, 3)
    sql = "SELECT order_id FROM order_line WHERE product_id = $1"
    order = rows(sql, product)[0].order_id
    statuses = [
        call(
            "order/cancel_order",
            "POST",
            f"/orders/{order}/cancellation",
            token=lastunit.signed(buyer),
        ).status
        for buyer in buyers
    ]
    assert sorted(statuses) == [200, 403]
    assert lastunit.sold(product) == (1, 4)
