"""Changes of an order: each is stored, recorded as an event, and compensated once."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from commerce.app import ordering
from commerce.app.products import register_product
from commerce.app.shop import Shop
from commerce.brand import BrandFacade, RegisterBrand
from commerce.coupon import CouponFacade
from commerce.order import (
    CancelAnyOrder,
    CancelOrder,
    NotYourOrder,
    OrderFacade,
    OrderNotCancellable,
    OrderNotExpirable,
    OrderNotFound,
    PlaceOrder,
    ShipOrder,
)
from commerce.order.model import Order, OrderLine
from commerce.point import ChargePoints, PointFacade
from commerce.product import ProductFacade, RegisterProduct, SetStock, StockFacade
from commerce.shared import clock
from commerce.shared.errors import CommerceError
from commerce.shared.money import Money
from tests.support.memory.brand import MemoryBrandNames, MemoryBrandRepository
from tests.support.memory.coupon import MemoryCouponRepository
from tests.support.memory.drop import no_drops
from tests.support.memory.order import MemoryOrderRepository
from tests.support.memory.point import MemoryPointRepository
from tests.support.memory.product import MemoryProductRepository

NO_REASON = CancelAnyOrder()
ADMIN = f"admin:{uuid4()}"


class MemoryShop(Shop):
    """A shop in memory, with two products of ten and a buyer of 10,000 points."""

    def __init__(self) -> None:
        self.brands = brands = BrandFacade(MemoryBrandRepository())
        self.product_rows = MemoryProductRepository()
        self.products = ProductFacade(self.product_rows)
        self.brand_names = MemoryBrandNames(self.product_rows, self.brands)
        self.stock = StockFacade(self.product_rows)
        self.points = PointFacade(MemoryPointRepository())
        self.order_rows = MemoryOrderRepository()
        self.coupons = CouponFacade(MemoryCouponRepository())
        self.orders = OrderFacade(self.order_rows)
        self.drops = no_drops()
        self.buyer_id = uuid4()
        self.points.charge(ChargePoints(amount=10_000), user_id=self.buyer_id)
        brand_id = brands.register(RegisterBrand(name="Acme")).brand_id
        self.product_ids = [self._product(brand_id, price) for price in (100, 300)]

    def _product(self, brand_id: str, price: int) -> str:
        command = RegisterProduct(brand_id=brand_id, name="Anvil", price_amount=price)
        product_id = register_product(self, command).product_id
        self.stock.set(product_id, SetStock(quantity=10))
        return product_id

    def place(self) -> str:
        lines = [
            {"product_id": id_, "quantity": quantity}
            for id_, quantity in zip(self.product_ids, (2, 3), strict=True)
        ]
        command = PlaceOrder.model_validate({"lines": lines, "payment_method": "POINT"})
        return ordering.place_order(self, command, buyer_id=self.buyer_id).order_id

    def left(self) -> tuple[list[int], int]:
        """Stock of both products, and the buyer's points."""
        stock = [self.products.get(each).stock.quantity for each in self.product_ids]
        return stock, self.points.balance(self.buyer_id).balance.amount

    def cancel(self, order_id: str, command: CancelOrder = NO_REASON) -> str:
        by = f"user:{self.buyer_id}"
        return ordering.cancel_order(self, order_id, command, buyer_id=self.buyer_id, by=by).status

    def history(self, order_id: str) -> list[tuple[str, str, str]]:
        steps = self.orders.get(order_id, buyer_id=self.buyer_id).history
        return [(step.status, step.by, step.reason) for step in steps]


@pytest.fixture
def shop() -> MemoryShop:
    return MemoryShop()


def test_a_cancelled_order_returns_everything(shop: MemoryShop) -> None:
    order_id = shop.place()
    assert shop.left() == ([8, 7], 8_900)

    assert shop.cancel(order_id, CancelOrder(reason="By mistake")) == "CANCELLED"

    assert shop.left() == ([10, 10], 10_000)
    first, second = map(UUID, shop.product_ids)
    order = UUID(order_id)
    assert shop.product_rows.moved[-2:] == [
        (first, 2, "RETURNED", order),
        (second, 3, "RETURNED", order),
    ]
    newest = shop.points.balance(shop.buyer_id).entries[0]
    assert (newest.amount.amount, newest.reason) == (1_100, "ORDER_CANCELLED")
    by = f"user:{shop.buyer_id}"
    assert shop.history(order_id) == [
        ("CONFIRMED", by, "Paid by points"),
        ("CANCELLED", by, "By mistake"),
    ]
    assert [type(each).__name__ for each in shop.order_rows.events] == [
        "OrderPlaced",
        "OrderConfirmed",
        "OrderCancelled",
    ]


def test_a_second_cancellation_returns_nothing(shop: MemoryShop) -> None:
    order_id = shop.place()
    shop.cancel(order_id)
    for again in (
        shop.cancel,
        lambda id_: ordering.cancel_order_as_admin(shop, id_, NO_REASON, by=ADMIN),
    ):
        with pytest.raises(OrderNotCancellable):
            again(order_id)
    assert shop.left() == ([10, 10], 10_000)
    assert len(shop.history(order_id)) == 2


def test_an_order_is_shipped_and_delivered(shop: MemoryShop) -> None:
    order_id = shop.place()
    assert ordering.ship_order(shop, order_id, ShipOrder(), by=ADMIN).status == "SHIPPED"
    assert shop.orders.deliver(order_id, by=ADMIN).status == "DELIVERED"
    assert shop.history(order_id)[1:] == [
        ("SHIPPED", ADMIN, "Handed over for delivery"),
        ("DELIVERED", ADMIN, "Received by its buyer"),
    ]
    assert shop.left() == ([8, 7], 8_900)


