"""The use cases: what exists before, which call is made, and which answers it may end with.

A scenario says nothing of its steps, and nothing of its right end: the steps are recorded, and the
end of a run in which nothing happened is the right one.
"""

import json
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from uuid import UUID

from commerce.like import ProductLiked
from commerce.payment import MAX_DECLINES
from commerce.payment.signature import CALLBACK_HEADERS
from commerce.shared import clock
from tests.harness.crash import (
    admins,
    console,
    drops,
    operators,
    points,
    rankings,
    returns,
    shoppers,
    staff,
)
from tests.harness.crash.cases import (
    CREATED,
    DONE,
    OK,
    PRICE,
    QUEUE,
    Case,
    Scenario,
    a_case,
    answered,
    by_clock,
    consume,
    consuming,
    nudged,
    ordered,
    with_newest_event,
)
from tests.harness.crash.recovery import triggers
from tests.harness.crash.simulators import let_the_next_card_be_declined, transactions
from tests.support.admin import edit_product, put_stripes
from tests.support.coupons import a_coupon, an_issued, issue, place_with
from tests.support.envelopes import a_view, envelope_of
from tests.support.lambda_calls import call
from tests.support.mails import a_bounce, report_feedback, requests_of
from tests.support.orders import cancel, deliver, place, resend_notice, ship
from tests.support.other_connection import wait_until
from tests.support.payments import (
    CALLBACKS,
    events_of_payments,
    pay,
    payments_of,
    place_by_card,
    reconcile,
    statuses_of,
    sync,
)
from tests.support.shop import a_key, events_about, rows

# --- requests -----------------------------------------------------------------------------------


def _sign_up(case: Case) -> str:
    return answered(shoppers.sign_up(case.key[:10]))


