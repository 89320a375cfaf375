"""Coupons through the functions' handlers, and what the database has of them."""

from datetime import timedelta
from typing import Any

from commerce.app.transactions import in_transaction
from commerce.coupon import CouponFacade, RegisterCoupon
from commerce.shared import clock
from tests.support.lambda_calls import Answer, call
from tests.support.shop import Person, a_key, rows


def an_offer(**fields: Any) -> dict[str, Any]:
    """The body of a coupon of 100 off, valid since yesterday and until tomorrow."""
    now = clock.now()
    return {
        "name": "Autumn",
        "kind": "FIXED",
        "value": 100,
        "total_quantity": 100,
        "valid_from": clock.rfc3339(now - timedelta(days=1)),
        "valid_until": clock.rfc3339(now + timedelta(days=1)),
        **fields,
    }


def a_coupon(**fields: Any) -> str:
    """A coupon that can be issued; returns its id."""
    command = RegisterCoupon.model_validate(an_offer(**fields))
    return in_transaction(CouponFacade.register, command).coupon_id


def issue(user: Person, coupon_id: str) -> Answer:
    """POST /coupons/{coupon_id}/issues."""
    return call("coupon/issue_coupon", "POST", f"/coupons/{coupon_id}/issues", token=user.token)


def an_issued(user: Person, coupon_id: str | None = None, **fields: Any) -> str:
    """A user's copy of a coupon, of a new one where none is named; returns the copy's id."""
    answer = issue(user, coupon_id or a_coupon(**fields))
    assert answer.status == 201, answer.json
    return str(answer.json["issued_coupon_id"])


def place_with(
    buyer: Person, issued_coupon_id: Any, *lines: tuple[str, int], key: str | None = None
) -> Answer:
    """POST /orders with a coupon, paid by points: (product, quantity) each."""
    body = {
        "lines": [{"product_id": id_, "quantity": quantity} for id_, quantity in lines],
        "payment_method": "POINT",
        "issued_coupon_id": issued_coupon_id,
    }
    return call(
        "order/place_order", "POST", "/orders", body=body, token=buyer.token, key=key or a_key()
    )


def mine(user: Person, query: str = "") -> Answer:
    """GET /users/me/coupons."""
    return call("coupon/list_my_coupons", "GET", f"/users/me/coupons{query}", token=user.token)


def status_of_coupon(user: Person, issued_coupon_id: str) -> str:
    """Return the status that the user sees of one of their coupons."""
    [found] = [
        each["status"]
        for each in mine(user, "?limit=100").json["items"]
        if each["issued_coupon_id"] == issued_coupon_id
    ]
    return str(found)


def copies_of(coupon_id: str) -> int:
    """Return the number of copies."""
    sql = "SELECT count(*) AS n FROM issued_coupon WHERE coupon_id = $1"
    return int(rows(sql, coupon_id)[0].n)


def end(coupon_id: str) -> None:
    """End the time in which the coupon is valid."""
    rows(
        "UPDATE coupon SET valid_until = clock_timestamp(), valid_from = now() - interval '9 days'"
        " WHERE id = $1",
        coupon_id,
    )


def coupon_events(issued_coupon_id: str) -> list[str]:
    """The types of the events of a copy, in their order."""
    sql = "SELECT type FROM outbox WHERE aggregate_id = $1 ORDER BY position"
    return [row.type for row in rows(sql, issued_coupon_id)]
