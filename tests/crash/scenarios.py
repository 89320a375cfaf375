"""The use cases: what is there before, what is asked, and what may be answered.

A scenario says nothing of its steps, and nothing of its right end: the steps are recorded, and the
end of a run in which nothing happened is the right one.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from commerce.catalogue import catalogue
from commerce.like import ProductLiked
from commerce.payment.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from commerce.ranking.periods import Period, Span
from commerce.shared import clock
from commerce.shared.errors import Busy, Unavailable
from tests.crash.simulators import transactions
from tests.support.admin import edit_product, put_stripes
from tests.support.coupons import a_coupon, an_issued, issue, place_with
from tests.support.elsewhere import wait_until
from tests.support.envelopes import a_view, told
from tests.support.lambda_calls import (
    Answer,
    bus_message,
    call,
    function,
    lambda_context,
    sqs_event,
)
from tests.support.orders import cancel, deliver, events_of, place, ship
from tests.support.payments import (
    CALLBACKS,
    a_card_order,
    events_of_payments,
    pay,
    place_by_card,
    reconcile,
    statuses_of,
)
from tests.support.ranking import planned, publish, put, rank_chunks
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    an_admin,
    events_about,
    rows,
    set_stripes,
)

PRICE = 1_000
DONE, AGAIN = "done", "again"
QUEUE = frozenset({DONE})


@dataclass(frozen=True, slots=True)
class Case:
    """What one run of a scenario is about: ids and words that nobody else has."""

    buyer: Person
    admin: Person
    product: str
    key: str
    coupon: str = ""
    order: str = ""
    words: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A use case as its client, its queue or its clock sees it."""

    name: str
    arrange: Callable[[], Case]
    act: Callable[[Case], str]
    """Once: what was answered."""
    ends_with: frozenset[str]
    """What is answered, in the end, to who asks again and again."""
    is_tried_anew: bool = False
    """Whether a payment may be begun once more because the first try surely came to nothing."""
    is_said_once: bool = False
    """Whether nobody asks again, whatever the answer is."""


def _case(*, stock: int = 5, points: int = 0, stripes: int = 1, **more: Any) -> Case:
    case = Case(a_buyer(points), an_admin(), a_product(stock, PRICE), a_key(), **more)
    if stripes > 1:
        set_stripes(case.product, stripes)
    catalogue().cards([case.product])  # kept by the cache, so that changes have to reach it
    return case


def _answered(answer: Answer) -> str:
    return str(answer.status) if answer.status < 400 else f"{answer.status} {answer.json['code']}"


# --- requests -----------------------------------------------------------------------------------


def _sign_up(case: Case) -> str:
    body = {
        "login_id": case.key[:10],
        "password": "correct horse battery",
        "name": "Wile E. Coyote",
        "email": "wile@example.com",
        "birth_date": "1990-04-12",
        "gender": "OTHER",
    }
    return _answered(call("user/sign_up", "POST", "/users", body=body))


def _charge(case: Case) -> str:
    return _answered(
        call(
            "point/charge_points",
            "POST",
            "/users/me/points/charges",
            body={"amount": 700},
            token=case.buyer.token,
            key=case.key,
        )
    )


def _charge_without_its_key(case: Case) -> str:
    return _charge(tried_anew(case))


def _like(method: str) -> Callable[[Case], str]:
    name = "like/like_product" if method == "PUT" else "like/unlike_product"

    def act(case: Case) -> str:
        path = f"/products/{case.product}/like"
        return _answered(call(name, method, path, token=case.buyer.token, key=case.key))

    return act


def _a_liked_product() -> Case:
    case = _case()
    assert _like("PUT")(replace(case, key=a_key())) == "200"
    return case


def _place(case: Case) -> str:
    return _answered(place(case.buyer, (case.product, 2), key=case.key))


def _with_a_coupon() -> Case:
    case = _case(points=5_000, coupon=a_coupon(value=100))
    return replace(case, words={"copy": an_issued(case.buyer, case.coupon)})