def _charge(case: Case) -> str:
    return answered(
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
    return _charge(with_new_key(case))


def _like(method: str) -> Callable[[Case], str]:
    name = "like/like_product" if method == "PUT" else "like/unlike_product"

    def act(case: Case) -> str:
        path = f"/products/{case.product}/like"
        return answered(call(name, method, path, token=case.buyer.token, key=case.key))

    return act


def _a_liked_product() -> Case:
    case = a_case()
    assert _like("PUT")(replace(case, key=a_key())) == "200"
    return case


def _place(case: Case) -> str:
    return answered(place(case.buyer, (case.product, 2), key=case.key))


def _with_a_coupon() -> Case:
    case = a_case(points=5_000, coupon=a_coupon(value=100))
    return replace(case, words={"copy": an_issued(case.buyer, case.coupon)})


def _limited() -> Case:
    """A product of which one buyer may have just what the case orders."""
    case = a_case(points=5_000)
    rows("UPDATE product SET max_per_buyer = 2 WHERE id = $1", case.product)
    return case


def _place_with_a_coupon(case: Case) -> str:
    return answered(place_with(case.buyer, case.words["copy"], (case.product, 2), key=case.key))


def _place_by_card(case: Case) -> str:
    return answered(place_by_card(case.buyer, (case.product, 1), points=300, key=case.key))


def _shipped() -> Case:
    case = ordered()
    assert _ship(case) == "200"
    return case


def _to_be_paid(units: int = 1) -> Case:
    case = a_case()
    placed = place_by_card(case.buyer, (case.product, units))
    return replace(case, order=str(placed.json["order_id"]))


def _charged(units: int = 1) -> Case:
    """The gateway has charged the card; no callback has arrived."""
    case = _to_be_paid(units)
    assert pay(case.buyer, case.order).status == 201
    wait_until(lambda: [each["status"] for each in transactions(case.order)] == ["SUCCESS"])
    return replace(case, words={"transaction": transactions(case.order)[0]})


def _two_confirmed_by_card() -> Case:
    return _confirmed_by_card(2)


def _confirmed_by_card(units: int = 1) -> Case:
    case = _charged(units)
    reconcile()
    assert statuses_of(case.order) == ["SUCCEEDED"]
    _consume_all(case, "PaymentSucceeded", "order/on_payment_succeeded")
    return case


def _consume_all(case: Case, type_: str, name: str) -> None:
    for envelope in events_of_payments(case.order):
        if envelope["type"] == type_:
            assert consume(name, envelope) == DONE


def _pay(case: Case) -> str:
    return answered(pay(case.buyer, case.order, key=case.key))


def _callback(case: Case) -> str:
    body = json.dumps(
        {
            name: case.words["transaction"][name]
            for name in ("transactionKey", "status", "reason", "orderId", "cardType", "cardNo",
                         "amount", "refunds")
        }
    ).encode()  # fmt: skip
    headers = CALLBACK_HEADERS.signed(body, os.environ["GATEWAY_SECRET"], clock.now())
    return answered(
        call("payment/receive_callback", "POST", CALLBACKS, raw_body=body.decode(), headers=headers)
    )


def _cancel_part(case: Case) -> str:
    body = {"lines": [{"product_id": case.product, "quantity": 1}]}
    return answered(cancel(case.buyer, case.order, key=case.key, body=body))


def _cancel(case: Case) -> str:
    return answered(cancel(case.buyer, case.order, key=case.key))


def _ship(case: Case) -> str:
    return answered(ship(case.admin, case.order))


def _deliver(case: Case) -> str:
    return answered(deliver(case.admin, case.order))


def _resend_notice(case: Case) -> str:
    return answered(resend_notice(case.admin, case.order))


def _issue(case: Case) -> str:
    return answered(issue(case.buyer, case.coupon))


# --- stripes ------------------------------------------------------------------------------------

_DEALT_OUT = {"stock": 40, "stripes": 4}


def _rich_among_stripes() -> Case:
    return a_case(points=5_000, **_DEALT_OUT)


def _too_few_for_stripes() -> Case:
    """Too few units for the stripes, so that each order gathers them and deals them out again."""
    return a_case(points=5_000, stripes=4)


def _stripe(case: Case) -> str:
    return answered(put_stripes(case.product, 4, case.admin))


def _in_a_sales_spike() -> Case:
    """The only product that was ordered three times within a minute."""
    case = a_case(points=6_000, stock=80)
    assert {_place(replace(case, key=a_key())) for _ in range(3)} == {"201"}
    return case


def _stripe_after_spike(case: Case) -> str:
    os.environ["HOT_SALES_PER_MINUTE"] = "3"
    return by_clock("product/every_minute_stripe")(case)


def _stripes_of(case: Case) -> object:
    sql = "SELECT number, quantity FROM stock_stripe WHERE product_id = $1 ORDER BY number"
    return [tuple(row) for row in rows(sql, case.product)]


# --- consumers ----------------------------------------------------------------------------------


def _a_confirmed_order() -> Case:
    return with_newest_event(ordered(), "OrderConfirmed")


def _a_cancelled_order() -> Case:
    case = ordered()
    confirmed = with_newest_event(case, "OrderConfirmed").words["envelope"]
    assert consume("shipping/on_order_confirmed", confirmed) == DONE
    assert _cancel(case) == "200"
    return with_newest_event(case, "OrderCancelled")


def _a_partly_cancelled_order() -> Case:
    case = ordered()
    confirmed = with_newest_event(case, "OrderConfirmed").words["envelope"]
    assert consume("shipping/on_order_confirmed", confirmed) == DONE
    assert _cancel_part(case) == "200"
    return with_newest_event(case, "OrderLinesCancelled")


def _a_like_to_count() -> Case:
    case = _a_liked_product()
    [envelope] = events_about(case.product, ProductLiked.__name__)
    return replace(case, words={"envelope": envelope})


def _a_view_to_log() -> Case:
    case = a_case()
    return replace(case, words={"envelope": envelope_of(a_view(case.product))})


def _a_token_to_mail() -> Case:
    case = shoppers.signed_up()
    path = "/email-verifications"
    asked = call("user/request_email_verification", "POST", path, token=case.buyer.token)
    assert asked.status == 202, asked.json
    envelope = requests_of(case.buyer.user_id)[-1]
    return replace(case, words={"envelope": envelope})


def _an_order_to_mail() -> Case:
    case = replace(ordered(), buyer=shoppers.signed_up().buyer)
    case = with_newest_event(case, "OrderConfirmed")
    case.words["envelope"]["data"]["user_id"] = str(case.buyer.user_id)
    return case


def _report_a_bounce(case: Case) -> str:
    return report_feedback(a_bounce(f"{case.key[:10]}@example.com"))


def _suppressed(case: Case) -> list[str]:
    sql = "SELECT reason FROM suppressed_address WHERE user_id = $1"
    return [row.reason for row in rows(sql, UUID(str(case.buyer.user_id)))]


def _after_a_minute(_: Case) -> None:
    """Let pass the time in which a begun mail may still be under way."""
    rows("UPDATE mail SET begun_at = begun_at - interval '61 s' RETURNING event_id")


def _mailed(case: Case) -> list[bool]:
    sql = "SELECT sent_at IS NOT NULL AS is_sent FROM mail WHERE event_id = $1"
    return [row.is_sent for row in rows(sql, case.words["envelope"]["id"])]


def _a_sold_out_product() -> Case:
    case = a_case(stock=2, points=5_000)
    assert _place(replace(case, key=a_key())) == "201"
    [envelope] = events_about(case.product, "StockSoldOut")
    return replace(case, words={"envelope": envelope})


def _an_edited_product() -> Case:
    case = a_case()
    assert edit_product(case.product, case.admin, price_amount=PRICE + 1).status == 200
    [envelope] = events_about(case.product, "ProductChanged")
    return replace(case, words={"envelope": envelope})


def _a_payment_succeeded() -> Case:
    case = _charged()
    reconcile()
    return with_newest_event(case, "PaymentSucceeded")


def _a_card_to_refund() -> Case:
    case = _confirmed_by_card()
    assert _cancel(case) == "200"
    return with_newest_event(case, "OrderCancelled")


def _a_part_to_refund() -> Case:
    case = _two_confirmed_by_card()
    assert _cancel_part(case) == "200"
    return with_newest_event(case, "OrderLinesCancelled")


def _a_first_decline() -> Case:
    return with_newest_event(_declined_once(), "PaymentFailed")


def _a_last_decline() -> Case:
    """The gateway has declined every card that the order may be paid with, and we know."""
    case = _to_be_paid()
    for number in range(MAX_DECLINES):
        _decline(case, number + 1)
    return with_newest_event(case, "PaymentFailed")


def _declined_once() -> Case:
    """The gateway has declined a card, and we know; another card may pay."""
    case = _to_be_paid()
    _decline(case, 1)
    return case


def _decline(case: Case, transactions_then: int) -> None:
    let_the_next_card_be_declined()
    assert pay(case.buyer, case.order).status == 201
    declined = ["FAILED"] * transactions_then
    wait_until(lambda: [each["status"] for each in transactions(case.order)] == declined)
    reconcile()


def _charged_and_unknown() -> Case:
    """The gateway has charged the card, and an admin wants to know."""
    case = _charged()
    [payment] = payments_of(case.order)
    return replace(case, words={"payment": str(payment.id)})


def _sync(case: Case) -> str:
    return answered(sync(case.admin, case.words["payment"]))


def _expired() -> Case:
    """An order whose time is over, beside no other: those of cases before stay as they are."""
    case = _to_be_paid()
    rows("UPDATE orders SET expires_at = now() + interval '1 day' WHERE status = 'PENDING'")
    rows("UPDATE orders SET expires_at = now() WHERE id = $1", case.order)
    return case


def with_new_key(case: Case) -> Case:
    """The same request under a new key, after a try that certainly had no effect."""
    return replace(case, key=a_key())


def _clocked(name: str, of: str, arrange: Callable[[], Case]) -> Scenario:
    return Scenario(name, of, arrange, by_clock(of), QUEUE)


def _consumer(name: str, of: str, arrange: Callable[[], Case]) -> Scenario:
    return Scenario(name, of, arrange, consuming(of), QUEUE)


SCENARIOS = {
    each.name: each
    for each in (
        Scenario("sign_up", "user/sign_up", a_case, _sign_up, CREATED | {"409 LOGIN_ID_TAKEN"}),
        Scenario("charge", "point/charge_points", a_case, _charge, CREATED),
        Scenario("like", "like/like_product", a_case, _like("PUT"), OK),
        Scenario("unlike", "like/unlike_product", _a_liked_product, _like("DELETE"), OK),
        Scenario("place_point", "order/place_order", lambda: a_case(points=5_000), _place, CREATED),
        Scenario(
            "place_coupon", "order/place_order", _with_a_coupon, _place_with_a_coupon, CREATED
        ),
        Scenario(
            "place_card", "order/place_order", lambda: a_case(points=5_000), _place_by_card, CREATED
        ),
        Scenario("place_limited", "order/place_order", _limited, _place, CREATED),
        Scenario("place_striped", "order/place_order", _rich_among_stripes, _place, CREATED),
        Scenario(
            "place_striped_card", "order/place_order", _rich_among_stripes, _place_by_card, CREATED
        ),
        Scenario("place_gathered", "order/place_order", _too_few_for_stripes, _place, CREATED),
        Scenario(
            "cancel_striped", "order/cancel_order", lambda: ordered(**_DEALT_OUT), _cancel, OK
        ),
        Scenario(
            "stripe",
            "product/set_stripes",
            lambda: a_case(stock=40),
            _stripe,
            OK,
            look=_stripes_of,
        ),
        Scenario(
            "stripe_rush",
            "product/every_minute_stripe",
            _in_a_sales_spike,
            _stripe_after_spike,
            QUEUE,
            look=_stripes_of,
        ),
        Scenario(
            "pay", "payment/pay_order", _to_be_paid, _pay, CREATED, takes_new_key_on_retry=True
        ),
        Scenario(
            "pay_after_decline",
            "payment/pay_order",
            _declined_once,
            _pay,
            CREATED,
            takes_new_key_on_retry=True,
        ),
        Scenario(
            "callback", "payment/receive_callback", _charged, _callback, OK, is_never_retried=True
        ),
        Scenario("cancel_point", "order/cancel_order", ordered, _cancel, OK),
        Scenario("cancel_card", "order/cancel_order", _confirmed_by_card, _cancel, OK),
        Scenario("cancel_part", "order/cancel_order", ordered, _cancel_part, OK),
        Scenario(
            "cancel_part_by_card", "order/cancel_order", _two_confirmed_by_card, _cancel_part, OK
        ),
        Scenario("ship", "order/ship_order", ordered, _ship, OK | {"409 ORDER_NOT_SHIPPABLE"}),
        Scenario("resend_notice", "shipping/resend_notice", ordered, _resend_notice, OK),
        Scenario(
            "deliver", "order/deliver_order", _shipped, _deliver, OK | {"409 ORDER_NOT_DELIVERABLE"}
        ),
        Scenario(
            "issue_coupon",
            "coupon/issue_coupon",
            lambda: a_case(coupon=a_coupon(total_quantity=3)),
            _issue,
            OK | CREATED,
        ),
        Scenario("sync_payment", "payment/sync_payment", _charged_and_unknown, _sync, OK),
        _clocked("expire", "order/every_minute_expire", _expired),
        _clocked("relay_minute", "outbox/every_minute_relay", ordered),
        _clocked("reconcile_payments", "payment/every_minute_reconcile", _charged),
        Scenario(
            "relay_nudged",
            "outbox/on_events_recorded",
            ordered,
            nudged("outbox/on_events_recorded"),
            QUEUE,
        ),
        _consumer("tell_confirmed", "shipping/on_order_confirmed", _a_confirmed_order),
        _consumer("tell_cancelled", "shipping/on_order_cancelled", _a_cancelled_order),
        _consumer("tell_part", "shipping/on_order_cancelled", _a_partly_cancelled_order),
        replace(
            _consumer(
                "tell_changed", "shipping/on_order_address_changed", shoppers.an_update_to_send
            ),
            look=shoppers.told,
        ),
        _consumer("count_like", "product/on_like_changed", _a_like_to_count),
        _consumer("add_metrics", "metrics/on_product_activity", _a_confirmed_order),
        _consumer("rank_order", "ranking/on_ranked_activity", _a_confirmed_order),
        _consumer("refresh_cards", "product/on_stock_turned", _a_sold_out_product),
        _consumer("renew_product", "product/on_catalogue_changed", _an_edited_product),
        _consumer("confirm_paid", "order/on_payment_succeeded", _a_payment_succeeded),
        _consumer("cancel_declined", "order/on_payment_failed", _a_last_decline),
        _consumer("keep_declined", "order/on_payment_failed", _a_first_decline),
        _consumer("refund_card", "payment/on_paid_order_cancelled", _a_card_to_refund),
        _consumer("refund_part", "payment/on_paid_order_cancelled", _a_part_to_refund),
        _consumer("log_action", "user/on_user_acted", _a_view_to_log),
        Scenario(
            "mail_token",
            "notification/on_mail_requested",
            _a_token_to_mail,
            consuming("notification/on_mail_requested"),
            QUEUE,
            mends=_after_a_minute,
            look=_mailed,
        ),
        Scenario(
            "mail_order",
            "notification/on_purchase_progressed",
            _an_order_to_mail,
            consuming("notification/on_purchase_progressed"),
            QUEUE,
            mends=_after_a_minute,
            look=_mailed,
        ),
        Scenario(
            "suppress_address",
            "notification/on_mail_feedback",
            shoppers.signed_up,
            _report_a_bounce,
            QUEUE,
            look=_suppressed,
        ),
        *shoppers.SCENARIOS,
        *admins.SCENARIOS,
        *rankings.SCENARIOS,
        *operators.SCENARIOS,
        *console.SCENARIOS,
        *drops.SCENARIOS,
        *points.SCENARIOS,
        *staff.SCENARIOS,
        *returns.scenarios(_two_confirmed_by_card),
    )
}
"""Every use case that `make faults` goes through."""

COMMAND = "make "
"""The prefix of an operator's command, which is no function."""

WITHOUT = {
    "pages/get_page": "pages and files of the package",
}
"""Functions that take no step towards the outside, and so need no use case."""

KNOWN_BAD = {
    each.name: each
    for each in (
        Scenario(
            "charge_without_its_key", "point/charge_points", a_case, _charge_without_its_key,
            CREATED,
        ),
    )
}  # fmt: skip
"""Scenarios that must fail: a client that retries with a new key is charged twice."""


def coverage_errors(scenarios: Collection[Scenario], without: Collection[str]) -> Iterator[str]:
    """Yield a line for each function without a use case, and each use case without a function."""
    known, cut = set(triggers()), {each.of for each in scenarios}
    for name in sorted(known - cut - set(without)):
        yield f"{name} has no use case: add a Scenario, or say in WITHOUT why it needs none"
    for name in sorted(cut & set(without)):
        yield f"{name} has a use case, and WITHOUT says that it needs none"
    for name in sorted({each for each in cut if not each.startswith(COMMAND)} | set(without)):
        if name not in known:
            yield f"{name} is no function of the template"
