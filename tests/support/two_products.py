"""A buyer of two products, as most tests of orders in parts need them."""

from tests.support.orders import an_order, status_of
from tests.support.payments import follow, pay, place_by_card, settled
from tests.support.shop import a_buyer, a_product, an_admin, assert_books_hold, balance_of, stock_of


class TwoProducts:
    """An anvil at 100 and a rope at 30, five of each, a buyer of 1,000 points and an admin."""

    def __init__(self) -> None:
        self.anvil = a_product(stock=5, price=100, name="Anvil")
        self.rope = a_product(stock=5, price=30, name="Rope")
        self.buyer = a_buyer(points=1_000)
        self.admin = an_admin()

    def order(self) -> str:
        """Three anvils and a rope, paid with 330 points."""
        return an_order(self.buyer, (self.anvil, 3), (self.rope, 1))

    def paid_by_card(self, points: int | None = None) -> str:
        """Three anvils and a rope, of which a card paid what the points did not."""
        placed = place_by_card(self.buyer, (self.anvil, 3), (self.rope, 1), points=points)
        order_id = str(placed.json["order_id"])
        assert pay(self.buyer, order_id).status == 201
        settled(order_id, "SUCCEEDED")
        follow(order_id)
        assert status_of(order_id) == "CONFIRMED"
        return order_id

    def left(self) -> tuple[int, int, int]:
        """The anvils, the ropes and the points that are left."""
        return stock_of(self.anvil), stock_of(self.rope), balance_of(self.buyer.user_id)

    def assert_books_hold(self) -> None:
        assert_books_hold(self.anvil, self.rope, users=[self.buyer.user_id])
