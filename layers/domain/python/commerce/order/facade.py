"""The only door to the order context."""

from uuid import UUID

from commerce.order.commands import PlaceOrder
from commerce.order.errors import NotYourOrder, OrderNotFound
from commerce.order.model import Order, OrderLine
from commerce.order.repository import OrderRepository
from commerce.order.views import OrderDetailView, OrderView, detail_view, order_view
from commerce.point import PointFacade
from commerce.product import Offer, ProductFacade
from commerce.shared import clock, cursor
from commerce.shared.shapes import Page

_NEWEST = UUID(int=2**128 - 1)


class OrderFacade:
    """Orders are placed and read by their buyers."""

    def __init__(
        self, orders: OrderRepository, products: ProductFacade, points: PointFacade
    ) -> None:
        self._orders = orders
        self._products = products
        self._points = points

    def place(self, command: PlaceOrder, *, buyer_id: UUID) -> OrderView:
        """Take stock and points and confirm the order, all in one transaction, or nothing.

        Raises ProductNotFound (all missing ids), OutOfStock (every failing line),
        InsufficientPoints.
        """
        offers = self._products.offers([line.product_id for line in command.lines])
        wanted = [(offers[UUID(line.product_id)], line.quantity) for line in command.lines]
        order = Order.paid_by_points(
            id_=clock.new_id(),
            buyer_id=buyer_id,
            lines=[_line(offer, quantity) for offer, quantity in wanted],
            at=clock.now(),
        )
        self._products.sell(
            [(offer.product_id, quantity) for offer, quantity in wanted], offers, order.id
        )
        self._orders.add(order)
        self._points.spend(buyer_id, order.points_used, order.id)
        return order_view(order)

    def get(self, order_id: str, *, buyer_id: UUID) -> OrderDetailView:
        """One of the buyer's orders. Raises OrderNotFound, NotYourOrder."""
        found = cursor.parse_id(order_id)
        order = self._orders.find(found) if found else None
        if order is None:
            raise OrderNotFound
        if order.buyer_id != buyer_id:
            raise NotYourOrder
        return detail_view(order)

    def list(self, *, buyer_id: UUID, limit: int, after: str | None) -> Page[OrderView]:
        """The buyer's orders, newest first. Raises InvalidCursor."""
        listing = f"orders:{buyer_id}"
        before = cursor.decode(listing, after, [UUID])[0] if after else _NEWEST
        found = self._orders.newest_of(buyer_id, UUID(str(before)), limit + 1)
        more = cursor.encode(listing, [str(found[limit - 1].id)]) if len(found) > limit else None
        return Page(items=[order_view(order) for order in found[:limit]], next_cursor=more)


def _line(offer: Offer, quantity: int) -> OrderLine:
    return OrderLine(
        product_id=offer.product_id,
        product_name=offer.name,
        brand_id=offer.brand_id,
        brand_name=offer.brand_name,
        unit_price=offer.price,
        quantity=quantity,
    )
