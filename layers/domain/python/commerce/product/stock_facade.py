"""The facade of stock as staff see it, and of what drops hold."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from commerce.product.commands import AdjustStock, SetStock
from commerce.product.errors import ProductNotFound
from commerce.product.model import Balance, Cause, Move, Movement, MovementReason, StockLevels
from commerce.product.repository import ProductRepository
from commerce.product.views import (
    StockMovementView,
    StockView,
    movement_view,
    stock_view,
    units_view,
)
from commerce.runtime.audit import Change
from commerce.shared import cursor
from commerce.shared import etag as versions
from commerce.shared.errors import Unavailable
from commerce.shared.etag import IfMatch, StaleVersion
from commerce.shared.pagination import page_of
from commerce.shared.schemas import Page

_AFTER_ALL = 2**63 - 1


class StockFacade:
    """Staff count and adjust what is on hand; drops hold a part of it. Orders sell the rest.

    Each method but `allot` and `return_allotted` raises ProductNotFound, and Unavailable while what
    is on hand is not known yet (decision 0012).
    """

    def __init__(self, products: ProductRepository) -> None:
        self._products = products

    def get(self, product_id: str) -> StockView:
        """Return a product's units."""
        found = cursor.parse_id(product_id)
        return stock_view(_known(product_id, self._products.find_levels(found) if found else None))

    def set(
        self, product_id: str, command: SetStock, *, by: str = "system", if_match: IfMatch = None
    ) -> StockView:
        """Take over a count of the shelf, of which what is reserved is not available.

        Or set what is available to a number, whatever is reserved.

        Raises:
            StaleVersion: the stock moved since the version seen, or another number is on hand than
                the counter expected.
            Oversold: more units are reserved than were counted.
        """
        locked = self._lock(product_id)
        balance = locked.balance
        is_expected = command.expected_on_hand in (None, balance.on_hand)
        if not (is_expected and versions.is_seen(if_match, locked.version, part=1)):
            raise StaleVersion(facts=units_view(balance).model_dump())
        if command.on_hand is not None:
            move = locked.move(command.on_hand - balance.on_hand)
        else:
            move = locked.move((command.quantity or 0) - balance.available)
        cause = Cause(reason=MovementReason.COUNTED, by=by)
        return self._changed(locked, move, cause, "SET_STOCK", {})

    def adjust(self, product_id: str, command: AdjustStock, *, by: str) -> StockView:
        """Add units to what is on hand and available, or take them away. Raises Oversold."""
        locked = self._lock(product_id)
        cause = Cause(reason=command.reason, by=by, note=command.note)
        details = command.model_dump(exclude={"delta"}, exclude_none=True)
        return self._changed(locked, locked.move(command.delta), cause, "ADJUST_STOCK", details)

    def movements(
        self, product_id: str, *, limit: int, after: str | None
    ) -> Page[StockMovementView]:
        """Return a page of a product's movements, newest first, each with the balance it led to.

        Raises InvalidCursor.
        """
        found = cursor.parse_id(product_id)
        if found is None:
            raise ProductNotFound([product_id])
        listing = f"movements:{found}"
        # A cursor carries the balance that its page ended with, so that no page reads another's.
        start = cursor.decode(listing, after, [int, int, int]) if after else [_AFTER_ALL]
        before, *carried = (int(str(part)) for part in start)
        levels, newest = self._products.find_movements(found, before, limit + 1) or (None, [])
        now = _known(product_id, levels).balance
        shown = list(_with_balances(newest, Balance(*carried) if carried else now))
        return page_of(listing, shown, limit, _place, lambda each: movement_view(*each))

    def allot(self, product_id: UUID, units: int, *, drop_id: UUID, by: str) -> None:
        """Give a drop available units: they are reserved from now on. Call it once for each lot.

        Locks the stock until the transaction ends, so lock the drop before, and allot lots by
        ascending product id. Raises ProductNotFound, OutOfStock.
        """
        locked = self._products.lock_stock(product_id)
        if locked is None:
            raise ProductNotFound([str(product_id)])
        cause = Cause(reason=MovementReason.DROP_ALLOTTED, by=by, drop_id=drop_id)
        self._products.change_stock(locked, locked.allot(units), cause)

    def return_allotted(self, units: Mapping[UUID, int], *, drop_id: UUID, by: str) -> None:
        """Make units of a drop available again, of each product so many. Call it once for each."""
        moves = [Move(product_id, number) for product_id, number in units.items()]
        cause = Cause(reason=MovementReason.DROP_RETURNED, by=by, drop_id=drop_id)
        self._products.move_stock(moves, cause)

    def _lock(self, product_id: str) -> StockLevels:
        found = cursor.parse_id(product_id)
        return _known(product_id, self._products.lock_stock(found) if found else None)

    def _changed(
        self,
        locked: StockLevels,
        move: Move,
        cause: Cause,
        action: str,
        details: Mapping[str, Any],
    ) -> StockView:
        self._products.change_stock(locked, move, cause)
        after = locked.after(move)
        facts = [units_view(each.balance).model_dump() for each in (locked, after)]
        change = Change(cause.by, action, locked.product_id, facts[0], {**facts[1], **details})
        self._products.record(change)
        return stock_view(after)


def _known(product_id: str, levels: StockLevels | None) -> StockLevels:
    if levels is None:
        raise ProductNotFound([product_id])
    if not levels.is_opened:
        raise Unavailable("What is on hand is being added up; try again in a minute.")
    return levels


def _with_balances(
    newest: Sequence[Movement], balance: Balance
) -> Iterator[tuple[Movement, Balance]]:
    for movement in newest:
        yield movement, balance
        balance = balance.before(movement.move)


def _place(last: tuple[Movement, Balance]) -> cursor.Position:
    movement, balance = last
    rest = balance.before(movement.move)
    return [movement.id, rest.on_hand, rest.available]
