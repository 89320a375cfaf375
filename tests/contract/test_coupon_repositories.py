"""Coupons are kept in memory as in PostgreSQL, each by its own clock."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID, uuid4

import pytest

from commerce.coupon import CouponNotUsable, CouponSoldOut, IssuedStatus
from commerce.coupon.model import Coupon, IssuedCoupon, Kind
from commerce.coupon.repository import CouponRepository, SqlCouponRepository
from commerce.runtime.db.connection import Contention, Database
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.shared.money import Money
from tests.support.memory.coupon import MemoryCouponRepository

Opened: TypeAlias = Callable[[], AbstractContextManager[CouponRepository]]
LAST = UUID(int=2**128 - 1)


@pytest.fixture(params=["memory", "sql"])
def coupons(request: pytest.FixtureRequest, database_url: str) -> Iterator[Opened]:
    """Opens a transaction on the repository; leaving it commits."""
    if request.param == "memory":
        kept = MemoryCouponRepository()
        yield lambda: nullcontext(kept)
        return
    database = Database(lambda: database_url)

    @contextmanager
    def transaction() -> Iterator[CouponRepository]:
        with UnitOfWork(database) as uow:
            yield SqlCouponRepository(uow)
            uow.commit()

    yield transaction
    database.close()


def a_coupon(days: int = 1, **fields: object) -> Coupon:
    now = clock.now()
    offer = Coupon(
        id=clock.new_id(),
        name="Autumn \N{ANCHOR} '\"\\ $1",
        kind=Kind.RATE,
        value=15,
        max_discount=None,
        min_order_amount=1_000,
        currency="KRW",
        total_quantity=5,
        issued_quantity=0,
        valid_from=now - timedelta(days=2),
        valid_until=now + timedelta(days=days),
        as_of=now,
    )
    return replace(offer, **fields)  # type: ignore[arg-type]


def kept(coupons: Opened, coupon: Coupon) -> Coupon:
    with coupons() as repository:
        repository.add(coupon)
    return coupon


def issued(coupons: Opened, coupon: Coupon, user_id: UUID | None = None) -> IssuedCoupon:
    """A copy, kept while its offer is open, whatever the offer says now."""
    copy = replace(coupon, as_of=coupon.valid_from).issue(clock.new_id(), user_id or uuid4())
    with coupons() as repository:
        repository.issue(copy, on_sold_out=CouponSoldOut)
    return copy


def find(coupons: Opened, id_: UUID) -> IssuedCoupon:
    with coupons() as repository:
        found = repository.find_issued(id_)
    assert found is not None
    return found


def test_a_stored_coupon_is_read_back_unchanged(coupons: Opened) -> None:
    plain, capped = kept(coupons, a_coupon()), kept(coupons, a_coupon(max_discount=7))
    with coupons() as repository:
        assert repository.find_for(plain.id, uuid4())[0] == plain
        assert repository.find_for(capped.id, uuid4())[0] == capped
        assert repository.find_for(uuid4(), uuid4())[0] is None
        found = repository.find_for(plain.id, uuid4())[0]
    assert found is not None
    assert abs(found.as_of - clock.now()) < timedelta(minutes=5)


def test_exactly_as_many_copies_as_offered_are_issued(coupons: Opened) -> None:
    coupon, user_id = kept(coupons, a_coupon(total_quantity=3)), uuid4()
    mine = issued(coupons, coupon, user_id)
    with coupons() as repository:
        offer, copy = repository.find_for(coupon.id, user_id)
        assert offer == replace(coupon, issued_quantity=1)
        assert copy == replace(mine, coupon=replace(coupon, issued_quantity=1), events=[])
        assert repository.find_for(coupon.id, uuid4()) == (offer, None)
        assert repository.find_for(uuid4(), user_id) == (None, None)
    issued(coupons, coupon)
    issued(coupons, coupon)
    with pytest.raises(CouponSoldOut):
        issued(coupons, coupon)
    with coupons() as repository:
        assert repository.find_for(coupon.id, uuid4())[0] == replace(coupon, issued_quantity=3)


def test_a_user_gets_no_second_copy_of_a_coupon(coupons: Opened) -> None:
    coupon, user_id = kept(coupons, a_coupon()), uuid4()
    issued(coupons, coupon, user_id)
    with pytest.raises(Contention):
        issued(coupons, coupon, user_id)
    with coupons() as repository:
        assert repository.find_for(coupon.id, uuid4())[0] == replace(coupon, issued_quantity=1)


def test_open_offers_are_those_that_can_be_issued_newest_first(coupons: Opened) -> None:
    first, over = kept(coupons, a_coupon()), kept(coupons, a_coupon(days=-1))
    early = kept(coupons, a_coupon(valid_from=clock.now() + timedelta(hours=1)))
    gone, last = kept(coupons, a_coupon(total_quantity=1)), kept(coupons, a_coupon())
    issued(coupons, gone)
    ours = {each.id for each in (first, over, early, gone, last)}
    with coupons() as repository:
        found = repository.open_offers(LAST, 100)
        assert [each.id for each in found if each.id in ours] == [last.id, first.id]
        behind = repository.open_offers(last.id, 100)
        assert [each.id for each in behind if each.id in ours] == [first.id]
        assert len(repository.open_offers(LAST, 1)) == 1


def test_a_copy_is_used_once_and_can_be_returned(coupons: Opened) -> None:
    copy = issued(coupons, kept(coupons, a_coupon()))
    order_id = uuid4()
    read, outdated, long_ago = (find(coupons, copy.id) for _ in range(3))
    read.use(order_id, Money(1_000))
    with coupons() as repository:
        repository.use(read, on_violation=lambda: None)
    assert find(coupons, copy.id) == replace(read, events=[])

    outdated.use(uuid4(), Money(1_000))
    for refused, error in ((CouponNotUsable, CouponNotUsable), (lambda: None, Contention)):
        with pytest.raises(error), coupons() as repository:
            repository.use(outdated, on_violation=refused)
    assert find(coupons, copy.id).used_by_order == order_id

    with coupons() as repository:
        locked = repository.lock_issued(copy.id)
        assert locked is not None
        locked.restore(order_id)
        repository.save(locked)
    assert find(coupons, copy.id) == replace(locked, events=[])
    assert find(coupons, copy.id).status is IssuedStatus.AVAILABLE
    long_ago.use(uuid4(), Money(1_000))  # it is free again, but its version is another
    with pytest.raises(Contention), coupons() as repository:
        repository.use(long_ago, on_violation=lambda: None)
    with coupons() as repository:
        assert repository.lock_issued(uuid4()) is None


@pytest.mark.parametrize("days", [-1, 0])
def test_an_expired_copy_is_not_used_even_if_read_as_valid(coupons: Opened, days: int) -> None:
    copy = issued(coupons, kept(coupons, a_coupon(days=days)))
    read = find(coupons, copy.id)
    assert read.status is IssuedStatus.EXPIRED
    read.coupon = replace(read.coupon, as_of=read.coupon.valid_from)
    read.use(uuid4(), Money(1_000))
    with pytest.raises(CouponNotUsable), coupons() as repository:
        repository.use(read, on_violation=CouponNotUsable)
    assert find(coupons, copy.id).used_by_order is None


def test_a_users_copies_are_listed_newest_first_and_by_status(coupons: Opened) -> None:
    user_id = uuid4()
    ours = [kept(coupons, a_coupon()), kept(coupons, a_coupon(days=-1)), kept(coupons, a_coupon())]
    fresh, over, used = (issued(coupons, each, user_id) for each in ours)
    issued(coupons, ours[0])
    read = find(coupons, used.id)
    read.use(uuid4(), Money(1_000))
    with coupons() as repository:
        repository.use(read, on_violation=lambda: None)

    def ids(status: IssuedStatus | None, before: UUID = LAST, limit: int = 10) -> list[UUID]:
        with coupons() as repository:
            return [each.id for each in repository.newest_of(user_id, status, before, limit)]

    assert ids(None) == [used.id, over.id, fresh.id]
    assert ids(None, limit=2) == [used.id, over.id]
    assert ids(None, before=used.id) == [over.id, fresh.id]
    assert ids(IssuedStatus.USED) == [used.id]
    assert ids(IssuedStatus.EXPIRED) == [over.id]
    assert ids(IssuedStatus.AVAILABLE) == [fresh.id]
    assert ids(IssuedStatus.AVAILABLE, before=fresh.id) == []
