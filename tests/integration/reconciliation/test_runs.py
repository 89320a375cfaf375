"""Scheduled reconciliation: what each run covers, and what operators see of it."""

import json
from datetime import timedelta
from typing import Any

import pytest

from commerce.app.reconciliation import reconciler
from commerce.app.reconciliation.runs import boards, runner
from commerce.app.reconciliation.runs.model import FULL_LATE_AFTER
from commerce.runtime import business_time
from commerce.shared import clock
from commerce.shared.errors import Busy
from infra.ops.__main__ import main
from tests.support.books import alter_stock, books, check_books, let_pass, rules
from tests.support.envelopes import a_view, envelope_of
from tests.support.lambda_calls import bus_message, function, lambda_context, sqs_event
from tests.support.orders import an_order
from tests.support.rankings import deliver, server
from tests.support.shop import a_buyer, a_product, rows
from tests.support.time_travel import earlier
from tests.support.valkey import forget_valkey

pytestmark = pytest.mark.usefixtures("own_shop")

STOCK = "STOCK_IS_THE_SUM_OF_ITS_MOVEMENTS"
ON_HAND = "ON_HAND_IS_THE_SUM_OF_ITS_MOVEMENTS"
FULFILMENT = "DELIVERY_SYSTEM_WAS_GIVEN_THE_ORDER"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let last night be half a day ago, so that no run made older falls before it."""
    now = clock.now().astimezone(business_time.zone())
    monkeypatch.setattr(runner, "NIGHTLY_HOUR", (now.hour + 12) % 24)


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an incremental run look back to the last one and no further."""
    monkeypatch.setattr(runner, "_MARGIN", 0)
    monkeypatch.setattr(runner, "OVERLAP", timedelta(0))


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no event be on its way that would explain a board that differs."""
    monkeypatch.setattr(boards, "SETTLED_AFTER_SECONDS", 0.0)


def gauges(written: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in written.splitlines():
        if '"_aws"' in line:
            found |= json.loads(line)
    return found


def view_products(*products: str) -> None:
    """Let a view of each be counted by the metrics and on the boards."""
    envelopes = [envelope_of(a_view(each), at=clock.rfc3339(clock.now())) for each in products]
    event = sqs_event(*map(bus_message, envelopes))
    answer = function("metrics/on_product_activity")(event, lambda_context())
    assert answer == {"batchItemFailures": []}
    assert deliver(*envelopes) == []


def test_books_that_were_never_checked_are_late() -> None:
    found = books()
    assert (found["last"], found["last_full"], found["is_late"]) == (None, None, True)


def test_books_that_hold_are_shown_with_what_was_checked() -> None:
    an_order(a_buyer(points=1_000), (a_product(stock=5, price=100), 1))
    answer = check_books()
    assert (answer["findings"], answer["is_complete"]) == ([], True)
    found = books()
    assert (found["is_late"], found["findings_count"], found["findings"]) == (False, 0, [])
    for run, kind in ((found["last"], "INCREMENTAL"), (found["last_full"], "FULL")):
        assert (run["kind"], run["is_complete"], run["findings"]) == (kind, True, 0)
        assert [run[name] for name in ("products", "accounts", "orders")] == [1, 1, 1]
        assert [run[name] for name in ("coupons", "drops")] == [0, 0]
    assert (found["last"]["boards"], found["last_full"]["boards"]) == (0, None)


def test_books_are_late_after_fifteen_minutes_without_a_run() -> None:
    check_books()
    let_pass(timedelta(minutes=14))
    assert books()["is_late"] is False
    let_pass(timedelta(minutes=2))
    assert books()["is_late"] is True


def test_a_stock_row_altered_by_hand_is_measured_and_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    products = [a_product(stock=10) for _ in range(3)]
    check_books()
    assert gauges(capsys.readouterr().out)["BooksFindings"] == [0.0]
    alter_stock(products[1], 3)
    check_books()
    measured = gauges(capsys.readouterr().out)
    assert measured["BooksFindings"] == [2.0]
    assert measured["BooksAgeSeconds"][0] < 300
    assert measured["FullReconciliationAgeSeconds"][0] < 300
    found = books()
    assert found["findings_count"] == 2
    first = found["findings"][0]
    assert (first["rule"], first["runbook"]) == (STOCK, "books-do-not-hold.md")
    assert first["words"] == f"{STOCK}: product_id {products[1]}, stock 13, movements 10"
    assert first["command"] == 'make ops ARGS="reconcile"'


def test_a_finding_stands_until_it_is_mended_though_nothing_changes(exact: None) -> None:
    product = a_product(stock=10)
    check_books()
    alter_stock(product, 3)
    check_books()
    for _ in range(2):
        let_pass(HOUR)
        check_books()
        assert rules() == [STOCK, ON_HAND]
    alter_stock(product, -3)
    check_books()
    assert (rules(), books()["is_late"]) == ([], False)


def test_an_incremental_run_looks_at_what_changed_and_no_more(exact: None) -> None:
    buyer, products = a_buyer(points=1_000), [a_product(stock=10, price=10) for _ in range(3)]
    an_order(buyer, (products[0], 1))
    check_books()
    rows("UPDATE outbox SET published_at = now() - interval '2 hours'")
    assert check_books()["checked"]["products"] == 0
    rows("UPDATE outbox SET published_at = now() - interval '2 hours'")
    an_order(buyer, (products[1], 1))
    rows("UPDATE outbox SET published_at = now() WHERE published_at IS NULL")
    checked = check_books()["checked"]
    assert (checked["products"], checked["accounts"], checked["orders"]) == (1, 1, 1)


def test_what_only_a_full_run_covers_is_found_at_night_and_stands(exact: None) -> None:
    buyer, product = a_buyer(points=1_000), a_product(stock=5, price=100)
    with earlier(days=2):
        order_id = an_order(buyer, (product, 1))
    rows("INSERT INTO shipment_notice VALUES ($1, 'ORDER', now())", order_id)
    rows("UPDATE outbox SET published_at = now() - interval '2 days'")
    check_books()
    rows("UPDATE orders SET total_amount = total_amount + 7 WHERE id = $1", order_id)
    check_books()
    assert rules() == []
    let_pass(timedelta(days=1))
    check_books()
    assert "ORDER_COSTS_WHAT_ITS_LINES_COST" in rules()
    let_pass(HOUR)
    check_books()
    assert "ORDER_COSTS_WHAT_ITS_LINES_COST" in rules()


def test_a_full_run_goes_on_where_its_time_ran_out(monkeypatch: pytest.MonkeyPatch) -> None:
    products = [a_product(stock=10) for _ in range(5)]
    alter_stock(sorted(products)[4], 1)
    monkeypatch.setattr(reconciler, "CHUNK", 2)
    monkeypatch.setattr(runner, "FULL_SECONDS", 0.0)
    ended: list[bool] = []
    while not ended or not ended[-1]:
        ended.append(check_books()["full_run_ended"])
    assert len(ended) == 4  # three chunks of products, and the end
    [run] = rows(
        "SELECT checked, findings, is_complete FROM reconciliation_run WHERE kind = 'FULL'"
    )
    assert (run.checked["products"], run.is_complete) == (5, True)
    assert [each["rule"] for each in run.findings] == [STOCK, ON_HAND]


def test_one_full_run_begins_each_night() -> None:
    for _ in range(2):
        check_books()
        assert full_runs() == 1
    let_pass(timedelta(days=1))
    for _ in range(2):
        check_books()
        assert full_runs() == 2


def test_an_incremental_run_without_time_is_not_complete(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        a_product(stock=10)
    monkeypatch.setattr(reconciler, "CHUNK", 1)
    monkeypatch.setattr(runner, "INCREMENTAL_SECONDS", 0.0)
    assert check_books()["is_complete"] is False
    assert "BooksAgeSeconds" not in gauges(capsys.readouterr().out)
    assert books()["is_late"] is True


def test_a_first_full_run_that_is_never_completed_ages_until_its_alarm_rings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        a_product(stock=10)
    monkeypatch.setattr(reconciler, "CHUNK", 1)
    monkeypatch.setattr(runner, "FULL_SECONDS", 0.0)
    check_books()
    assert gauges(capsys.readouterr().out)["FullReconciliationAgeSeconds"][0] < 300
    let_pass(29 * HOUR)
    a_product(stock=10)
    check_books()
    aged = gauges(capsys.readouterr().out)["FullReconciliationAgeSeconds"][0]
    assert aged >= 29 * 3600 > FULL_LATE_AFTER.total_seconds()
    monkeypatch.setattr(runner, "FULL_SECONDS", 60.0)
    check_books()
    check_books()
    assert gauges(capsys.readouterr().out)["FullReconciliationAgeSeconds"][0] < 29 * 3600


def full_runs() -> int:
    return len(rows("SELECT id FROM reconciliation_run WHERE kind = 'FULL'"))


def test_what_more_changed_than_a_run_may_hold_is_left_to_a_full_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(3):
        a_product(stock=10)
    monkeypatch.setattr(reconciler, "MAX_CHANGED", 2)
    monkeypatch.setattr(runner, "MAX_CHANGED", 2)
    answer = check_books()
    assert (answer["checked"]["products"], answer["is_complete"]) == (2, True)
    let_pass(timedelta(minutes=70))
    check_books()
    assert full_runs() == 2
    check_books()
    assert full_runs() == 2  # at most one in an hour


def test_a_full_run_begins_at_once_after_a_long_pause() -> None:
    check_books()
    let_pass(timedelta(minutes=50))
    check_books()
    assert full_runs() == 1
    let_pass(timedelta(minutes=70))
    assert check_books()["is_complete"]
    assert full_runs() == 2


def test_a_finding_stands_through_a_run_that_did_not_reach_it(
    exact: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = an_order(a_buyer(points=1_000), (a_product(stock=5, price=100), 1))
    for _ in range(2):
        a_product(stock=10)
    rows("INSERT INTO shipment_notice VALUES ($1, 'ORDER', now())", order_id)
    rows("UPDATE orders SET total_amount = total_amount + 7 WHERE id = $1", order_id)
    check_books()
    found = rules()
    assert "ORDER_COSTS_WHAT_ITS_LINES_COST" in found
    with monkeypatch.context() as patched:
        patched.setattr(reconciler, "CHUNK", 1)
        patched.setattr(runner, "INCREMENTAL_SECONDS", 0.0)
        rows("UPDATE stock SET version = version + 1")  # there are products to look at first
        assert check_books()["is_complete"] is False
    assert rules() == found
    rows("UPDATE outbox SET published_at = now() - interval '2 hours'")
    check_books()
    assert rules() == found


def test_a_book_of_which_a_statement_takes_too_long_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alter_stock(a_product(stock=10), 3)
    of = reconciler.Reconciler.changed

    def slow(self: reconciler.Reconciler, name: str, **since: Any) -> Any:
        if name == "products":
            raise Busy
        return of(self, name, **since)

    monkeypatch.setattr(reconciler.Reconciler, "changed", slow)
    answer = check_books()
    assert answer["is_complete"] is False
    assert answer["checked"].keys() >= {"accounts", "orders", "coupons", "drops"}
    assert rules() == [STOCK, ON_HAND]  # of the full run


def test_a_full_run_that_fails_does_not_stop_the_incremental_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(runner, "_due_full_run", fail)
    answer = check_books()
    assert (answer["is_complete"], answer["full_run_ended"]) == (True, False)


def test_a_paid_order_that_delivery_was_not_given_is_found_after_ten_minutes(
    exact: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "OVERLAP", timedelta(minutes=20))
    order_id = an_order(a_buyer(points=1_000), (a_product(stock=5, price=100), 1))
    check_books()
    assert rules() == []
    rows("UPDATE order_history SET at = at - interval '11 minutes'")
    let_pass(timedelta(minutes=11))
    check_books()
    [found] = books()["findings"]
    assert found["words"] == f"{FULFILMENT}: order_id {order_id}, status CONFIRMED"
    assert found["runbook"] == "shipment-notice-failed.md"
    rows("INSERT INTO shipment_notice VALUES ($1, 'ORDER', now())", order_id)
    check_books()
    assert rules() == []


def test_an_emptied_valkey_is_found_and_mended_by_the_command_that_is_named(
    no_pause: None, capsys: pytest.CaptureFixture[str]
) -> None:
    products = [a_product(stock=5) for _ in range(3)]
    view_products(*products)
    check_books()
    assert (rules(), books()["last"]["boards"]) == ([], 3)
    with server() as valkey:
        valkey.flushdb()
    view_products(products[0])
    check_books()
    [found] = books()["findings"]
    assert (found["rule"], found["runbook"]) == (boards.RULE, "rankings-lost.md")
    assert "compared 3, missing 2" in found["words"]
    assert found["command"] == 'make ops ARGS="ranking rebuild"'
    assert main(["ranking", "rebuild", "--json"]) == 0
    check_books()
    assert rules() == []


def test_a_board_that_counts_otherwise_in_two_runs_is_found(no_pause: None) -> None:
    product = a_product(stock=5)
    view_products(product)
    rows("UPDATE product_metrics_daily SET likes = 500 WHERE product_id = $1", product)
    check_books()
    assert rules() == []  # an event may be on its way, as a consumer tries it again
    check_books()
    [found] = books()["findings"]
    assert "missing 0, different 1" in found["words"]
    rows("UPDATE product_metrics_daily SET likes = 0 WHERE product_id = $1", product)
    check_books()
    assert rules() == []


def test_a_finding_of_a_board_stands_while_valkey_does_not_answer(
    no_pause: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = a_product(stock=5)
    view_products(product)
    with server() as valkey:
        valkey.flushdb()
    check_books()
    assert rules() == [boards.RULE]
    with monkeypatch.context() as patched:
        patched.setenv("VALKEY_URL", "redis://127.0.0.1:1/0")
        forget_valkey()
        check_books()
        assert rules() == [boards.RULE]
    forget_valkey()


def test_a_board_that_has_yet_to_count_an_event_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    product = a_product(stock=5)
    envelope = envelope_of(a_view(product), at=clock.rfc3339(clock.now()))
    event = sqs_event(bus_message(envelope))
    function("metrics/on_product_activity")(event, lambda_context())
    monkeypatch.setattr(
        "commerce.app.reconciliation.runs.boards.time.sleep", lambda _: deliver(envelope)
    )
    check_books()
    assert rules() == []


def test_without_valkey_boards_are_not_said_to_be_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("VALKEY_URL", "redis://127.0.0.1:1/0")
        forget_valkey()
        check_books()
        assert books()["last"]["boards"] is None
    forget_valkey()
    check_books()
    assert books()["last"]["boards"] == 0
