"""Orders in memory: what a write changes, the next read sees."""

from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from commerce.order.model import Order, Status
from commerce.runtime.db.connection import Contention
from commerce.shared.events import Event


class MemoryOrderRepository:
    """The promises of commerce.order.repository.OrderRepository, without a database."""

    def __init__(self) -> None:
        self._orders: dict[UUID, Order] = {}
        self.events: list[Event] = []

    def add(self, order: Order) -> None:
        self._orders[order.id] = replace(deepcopy(order), events=[])
        self.events += order.events

    def find(self, id_: UUID) -> Order | None:
        return deepcopy(self._orders.get(id_))

    def lock(self, id_: UUID) -> Order | None:
        return self.find(id_)

    def save(self, order: Order) -> None:
        if self._orders[order.id].version != order.version - len(order.events):
            raise Contention("order_as_read")
        self.add(order)

    def lock_next_expired(self, now: datetime, after: tuple[datetime, UUID] | None) -> Order | None:
        expired = {
            (order.expires_at, order.id): order
            for order in self._orders.values()
            if order.status is Status.PENDING and order.expires_at and order.expires_at <= now
        }
        due = sorted(place for place in expired if after is None or place > after)
        return replace(deepcopy(expired[due[0]]), history=[]) if due else None

    def newest_of(self, buyer_id: UUID, before: UUID, limit: int) -> list[Order]:
        older = [
            replace(deepcopy(order), history=[])
            for order in self._orders.values()
            if order.buyer_id == buyer_id and order.id < before
        ]
        return sorted(older, key=lambda order: order.id, reverse=True)[:limit]