def _place_with_a_coupon(case: Case) -> str:
    return _answered(place_with(case.buyer, case.words["copy"], (case.product, 2), key=case.key))


def _place_by_card(case: Case) -> str:
    return _answered(place_by_card(case.buyer, (case.product, 1), points=300, key=case.key))


def _ordered(stock: int = 5, stripes: int = 1) -> Case:
    case = _case(points=5_000, stock=stock, stripes=stripes)
    answer = place(case.buyer, (case.product, 2))
    assert answer.status == 201, answer.json
    return replace(case, order=answer.json["order_id"])


def _shipped() -> Case:
    case = _ordered()
    assert _ship(case) == "200"
    return case


def _to_be_paid() -> Case:
    case = _case()
    return replace(case, order=a_card_order(case.buyer, case.product))


def _charged() -> Case:
    """The gateway has charged the card; nobody has told us yet."""
    case = _to_be_paid()
    assert pay(case.buyer, case.order).status == 201
    wait_until(lambda: [each["status"] for each in transactions(case.order)] == ["SUCCESS"])
    return replace(case, words={"transaction": transactions(case.order)[0]})


def _confirmed_by_card() -> Case:
    case = _charged()
    reconcile()
    assert statuses_of(case.order) == ["SUCCEEDED"]
    _consume_all(case, "PaymentSucceeded", "order/on_payment_succeeded")
    return case


def _consume_all(case: Case, type_: str, name: str) -> None:
    for envelope in events_of_payments(case.order):
        if envelope["type"] == type_:
            assert _hand(name, envelope) == DONE


def _pay(case: Case) -> str:
    return _answered(pay(case.buyer, case.order, key=case.key))


def _callback(case: Case) -> str:
    body = json.dumps(
        {
            name: case.words["transaction"][name]
            for name in ("transactionKey", "status", "reason", "orderId", "cardType", "cardNo",
                         "amount", "refund")
        }
    ).encode()  # fmt: skip
    timestamp = str(int(clock.now().timestamp()))
    headers = {
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: sign(timestamp, body, os.environ["GATEWAY_SECRET"]),
    }
    return _answered(
        call("payment/receive_callback", "POST", CALLBACKS, raw_body=body.decode(), headers=headers)
    )


def _cancel(case: Case) -> str:
    return _answered(cancel(case.buyer, case.order, key=case.key))


def _ship(case: Case) -> str:
    return _answered(ship(case.admin, case.order))


def _deliver(case: Case) -> str:
    return _answered(deliver(case.admin, case.order))


def _issue(case: Case) -> str:
    return _answered(issue(case.buyer, case.coupon))


def _stripe(case: Case) -> str:
    return _answered(put_stripes(case.product, 4, case.admin))


def _in_a_rush() -> Case:
    """A product that was ordered thrice in a minute, which no other case's was."""
    case = _case(points=6_000, stock=80)
    assert {_place(replace(case, key=a_key())) for _ in range(3)} == {"201"}
    return case


def _follow_the_rush(case: Case) -> str:
    os.environ["HOT_SALES_PER_MINUTE"] = "3"
    return _by_clock("product/every_minute_stripe")(case)


# --- consumers, and what the clock calls --------------------------------------------------------


def _hand(name: str, envelope: Mapping[str, Any], receive_count: int = 1) -> str:
    message = sqs_event(bus_message(envelope), receive_count=receive_count)
    answer = function(name)(message, lambda_context(60))
    return AGAIN if answer["batchItemFailures"] else DONE


def _consuming(name: str) -> Callable[[Case], str]:
    return lambda case: _hand(name, case.words["envelope"])


def _nudged(name: str) -> Callable[[Case], str]:
    def act(_: Case) -> str:
        answer = function(name)(sqs_event({"trace_id": "t"}), lambda_context(60))
        return AGAIN if answer["batchItemFailures"] else DONE

    return act


