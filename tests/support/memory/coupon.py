"""Coupons in memory: what a write changes, the next read sees."""

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from uuid import UUID

from commerce.coupon.model import Coupon, IssuedCoupon, IssuedStatus
from commerce.runtime.audit import Change
from commerce.runtime.db.connection import Contention
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import ErrorFactory
from commerce.shared import clock
from commerce.shared.events import Event


class MemoryCouponRepository:
    """The promises of commerce.coupon.repository.CouponRepository, without a database."""

    def __init__(self) -> None:
        self._coupons: dict[UUID, Coupon] = {}
        self._issued: dict[UUID, IssuedCoupon] = {}
        self.events: list[Event] = []
        self.changes: list[Change] = []

    def _find(self, id_: UUID) -> Coupon | None:
        found = self._coupons.get(id_)
        if found is None:
            return None
        count = Counter(each.coupon.id for each in self._issued.values())[id_]
        return replace(found, issued_quantity=count, as_of=clock.now())

    def open_offers(self, before: UUID, limit: int) -> list[Coupon]:
        found = [self._find(id_) for id_ in sorted(self._coupons, reverse=True) if id_ < before]
        return [
            each
            for each in found
            if each is not None
            and each.valid_from <= each.as_of < each.valid_until
            and each.issued_quantity < each.total_quantity
        ][:limit]

    def add(self, coupon: Coupon) -> None:
        self._coupons[coupon.id] = coupon

    def record(self, change: Change) -> None:
        self.changes.append(change)

    def find_for(self, id_: UUID, user_id: UUID) -> tuple[Coupon | None, IssuedCoupon | None]:
        mine = [
            id_of_copy
            for id_of_copy, each in self._issued.items()
            if (each.coupon.id, each.user_id) == (id_, user_id)
        ]
        return self._find(id_), self.find_issued(mine[0]) if mine else None

    def issue(self, issued: IssuedCoupon, *, on_sold_out: ErrorFactory) -> None:
        coupon, mine = self.find_for(issued.coupon.id, issued.user_id)
        if mine is not None:
            raise Contention("coupon_issued_once_per_user")
        if coupon is None or coupon.issued_quantity >= coupon.total_quantity:
            raise on_sold_out() or Contention("coupon_left")
        self._keep(issued)

    def reads_of_issued(self, id_: UUID) -> Sequence[Query]:
        return ()

    def find_issued(self, id_: UUID) -> IssuedCoupon | None:
        found = deepcopy(self._issued.get(id_))
        coupon = self._find(found.coupon.id) if found else None
        return replace(found, coupon=coupon) if found and coupon else None

    def lock_issued(self, id_: UUID) -> IssuedCoupon | None:
        return self.find_issued(id_)

    def use(self, issued: IssuedCoupon, *, on_violation: ErrorFactory) -> None:
        kept = self.find_issued(issued.id)
        if kept is None or kept.status is not IssuedStatus.AVAILABLE:
            raise on_violation() or Contention("coupon_as_read")
        self.save(issued)

    def save(self, issued: IssuedCoupon) -> None:
        if self._issued[issued.id].version != issued.version - len(issued.events):
            raise Contention("coupon_as_read")
        self._keep(issued)

    def newest_of(
        self, user_id: UUID, status: IssuedStatus | None, before: UUID, limit: int
    ) -> list[IssuedCoupon]:
        found = [self.find_issued(id_) for id_ in sorted(self._issued, reverse=True)]
        return [
            each
            for each in found
            if each is not None
            and each.user_id == user_id
            and each.id < before
            and status in (None, each.status)
        ][:limit]

    def _keep(self, issued: IssuedCoupon) -> None:
        self._issued[issued.id] = replace(deepcopy(issued), events=[])
        self.events += issued.events