def test_only_an_admin_cancels_a_shipped_order_which_restocks_nothing(shop: MemoryShop) -> None:
    order_id = shop.place()
    ordering.ship_order(shop, order_id, ShipOrder(), by=ADMIN)
    with pytest.raises(OrderNotCancellable):
        shop.cancel(order_id)
    assert shop.left() == ([8, 7], 8_900)
    assert ordering.cancel_order_as_admin(shop, order_id, NO_REASON, by=ADMIN).status == "CANCELLED"
    assert shop.left() == ([8, 7], 10_000)
    assert shop.history(order_id)[-1] == ("CANCELLED", ADMIN, "Cancelled by an admin")


def a_pending_order(shop: MemoryShop, expires_in: timedelta) -> str:
    """An order with 50 of its 200 paid by points, the way that card payments will make it."""
    offers = shop.products.offers(shop.product_ids[:1])
    [offer] = offers.values()
    line = OrderLine(offer.product_id, offer.name, offer.brand_id, "Acme", offer.price, quantity=2)
    order = Order.awaiting_card(
        id_=clock.new_id(),
        buyer_id=shop.buyer_id,
        lines=[line],
        points=Money(50),
        at=clock.now(),
        expires_at=clock.now() + expires_in,
    )
    shop.products.sell([(offer.product_id, 2)], offers, order.id, by="test")
    shop.order_rows.add(order)
    shop.points.spend(shop.buyer_id, Money(50), order.id)
    return str(order.id)


def test_an_expired_order_returns_everything(shop: MemoryShop) -> None:
    order_id = a_pending_order(shop, timedelta(0))
    assert shop.left() == ([8, 10], 9_950)
    assert ordering.expire_order(shop, order_id).status == "CANCELLED"
    assert shop.left() == ([10, 10], 10_000)
    assert shop.history(order_id)[-1] == ("CANCELLED", "system", "Not paid in time")


@pytest.mark.parametrize("amount", [149, 151, 200], ids=["less", "more", "all of it"])
def test_a_payment_of_another_amount_confirms_nothing(shop: MemoryShop, amount: int) -> None:
    order_id = a_pending_order(shop, timedelta(minutes=15))
    assert shop.orders.mark_paid(UUID(order_id), Money(amount)).status == "PENDING"
    assert len(shop.history(order_id)) == 1


def test_a_last_declined_card_cancels_an_unpaid_order(shop: MemoryShop) -> None:
    unpaid_id = a_pending_order(shop, timedelta(minutes=15))
    unpaid = ordering.cancel_declined_order(shop, UUID(unpaid_id))
    assert (unpaid.status, shop.left()) == ("CANCELLED", ([10, 10], 10_000))


def test_a_paid_order_is_not_cancelled_as_declined(shop: MemoryShop) -> None:
    order_id = a_pending_order(shop, timedelta(minutes=15))
    shop.orders.mark_paid(UUID(order_id), Money(150))
    with pytest.raises(OrderNotCancellable):
        ordering.cancel_declined_order(shop, UUID(order_id))
    assert shop.left() == ([8, 10], 9_950)


def test_a_paid_or_unexpired_order_does_not_expire(shop: MemoryShop) -> None:
    order_id = a_pending_order(shop, timedelta(minutes=15))
    with pytest.raises(OrderNotExpirable):
        ordering.expire_order(shop, order_id)
    assert shop.orders.mark_paid(UUID(order_id), Money(150)).status == "CONFIRMED"
    with pytest.raises(OrderNotExpirable):
        ordering.expire_order(shop, order_id)
    assert shop.left() == ([8, 10], 9_950)


@pytest.mark.parametrize("order_id", [str(uuid4()), "no id", ""], ids=["unknown", "no id", "empty"])
def test_an_unknown_order_is_not_found(shop: MemoryShop, order_id: str) -> None:
    orders = shop.orders
    steps: list[Callable[[], object]] = [
        lambda: shop.cancel(order_id),
        lambda: orders.cancel_as_admin(order_id, NO_REASON, by=ADMIN),
        lambda: ordering.ship_order(shop, order_id, ShipOrder(), by=ADMIN),
        lambda: orders.deliver(order_id, by=ADMIN),
        lambda: orders.expire(order_id),
    ]
    for step in steps:
        with pytest.raises(OrderNotFound):
            step()


def test_anothers_order_is_not_cancelled(shop: MemoryShop) -> None:
    order_id = shop.place()
    before = shop.left()
    with pytest.raises(NotYourOrder):
        shop.orders.cancel(order_id, NO_REASON, buyer_id=uuid4(), by="user:somebody")
    assert shop.left() == before
    assert len(shop.history(order_id)) == 1


def test_a_refusal_saves_nothing(shop: MemoryShop) -> None:
    order_id = shop.place()
    ordering.ship_order(shop, order_id, ShipOrder(), by=ADMIN)
    shop.orders.deliver(order_id, by=ADMIN)
    events, history = list(shop.order_rows.events), shop.history(order_id)
    steps: list[Callable[[], object]] = [
        lambda: ordering.ship_order(shop, order_id, ShipOrder(), by=ADMIN),
        lambda: shop.orders.deliver(order_id, by=ADMIN),
        lambda: ordering.cancel_order_as_admin(shop, order_id, NO_REASON, by=ADMIN),
    ]
    for step in steps:
        with pytest.raises(CommerceError) as refused:
            step()
        assert refused.value.detail == "The order is DELIVERED."
    assert (shop.order_rows.events, shop.history(order_id)) == (events, history)
