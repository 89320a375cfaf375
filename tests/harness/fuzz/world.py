"""A shop to attack: an attacker's own ids, another user's, and tokens."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from commerce.app.transactions import in_transaction
from commerce.point import ChargePoints
from commerce.runtime import tokens
from commerce.user import SignUp
from tests.support.coupons import a_coupon, an_issued
from tests.support.orders import place
from tests.support.other_connection import wait_until
from tests.support.payments import a_card_order, follow, pay, reconcile, statuses_of
from tests.support.points import post_charge
from tests.support.shop import Person, a_brand, a_buyer, a_product, an_admin

POINTS = 1_000_000_000
PRICE = 12_000
"""Price of the product, as in the document's example of a callback."""
PASSWORD = "correct horse battery"  # as in its example of a session
UNLIMITED = dict.fromkeys(
    ("MAX_UNPAID_ORDERS", "HOLD_LAPSES", "MAX_CARDS_PER_DAY", "MAX_DECLINES_PER_DAY"), "1000000"
)
"""Settings under which one caller may leave as many orders unpaid as an attack takes."""

OPERATORS = {"queue": "shipping-order-confirmed", "event_id": str(UUID(int=7))}


@dataclass(frozen=True, slots=True)
class World:
    """Ids that exist, and people with tokens."""

    caller: Person
    login_id: str
    other: Person
    admin: Person
    ids: Mapping[str, str]
    others: Mapping[str, str]

    def path(self, template: str, ids: Mapping[str, str] | None = None) -> str:
        """A path of the document with ids in it."""
        return template.format(**{**self.ids, **(ids or {})})

    def token_for(self, path: str) -> str:
        """Return the token that the path needs."""
        return (self.admin if path.startswith("/admin") else self.caller).token


def a_world() -> World:
    """A product, a brand, a coupon; an order and a payment of each of two users."""
    brand_id = a_brand()
    product_id = a_product(stock=1_000_000, price=PRICE, brand_id=brand_id)
    coupon_id = a_coupon()
    shared = {"brand_id": brand_id, "product_id": product_id, "coupon_id": coupon_id}
    login_id = secrets.token_hex(5)
    caller, other = _a_user(login_id), a_buyer(POINTS)
    return World(
        caller,
        login_id,
        other,
        an_admin(),
        {**shared, **_own(caller, product_id, coupon_id), "asset": "start.js", **OPERATORS},
        _own(other, product_id, coupon_id),
    )


def _a_user(login_id: str) -> Person:
    """A user who has signed up, with points."""
    fields = {
        "login_id": login_id,
        "password": PASSWORD,
        "name": "Wile E. Coyote",
        "email": f"{login_id}@example.com",
        "birth_date": "1990-04-12",
        "gender": "OTHER",
    }
    user = in_transaction(lambda shop: shop.users.sign_up(SignUp.model_validate(fields)))
    user_id = UUID(user.user_id)
    in_transaction(lambda shop: shop.points.charge(ChargePoints(amount=POINTS), user_id=user_id))
    return Person(user_id, tokens.sign(user_id))


def _own(person: Person, product_id: str, coupon_id: str) -> dict[str, str]:
    paid = pay(person, a_card_order(person, product_id))
    assert paid.status == 201, paid.json
    # A late result would look like a change made by the attack.
    wait_for_result(str(paid.json["order_id"]))
    follow(str(paid.json["order_id"]))
    return {
        "order_id": str(place(person, (product_id, 1)).json["order_id"]),
        "payment_id": str(paid.json["payment_id"]),
        "charge_id": str(post_charge(person, 1).json["charge_id"]),
        "issued_coupon_id": an_issued(person, coupon_id),
    }


def wait_for_result(order_id: str) -> None:
    """Wait until the payment has its result, without delivering its events."""

    def is_settled() -> bool:
        reconcile()
        return statuses_of(order_id) in (["SUCCEEDED"], ["FAILED"])

    wait_until(is_settled)
