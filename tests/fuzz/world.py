"""A shop for hostile callers: what is theirs, what is somebody else's, and how they ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from tests.support.coupons import a_coupon, an_issued
from tests.support.elsewhere import wait_until
from tests.support.orders import place
from tests.support.payments import a_card_order, follow, pay, reconcile, statuses_of
from tests.support.shop import Person, a_brand, a_buyer, a_product, an_admin

POINTS = 100_000_000
OPERATORS = {"queue": "shipping-order-confirmed", "event_id": str(UUID(int=7))}


@dataclass(frozen=True, slots=True)
class World:
    """Ids that exist, and people with tokens."""

    caller: Person
    other: Person
    admin: Person
    ids: Mapping[str, str]
    others: Mapping[str, str]

    def path(self, template: str, ids: Mapping[str, str] | None = None) -> str:
        """A path of the document with ids in it."""
        return template.format(**{**self.ids, **(ids or {})})

    def token_for(self, path: str) -> str:
        """What lets the caller in."""
        return (self.admin if path.startswith("/admin") else self.caller).token


def a_world() -> World:
    """A product, a brand, a coupon; an order and a payment of each of two users."""
    brand_id = a_brand()
    product_id = a_product(stock=100_000, brand_id=brand_id)
    coupon_id = a_coupon()
    shared = {"brand_id": brand_id, "product_id": product_id, "coupon_id": coupon_id}
    caller, other = a_buyer(POINTS), a_buyer(POINTS)
    return World(
        caller,
        other,
        an_admin(),
        {**shared, **_own(caller, product_id, coupon_id), "asset": "start.js", **OPERATORS},
        _own(other, product_id, coupon_id),
    )


def _own(person: Person, product_id: str, coupon_id: str) -> dict[str, str]:
    paid = pay(person, a_card_order(person, product_id))
    assert paid.status == 201, paid.json
    _come_to_its_end(str(paid.json["order_id"]))
    return {
        "order_id": str(place(person, (product_id, 1)).json["order_id"]),
        "payment_id": str(paid.json["payment_id"]),
        "issued_coupon_id": an_issued(person, coupon_id),
    }


def _come_to_its_end(order_id: str) -> None:
    """The gateway's answer changes nothing any more while somebody watches for changes."""

    def is_settled() -> bool:
        reconcile()
        return statuses_of(order_id) in (["SUCCEEDED"], ["FAILED"])

    wait_until(is_settled)
    follow(order_id)