def _by_clock(name: str, event: Callable[[Case], Any] = lambda _: {}) -> Callable[[Case], str]:
    """A function that may raise what passes: the clock, or the state machine, calls it again."""

    def act(case: Case) -> str:
        try:
            function(name)(event(case), lambda_context(60))
        except (Unavailable, Busy):
            return AGAIN
        return DONE

    return act


def _told_of(case: Case, type_: str) -> Case:
    """The case with the newest event of a type that its order or its payments have told."""
    found = [*map(dict, events_of(case.order)), *events_of_payments(case.order)]
    return replace(case, words={"envelope": [each for each in found if each["type"] == type_][-1]})


def _a_confirmed_order() -> Case:
    return _told_of(_ordered(), "OrderConfirmed")


def _a_cancelled_order() -> Case:
    case = _ordered()
    confirmed = _told_of(case, "OrderConfirmed").words["envelope"]
    assert _hand("shipping/on_order_confirmed", confirmed) == DONE
    assert _cancel(case) == "200"
    return _told_of(case, "OrderCancelled")


def _a_like_to_count() -> Case:
    case = _a_liked_product()
    [envelope] = events_about(case.product, ProductLiked.__name__)
    return replace(case, words={"envelope": envelope})


def _a_view_to_log() -> Case:
    case = _case()
    return replace(case, words={"envelope": told(a_view(case.product))})


def _a_sold_out_product() -> Case:
    case = _case(stock=2, points=5_000)
    assert _place(replace(case, key=a_key())) == "201"
    [envelope] = events_about(case.product, "StockSoldOut")
    return replace(case, words={"envelope": envelope})


def _an_edited_product() -> Case:
    case = _case()
    assert edit_product(case.product, case.admin, price_amount=PRICE + 1).status == 200
    [envelope] = events_about(case.product, "ProductChanged")
    return replace(case, words={"envelope": envelope})


def _a_charge_to_hear_of() -> Case:
    case = _charged()
    reconcile()
    return _told_of(case, "PaymentSucceeded")


def _a_card_to_refund() -> Case:
    case = _confirmed_by_card()
    assert _cancel(case) == "200"
    return _told_of(case, "OrderCancelled")


def _expired() -> Case:
    case = _to_be_paid()
    rows("UPDATE orders SET expires_at = now() WHERE id = $1", case.order)
    return case


def _a_week_to_rank() -> Case:
    case = _case()
    [runs] = rows("SELECT count(*) AS n FROM ranking_run")  # so that no two are of one week
    first = date(1000, 1, 6) + timedelta(weeks=int(runs.n))
    span = Span.containing(Period.WEEKLY, first)
    put(span.first_day, UUID(case.product), views=3)
    return replace(case, words={"span": span, "plan": planned(span)})


def _a_week_to_publish() -> Case:
    case = _a_week_to_rank()
    for each in rank_chunks(case.words["plan"]):
        each()
    return case


def _rank_chunk(case: Case) -> dict[str, Any]:
    plan = case.words["plan"]
    return {"execution": "e", "run_id": plan["run_id"], "number": plan["chunks"][0]}


def _publish(case: Case) -> dict[str, Any]:
    return {"execution": "e", "run_id": case.words["plan"]["run_id"]}


def finish_the_week(case: Case) -> None:
    """What the state machine does after the task that is looked at."""
    publish(case.words["plan"])


def tried_anew(case: Case) -> Case:
    """The same wish after a try that surely came to nothing: a new one to the shop."""
    return replace(case, key=a_key())


_DEALT_OUT = {"stock": 40, "stripes": 4}
CREATED, OK = frozenset({"201"}), frozenset({"200"})

