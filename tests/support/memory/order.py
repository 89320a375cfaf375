"""Orders in memory: what a write changes, the next read sees."""

from collections import Counter
from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from commerce.order.limits import COOLDOWN, HoldLimits, LimitedPurchase
from commerce.order.model import NOTHING_FOR_THE_CARD, PAID_BY_POINTS, Order, Status
from commerce.runtime.audit import Change
from commerce.runtime.db.connection import Contention
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import ErrorFactory
from commerce.shared.events import Event


class MemoryOrderRepository:
    """The promises of commerce.order.repository.OrderRepository, without a database."""

    def __init__(self) -> None:
        self._orders: dict[UUID, Order] = {}
        self.events: list[Event] = []
        self.changes: list[Change] = []

    def add(self, order: Order) -> None:
        stored = replace(deepcopy(order), events=[], freed=(), refund=None, changed_return=None)
        self._orders[order.id] = stored
        self.events += order.events

    def reads_of_one(self, id_: UUID) -> Sequence[Query]:
        return ()

    def find(self, id_: UUID) -> Order | None:
        return deepcopy(self._orders.get(id_))

    def locks_of_one(self, id_: UUID) -> Sequence[Query]:
        return ()

    def lock(self, id_: UUID) -> Order | None:
        return self.find(id_)

    def order_of_return(self, return_id: UUID) -> UUID | None:
        for order in self._orders.values():
            if any(each.id == return_id for each in order.returns):
                return order.id
        return None

    def record(self, change: Change) -> None:
        self.changes.append(change)

    def save(self, order: Order) -> None:
        if self._orders[order.id].version != order.version - len(order.events):
            raise Contention("order_as_read")
        self.add(order)

    def save_address(self, order: Order) -> None:
        if order.events:
            self.save(order)

    def lock_next_expired(self, now: datetime, after: tuple[datetime, UUID] | None) -> Order | None:
        expired = {
            (order.expires_at, order.id): order
            for order in self._orders.values()
            if order.status is Status.PENDING and order.expires_at and order.expires_at <= now
        }
        due = sorted(place for place in expired if after is None or place > after)
        return replace(deepcopy(expired[due[0]]), history=[]) if due else None

    def require_purchase_limits(
        self, buyer_id: UUID, purchases: Sequence[LimitedPurchase], *, on_exceeded: ErrorFactory
    ) -> None:
        taken = self.units_of(buyer_id, [each.product_id for each in purchases])
        if any(taken.get(p.product_id, 0) + p.requested > p.limit for p in purchases):
            raise on_exceeded() or Contention("purchase_limit")

    def require_may_hold(
        self,
        buyer_id: UUID,
        limits: HoldLimits,
        at: datetime,
        *,
        on_too_many: ErrorFactory,
        on_cooldown: ErrorFactory,
    ) -> None:
        if self.count_unpaid(buyer_id) >= limits.unpaid_orders:
            raise on_too_many() or Contention("unpaid_order_limit")
        last = self.last_lapse(buyer_id, limits.lapses, at)
        if last is not None and last > at - COOLDOWN:
            raise on_cooldown() or Contention("no_hold_cooldown")

    def units_of(self, buyer_id: UUID, product_ids: Collection[UUID]) -> dict[UUID, int]:
        units = Counter[UUID]()
        for order in self._orders_of(buyer_id):
            if order.status is not Status.CANCELLED:
                for line in order.lines:
                    units[line.product_id] += line.quantity_left
        return {id_: units[id_] for id_ in product_ids if id_ in units}

    def count_unpaid(self, buyer_id: UUID) -> int:
        return sum(each.status is Status.PENDING for each in self._orders_of(buyer_id))

    def last_lapse(self, buyer_id: UUID, lapses: int, at: datetime) -> datetime | None:
        ends = sorted(
            order.history[-1].at
            for order in self._orders_of(buyer_id)
            if order.status is Status.CANCELLED
            and not order.history[-1].by.startswith("admin:")
            and all(each.status is not Status.CONFIRMED for each in order.history)
        )
        several = zip(ends, ends[lapses - 1 :], strict=False)
        return max((last for first, last in several if first > last - COOLDOWN), default=None)

    def _orders_of(self, buyer_id: UUID) -> list[Order]:
        return [each for each in self._orders.values() if each.buyer_id == buyer_id]

    def open_of(self, buyer_id: UUID) -> list[UUID]:
        ended = (Status.DELIVERED, Status.CANCELLED)
        return sorted(
            order.id
            for order in self._orders_of(buyer_id)
            if order.status not in ended or any(each.is_open for each in order.returns)
        )

    def forget_addresses(self, buyer_id: UUID) -> None:
        for order in self._orders_of(buyer_id):
            order.ship_to = None

    def forget_reasons(self, buyer_id: UUID, replacement: str) -> None:
        for order in self._orders_of(buyer_id):
            order.history = [
                replace(each, reason=replacement)
                if each.by == f"user:{buyer_id}"
                and each.status in (Status.CANCELLED, Status.CONFIRMED)
                and each.reason not in (PAID_BY_POINTS, NOTHING_FOR_THE_CARD)
                else each
                for each in order.history
            ]
            order.returns = [
                replace(each, lines=tuple(replace(x, reason=replacement) for x in each.lines))
                for each in order.returns
            ]

    def newest_of(self, buyer_id: UUID, before: UUID, limit: int) -> list[Order]:
        older = [deepcopy(each) for each in self._orders_of(buyer_id) if each.id < before]
        return sorted(older, key=lambda order: order.id, reverse=True)[:limit]
