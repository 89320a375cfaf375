"""An order's timeline: its history, events, notices, acts, dead letters and log lines in order."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from commerce.app.messaging import relay
from commerce.app.operations import order_timeline as module
from commerce.runtime.aws import client
from commerce.shared.scopes import Scope
from tests.support.dead_letters import DeadQueue, an_order_message
from tests.support.delivery import Delivery
from tests.support.operations import NAME, a_console_queue, order_timeline
from tests.support.orders import an_order, cancel, resend_notice, ship
from tests.support.shop import a_buyer, a_product, an_admin, staff_with

pytestmark = pytest.mark.usefixtures("shop_environment")

REASON = "The delivery system lost a day of notices"


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    return a_console_queue(monkeypatch)


@pytest.fixture
def order_id(dead: DeadQueue) -> str:
    return an_order(a_buyer(points=10_000), (a_product(stock=5, price=100), 1))


Search = Callable[..., Any]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Callable[[Search], None]:
    """Let searches of the log be answered by the test."""

    def answer(search: Search) -> None:
        monkeypatch.setattr(client("logs", attempts=1), "filter_log_events", search)

    return answer


def entries(order_id: str, kind: str) -> list[dict[str, Any]]:
    answer = order_timeline(order_id)
    assert answer.status == 200
    return [each for each in answer.json["entries"] if each["kind"] == kind]


def test_all_that_is_known_of_an_order_is_in_the_order_of_time(
    dead: DeadQueue, delivery: Delivery, order_id: str, log: Callable[[Search], None]
) -> None:
    admin = an_admin()
    log(lambda **_: {"events": []})
    resend_notice(admin, order_id, REASON)
    ship(admin, order_id, reason="The carrier has it")
    [id_] = dead.fill(an_order_message(order_id))
    answer = order_timeline(order_id)
    found = answer.json["entries"]
    assert answer.json["is_complete"] is True
    assert [each["at"] for each in found] == sorted(each["at"] for each in found)
    assert Counter((each["kind"], each["what"]) for each in found) == Counter(
        [
            ("HISTORY", "CONFIRMED"), ("HISTORY", "SHIPPED"),
            ("EVENT", "OrderPlaced"), ("EVENT", "OrderConfirmed"), ("EVENT", "OrderShipped"),
            ("NOTICE", "ORDER"), ("ACT", "resend notice"), ("ACT", "ship order"),
            ("DEAD_LETTER", "OrderConfirmed"),
        ]
    )  # fmt: skip
    acts = {each["what"]: (each["detail"], each["by"]) for each in found if each["kind"] == "ACT"}
    assert acts["resend notice"] == (REASON, f"admin:{admin.user_id}")
    [letter] = [each for each in found if each["kind"] == "DEAD_LETTER"]
    assert (letter["id"], letter["by"]) == (id_, NAME)
    assert dead.dead_letters() == Counter([an_order_message(order_id)])  # looking takes nothing


@pytest.mark.usefixtures("own_shop")  # no other test's relay publishes it
def test_an_event_says_whether_the_bus_has_taken_it(order_id: str, log: Any) -> None:
    log(lambda **_: {"events": []})
    assert {each["detail"] for each in entries(order_id, "EVENT")} == {"waits for the bus"}
    relay().run()
    assert {each["detail"] for each in entries(order_id, "EVENT")} == {"published"}


def test_events_and_dead_letters_of_another_order_are_left_out(
    dead: DeadQueue, order_id: str, log: Any
) -> None:
    log(lambda **_: {"events": []})
    other = an_order(a_buyer(points=10_000), (a_product(stock=5, price=100), 1))
    dead.fill(an_order_message(other))
    ids = [{each["id"] for each in entries(one, "EVENT")} for one in (order_id, other)]
    assert all(ids)
    assert ids[0].isdisjoint(ids[1])
    assert entries(order_id, "DEAD_LETTER") == []


def test_log_lines_are_found_by_the_order_and_by_the_traces_of_its_events(
    order_id: str, log: Any
) -> None:
    traces = {each["trace_id"] for each in entries(order_id, "EVENT")}
    line = {
        "message": "message failed",
        "function_name": "on_order_confirmed",
        "correlation_id": "t-1",
        "exception": "Traceback …\ncommerce.DeliverySystemFailed: HTTP 503\n",
    }
    searched = set[str]()

    def search(filterPattern: str, **_: Any) -> Any:  # noqa: N803
        searched.add(filterPattern)
        return {
            "events": [
                {"eventId": "1", "timestamp": 1_900_000_000_000, "message": json.dumps(line)},
                {"eventId": "2", "timestamp": 1_900_000_000_001, "message": "Task timed out"},
            ]
        }

    log(search)
    found = entries(order_id, "LOG")
    assert searched == {f'"{each}"' for each in (order_id, *traces)}
    assert [(each["what"], each["detail"], each["by"], each["trace_id"]) for each in found] == [
        ("message failed", "commerce.DeliverySystemFailed: HTTP 503", "on_order_confirmed", "t-1"),
        ("Task timed out", "", "", ""),
    ]  # each once, though every search finds both


def test_a_log_that_cannot_be_read_leaves_the_rest(order_id: str, log: Any) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "Throttled", "Message": ""}}, "FilterLogEvents")

    log(refuse)
    answer = order_timeline(order_id)
    assert (answer.status, answer.json["is_complete"]) == (200, False)
    assert {each["kind"] for each in answer.json["entries"]} == {"HISTORY", "EVENT"}


def test_a_search_that_is_out_of_time_says_so(
    dead: DeadQueue, order_id: str, log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(lambda **_: {"events": []})
    dead.fill(an_order_message(order_id))
    monkeypatch.setattr(module, "SEARCH_SECONDS", 0.0)
    assert order_timeline(order_id).json["is_complete"] is False


def test_a_timeline_needs_the_scope_ops_and_an_order(order_id: str) -> None:
    others = staff_with(*(each for each in Scope if each not in ("ops", "admin")))
    assert order_timeline(order_id, others).json["code"] == "MISSING_SCOPE"
    assert order_timeline("no-such-order").json["code"] == "ORDER_NOT_FOUND"


def test_what_a_buyer_wrote_is_not_in_the_timeline(order_id: str, log: Any) -> None:
    log(lambda **_: {"events": []})
    buyer = a_buyer(points=10_000)
    own = an_order(buyer, (a_product(stock=5, price=100), 1))
    assert cancel(buyer, own, body={"reason": "My divorce"}).status == 200
    [cancelled] = [each for each in entries(own, "HISTORY") if each["what"] == "CANCELLED"]
    assert (cancelled["detail"], cancelled["by"]) == ("", f"user:{buyer.user_id}")


def test_a_timeline_with_more_log_than_it_shows_says_so(order_id: str, log: Any) -> None:
    def line(number: int) -> dict[str, Any]:
        return {"eventId": str(number), "timestamp": 0, "message": "{}"}

    log(lambda **_: {"events": [line(number) for number in range(module.MAX_LINES + 1)]})
    answer = order_timeline(order_id)
    assert len([each for each in answer.json["entries"] if each["kind"] == "LOG"]) == 100
    assert answer.json["is_complete"] is False
