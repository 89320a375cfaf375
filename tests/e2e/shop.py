"""Set up a shop through its API for tests, and check that a refused request changes nothing."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.caller import Caller, Json, a_registration
from tests.e2e.stack import Stack


@dataclass(frozen=True, slots=True)
class Buyer:
    """A signed-up user with an open session."""

    user: Json
    password: str
    api: Caller

    def place_order(self, *lines: tuple[str, int]) -> str:
        """Place an order that is accepted; return its id."""
        order_id: str = self.api.place_order(*lines).require(201)["order_id"]
        return order_id


class Shop:
    """The API as anyone and as an admin."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.anyone = Caller(stack.addresses.api_url)
        self.admin = self.anyone.with_token(stack.addresses.admin_token)

    def new_buyer(self, points: int = 0) -> Buyer:
        """Sign somebody up, open a session and charge so many points."""
        registration = a_registration()
        user = self.anyone.sign_up(**registration).require(201)
        session = self.anyone.open_session(user["login_id"], registration["password"]).require(201)
        api = self.anyone.with_token(session["access_token"])
        if points:
            api.charge_points(points).require(201)
        return Buyer(user, registration["password"], api)

    def new_brand(self, name: str = "Onmaru") -> Json:
        """Register a brand."""
        brand: Json = self.admin.register_brand(name, "Thrown by hand").require(201)
        return brand

    def new_product(self, stock: int = 10, price: int = 1000, brand: Json | None = None) -> str:
        """Register a product with so many units in stock; return its id."""
        fields = {
            "brand_id": (brand or self.new_brand())["brand_id"],
            "name": f"Moon Jar {secrets.token_hex(3)}",
            "description": "No two alike",
            "price_amount": price,
        }
        product_id: str = self.admin.register_product(**fields).require(201)["product_id"]
        self.admin.set_stock(product_id, stock).require(200)
        return product_id

    def stock_of(self, product_id: str) -> int:
        """Return how many units are left."""
        return int(self.anyone.product(product_id).require(200)["stock_quantity"])

    @contextmanager
    def nothing_moves(self, buyer: Buyer, *product_ids: str) -> Iterator[None]:
        """See that the block leaves the buyer's points and orders and the stock as they were."""
        before = self._holdings(buyer, product_ids)
        yield
        assert self._holdings(buyer, product_ids) == before

    def _holdings(self, buyer: Buyer, product_ids: tuple[str, ...]) -> Json:
        return {
            "points": buyer.api.points().require(200),
            "orders": buyer.api.orders().require(200),
            "stock": [self.stock_of(product_id) for product_id in product_ids],
        }


def balance_of(buyer: Buyer) -> int:
    """Return a buyer's points."""
    return int(buyer.api.points().require(200)["balance"]["amount"])