SCENARIOS = {
    each.name: each
    for each in (
        Scenario("sign_up", _case, _sign_up, CREATED | {"409 LOGIN_ID_TAKEN"}),
        Scenario("charge", _case, _charge, CREATED),
        Scenario("like", _case, _like("PUT"), OK),
        Scenario("unlike", _a_liked_product, _like("DELETE"), OK),
        Scenario("place_point", lambda: _case(points=5_000), _place, CREATED),
        Scenario("place_coupon", _with_a_coupon, _place_with_a_coupon, CREATED),
        Scenario("place_card", lambda: _case(points=5_000), _place_by_card, CREATED),
        Scenario("place_striped", lambda: _case(points=5_000, **_DEALT_OUT), _place, CREATED),
        Scenario(
            "place_striped_card", lambda: _case(points=5_000, **_DEALT_OUT), _place_by_card, CREATED
        ),
        # As many stripes as are not worth dealing out to: each order gathers, and deals.
        Scenario("place_gathered", lambda: _case(points=5_000, stripes=4), _place, CREATED),
        Scenario("cancel_striped", lambda: _ordered(**_DEALT_OUT), _cancel, OK),
        Scenario("stripe", lambda: _case(stock=40), _stripe, OK),
        Scenario("stripe_rush", _in_a_rush, _follow_the_rush, QUEUE),
        Scenario("pay", _to_be_paid, _pay, CREATED, is_tried_anew=True),
        Scenario("callback", _charged, _callback, OK, is_said_once=True),
        Scenario("cancel_point", _ordered, _cancel, OK),
        Scenario("cancel_card", _confirmed_by_card, _cancel, OK),
        Scenario("ship", _ordered, _ship, OK | {"409 ORDER_NOT_SHIPPABLE"}),
        Scenario("deliver", _shipped, _deliver, OK | {"409 ORDER_NOT_DELIVERABLE"}),
        Scenario(
            "issue_coupon", lambda: _case(coupon=a_coupon(total_quantity=3)), _issue, OK | CREATED
        ),
        Scenario("expire", _expired, _by_clock("order/every_minute_expire"), QUEUE),
        Scenario("relay_nudged", _ordered, _nudged("outbox/on_events_recorded"), QUEUE),
        Scenario("relay_minute", _ordered, _by_clock("outbox/every_minute_relay"), QUEUE),
        Scenario(
            "tell_confirmed", _a_confirmed_order, _consuming("shipping/on_order_confirmed"), QUEUE
        ),
        Scenario(
            "tell_cancelled", _a_cancelled_order, _consuming("shipping/on_order_cancelled"), QUEUE
        ),
        Scenario("count_like", _a_like_to_count, _consuming("product/on_like_changed"), QUEUE),
        Scenario(
            "add_metrics", _a_confirmed_order, _consuming("metrics/on_product_activity"), QUEUE
        ),
        Scenario("rank_order", _a_confirmed_order, _consuming("ranking/on_ranked_activity"), QUEUE),
        Scenario(
            "refresh_cards", _a_sold_out_product, _consuming("product/on_stock_turned"), QUEUE
        ),
        Scenario(
            "renew_product", _an_edited_product, _consuming("product/on_catalogue_changed"), QUEUE
        ),
        Scenario(
            "confirm_paid", _a_charge_to_hear_of, _consuming("order/on_payment_succeeded"), QUEUE
        ),
        Scenario(
            "refund_card", _a_card_to_refund, _consuming("payment/on_paid_order_cancelled"), QUEUE
        ),
        Scenario("log_action", _a_view_to_log, _consuming("user/on_user_acted"), QUEUE),
        Scenario(
            "reconcile_payments", _charged, _by_clock("payment/every_minute_reconcile"), QUEUE
        ),
        Scenario(
            "rank_chunk", _a_week_to_rank, _by_clock("ranking/rank_chunk", _rank_chunk), QUEUE
        ),
        Scenario(
            "publish_ranks", _a_week_to_publish, _by_clock("ranking/publish_ranks", _publish), QUEUE
        ),
    )
}
"""Every use case that `make faults` goes through."""

KNOWN_BAD = {
    each.name: each
    for each in (Scenario("charge_without_its_key", _case, _charge_without_its_key, CREATED),)
}
"""What must be found not to hold: a client that takes a new key to ask again is charged twice."""
