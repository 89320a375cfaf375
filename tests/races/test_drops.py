"""Drops on real connections: seals, offers and orders against each other."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

import pytest

from commerce.app import drops
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.drop import (
    CancelDrop,
    DropClosed,
    DropFacade,
    DropOverlaps,
    DropPromotion,
    DropSealed,
    promotion,
)
from commerce.runtime.db.connection import COMMIT
from commerce.shared import clock
from commerce.shared.errors import CommerceError
from docs.verify_drop import verify
from tests.support.drops import (
    a_drop,
    a_proof,
    a_published_drop,
    an_offering_drop,
    an_open_drop,
    begin_entries,
    drop_terms,
    end_claims,
    entering,
    entries,
    in_line,
    join,
    order_offer,
    promote,
    reach_draw,
    settle,
    shift,
    status_of_entry,
    statuses,
)
from tests.support.orders import cancel, outcome, place
from tests.support.other_connection import an_observer, held_by_another, wait_until
from tests.support.shop import (
    a_buyer,
    a_product,
    a_striped_product,
    assert_books_hold,
    rows,
    stock_of,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

THREADS = 16
BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"


def refused(call: Callable[[], Any]) -> str:
    """Say OK, or the code of the refusal."""
    try:
        call()
    except CommerceError as refusal:
        return refusal.code
    return "OK"


def test_a_thousand_joins_at_once_are_a_thousand_entries() -> None:
    drop_id, users = a_drop(5), [clock.new_id() for _ in range(1_000)]
    begin_entries(drop_id)

    def join_some(part: int) -> list[bool]:
        return [join(drop_id, user)[1] for user in users[part::THREADS]]

    joined = run_concurrently([partial(join_some, part) for part in range(THREADS)])
    reach_draw(drop_id)
    settle(drop_id)

    assert sum(map(sum, joined)) == 1_000
    assert [row.position for row in entries(drop_id)] == list(range(1, 1_001))
    assert Counter(statuses(drop_id)) == {"OFFERED": 5, "WAITING": 995}


def test_one_person_who_joins_many_times_at_once_has_one_entry() -> None:
    drop_id, user = a_drop(1), clock.new_id()
    begin_entries(drop_id)

    answers = run_concurrently([partial(join, drop_id, user, "one person")] * THREADS)

    assert len({entry.entry_id for entry, _ in answers}) == 1
    assert sum(is_new for _, is_new in answers) == 1


def test_a_join_that_was_answered_before_the_seal_is_in_the_pool() -> None:
    drop_id = a_drop(2, mode="LOTTERY")
    begin_entries(drop_id)
    shift(drop_id, draws_at="clock_timestamp() + interval '200 ms'")
    users = [clock.new_id() for _ in range(THREADS * 20)]

    def join_some(part: int) -> list[UUID]:
        admitted = []
        for user in users[part::THREADS]:
            with suppress(DropSealed, DropClosed):
                admitted.append(UUID(join(drop_id, user)[0].entry_id))
        return admitted

    def seal() -> list[UUID]:
        wait_until(lambda: in_transaction(drops._step, drop_id).awaits is not None)
        return []

    jobs = [partial(join_some, part) for part in range(THREADS)]
    together: list[Callable[[], list[UUID]]] = [*jobs[:8], seal, *jobs[8:]]
    answered = run_concurrently(together)

    pool = {row.id for row in entries(drop_id) if row.in_pool}
    assert pool == {entry for part in answered for entry in part}
    settle(drop_id)
    assert len([row for row in entries(drop_id) if row.position]) == len(pool)


def test_a_seal_waits_for_a_join_that_has_begun() -> None:
    drop_id, joined, sealed = a_drop(1), Event(), Event()
    begin_entries(drop_id)

    def join_slowly(shop: Shop) -> str:
        entry, _ = entering(shop, drop_id, clock.new_id())
        joined.set()
        wait_until(lambda: sealed.is_set() or somebody_waits_for_entries())
        return entry.entry_id

    def seal() -> str:
        assert joined.wait(30)
        reach_draw(drop_id)
        in_transaction(drops._step, drop_id)
        sealed.set()
        return ""

    together: list[Callable[[], str]] = [partial(in_transaction, join_slowly), seal]
    entry_id, _ = run_concurrently(together)

    assert [(str(row.id), row.in_pool) for row in entries(drop_id)] == [(entry_id, True)]


def test_no_join_waits_for_the_work_of_a_seal() -> None:
    drop_id, sealing = a_published_drop(a_product(stock=1)), Event()
    begin_entries(drop_id)
    join(drop_id, clock.new_id())
    reach_draw(drop_id)

    def seal(shop: Shop) -> bool:
        step = shop.drop_promotion.step(drop_id)
        sealing.set()
        return step.awaits is not None and joined.wait(30)

    def join_late() -> bool:
        assert sealing.wait(30)
        _, is_new = join(drop_id, clock.new_id())
        joined.set()
        return is_new

    joined = Event()
    calls: list[Callable[[], bool]] = [partial(in_transaction, seal), join_late]
    assert run_concurrently(calls) == [True, True]
    settle(drop_id)
    assert [row.in_pool for row in entries(drop_id)] == [True, False]


def cancel_drop(drop_id: UUID) -> None:
    command = CancelDrop(reason="Damaged")
    in_transaction(drops.cancel_drop, str(drop_id), command, by="test", if_match=None)


def end_offers(drop_id: UUID) -> None:
    """Let the time of the last offer come, and the drop be closed."""
    shift(drop_id, offers_until="clock_timestamp() + make_interval(mins => claim_minutes)")
    in_transaction(drops._step, drop_id)


@pytest.mark.parametrize("end", [cancel_drop, end_offers])
def test_an_end_of_a_drop_waits_for_a_join_that_has_begun(end: Callable[[UUID], None]) -> None:
    drop_id, joined, ended = a_published_drop(a_product(stock=1)), Event(), Event()
    begin_entries(drop_id)
    reach_draw(drop_id)
    settle(drop_id)

    def join_slowly(shop: Shop) -> None:
        entering(shop, drop_id, clock.new_id())
        joined.set()
        wait_until(lambda: ended.is_set() or somebody_waits_for_entries())

    def end_it() -> None:
        assert joined.wait(30)
        end(drop_id)
        ended.set()

    together: list[Callable[[], None]] = [partial(in_transaction, join_slowly), end_it]
    run_concurrently(together)

    assert statuses(drop_id) == ["VOID"]


def somebody_waits_for_entries() -> bool:
    """Return whether a session waits for an advisory lock of this database."""
    sql = "SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database"
    return bool(
        rows(f"{sql} WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted")
    )


def test_many_promotes_at_once_offer_each_unit_once() -> None:
    product, buyers = a_product(stock=3), [a_buyer() for _ in range(12)]
    drop_id = an_offering_drop(product, buyers, units=3)
    end_claims(drop_id)

    run_concurrently([partial(settle, drop_id)] * THREADS)

    assert statuses(drop_id) == ["LAPSED"] * 3 + ["OFFERED"] * 3 + ["WAITING"] * 6
    assert_books_hold(product)


@pytest.mark.parametrize("part", [3, promotion.DRAW_PART])
def test_withdrawals_and_joins_against_a_draw_leave_one_line(
    monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(promotion, "DRAW_PART", part)
    product, users = a_product(stock=5), [clock.new_id() for _ in range(24)]
    drop_id = a_published_drop(product, units=5)
    begin_entries(drop_id)
    for user in users:
        join(drop_id, user)
    reach_draw(drop_id)
    assert in_transaction(DropPromotion.step, drop_id).awaits

    together: list[Callable[[], object]] = [partial(settle, drop_id)] * 3
    for user in users[:6]:
        withdraw = partial(in_transaction, DropFacade.withdraw, str(drop_id), user_id=user)
        together.append(withdraw)
    together += [partial(join, drop_id, clock.new_id()) for _ in range(6)]
    run_concurrently(together)
    settle(drop_id)

    line = entries(drop_id)
    assert [row.position for row in line] == list(range(1, len(users) + 7))
    assert {row.user_id for row in line if row.status == "WITHDRAWN"} == set(users[:6])
    served = [row.status for row in line if row.status != "WITHDRAWN"]
    assert served == ["OFFERED"] * 5 + ["WAITING"] * (len(users) - 5)
    assert [claim for claim, holds in verify(a_proof(drop_id)) if not holds] == []
    assert_books_hold(product)


def test_an_offer_ordered_many_times_at_once_is_one_order() -> None:
    product, buyer = a_product(stock=1, price=10), a_buyer(1_000)
    drop_id = an_offering_drop(product, [buyer])
    [(_, entry)] = in_line(drop_id, [buyer])

    answers = run_concurrently([partial(order_offer, buyer, entry, product)] * THREADS)

    assert Counter(map(outcome, answers)) == {"201": 1, "OFFER_NOT_VALID": THREADS - 1}
    assert_books_hold(product, users=[buyer.user_id])


def test_an_offer_is_ordered_or_lapses_never_both() -> None:
    product, buyers = a_product(stock=4, price=10), [a_buyer(100) for _ in range(8)]
    drop_id = an_offering_drop(product, buyers, units=4)
    offered = in_line(drop_id, buyers)[:4]

    def lapse() -> str:
        end_claims(drop_id)
        settle(drop_id)
        return "lapsed"

    orders = [partial(order_offer, buyer, entry, product) for buyer, entry in offered]
    together: list[Callable[[], Any]] = [*orders[:2], lapse, *orders[2:], lapse]
    answers = run_concurrently(together)

    placed = [each for each in answers if each != "lapsed" and outcome(each) == "201"]
    found = Counter(statuses(drop_id))
    assert found["BOUGHT"] == len(placed)
    assert found["BOUGHT"] + found["OFFERED"] <= 4
    assert_books_hold(product, users=[each.user_id for each in buyers])


def test_an_offer_is_withdrawn_or_ordered_never_both() -> None:
    product, buyer = a_product(stock=1, price=10), a_buyer(100)
    drop_id = an_offering_drop(product, [buyer])
    [(_, entry)] = in_line(drop_id, [buyer])
    withdraw = partial(in_transaction, DropFacade.withdraw, str(drop_id), user_id=buyer.user_id)

    answers = run_concurrently(
        [
            lambda: outcome(order_offer(buyer, entry, product)),
            lambda: refused(withdraw),
        ]
    )

    assert sorted(answers) in (["201", "ENTRY_ORDERED"], ["OFFER_NOT_VALID", "OK"])
    assert_books_hold(product, users=[buyer.user_id])


def test_cancellations_against_promotes_pass_each_unit_on_once() -> None:
    product, buyers = a_product(stock=4, price=10), [a_buyer(100) for _ in range(10)]
    drop_id = an_offering_drop(product, buyers, units=4)
    bought = [
        (buyer, order_offer(buyer, entry, product).json["order_id"])
        for buyer, entry in in_line(drop_id, buyers)[:4]
    ]

    together: list[Callable[[], object]] = [partial(settle, drop_id)] * 4
    together += [partial(cancel, buyer, order_id) for buyer, order_id in bought]
    run_concurrently(together)
    settle(drop_id)

    assert statuses(drop_id) == ["CANCELLED"] * 4 + ["OFFERED"] * 4 + ["WAITING"] * 2
    assert_books_hold(product, users=[each.user_id for each in buyers])


@pytest.mark.parametrize("stripes", [1, 4])
def test_a_publication_against_orders_sells_no_unit_beside_the_drop(stripes: int) -> None:
    product = a_striped_product(stripes, stock=40, price=1) if stripes > 1 else a_product(40, 1)
    buyers = [a_buyer(100) for _ in range(THREADS)]
    draft = in_transaction(drops.create_drop, drop_terms(product, 5), by="test").drop_id

    def publish() -> str:
        in_transaction(drops.publish_drop, draft, by="test", if_match=None)
        return "published"

    orders = [partial(place, buyer, (product, 1)) for buyer in buyers]
    together: list[Callable[[], Any]] = [*orders[:8], publish, *orders[8:]]
    answers = run_concurrently(together)

    codes = Counter(outcome(each) for each in answers if each != "published")
    assert set(codes) <= {"201", "DROP_ONLY"}
    assert stock_of(product) == 35 - codes["201"]
    assert outcome(place(buyers[0], (product, 1))) == "DROP_ONLY"
    assert_books_hold(product, users=[each.user_id for each in buyers])


def test_two_drops_of_one_product_published_at_once_are_one() -> None:
    product = a_product(stock=10)
    drafts = [
        in_transaction(drops.create_drop, drop_terms(product, 2), by="test").drop_id
        for _ in range(4)
    ]

    codes = run_concurrently(
        [
            partial(
                refused,
                partial(in_transaction, drops.publish_drop, draft, by="test", if_match=None),
            )
            for draft in drafts
        ]
    )

    assert Counter(codes) == {"OK": 1, DropOverlaps.code: 3}
    assert stock_of(product) == 8
    assert_books_hold(product)


def test_a_cancelled_drop_against_orders_keeps_only_what_was_ordered() -> None:
    product, buyers = a_product(stock=6, price=10), [a_buyer(100) for _ in range(6)]
    drop_id = an_offering_drop(product, buyers, units=6)

    def cancel_it() -> str:
        cancel_drop(drop_id)
        return "cancelled"

    line = in_line(drop_id, buyers)
    orders = [partial(order_offer, buyer, entry, product) for buyer, entry in line]
    together: list[Callable[[], Any]] = [*orders[:3], cancel_it, *orders[3:]]
    answers = run_concurrently(together)

    placed = sum(each != "cancelled" and outcome(each) == "201" for each in answers)
    assert Counter(statuses(drop_id)) == Counter(
        {"BOUGHT": placed, "VOID": 6 - placed} if placed else {"VOID": 6}
    )
    assert stock_of(product) == 6 - placed
    assert_books_hold(product, users=[each.user_id for each in buyers])


def test_a_drop_of_another_product_stops_no_order() -> None:
    a_published_drop(a_product(stock=1))
    product, buyer = a_product(stock=1, price=1), a_buyer(10)

    assert outcome(place(buyer, (product, 1))) == "201"


def test_a_unit_whose_next_entry_withdraws_meanwhile_goes_to_the_one_behind(
    own_shop: str,
) -> None:
    drop_id, _ = an_open_drop(3, units=1)
    first, second, third = (str(row.id) for row in entries(drop_id))
    end_claims(drop_id)
    leave = (
        "UPDATE drop_entry SET status = 'WITHDRAWN', version = version + 1,"
        " left_at = clock_timestamp() WHERE id = $1"
    )
    name = own_shop.rsplit("/", 1)[1]
    with ThreadPoolExecutor(1) as threads, an_observer(own_shop) as look:
        with held_by_another(own_shop, leave, second) as leaving:
            step = threads.submit(run_concurrently, [lambda: promote(drop_id)])
            wait_until(lambda: look(BLOCKED, name) or step.done())
            leaving.run([COMMIT])
        step.result()
    assert [status_of_entry(each) for each in (first, second, third)] == [
        "LAPSED", "WITHDRAWN", "OFFERED",
    ]  # fmt: skip
