"""A drop from its entries to its close, on PostgreSQL."""

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
    DropPromotion,
    DropSealed,
    EntryFinished,
    EntryOrdered,
    PersonAlreadyEntered,
    PublicState,
)
from commerce.runtime.db.pipeline import Row
from commerce.shared import clock
from docs.verify_drop import verify
from tests.support.drops import (
    a_drop,
    a_proof,
    an_open_drop,
    begin_entries,
    drop_terms,
    end_claims,
    entries,
    join,
    promote,
    reach_draw,
    settle,
    shift,
    statuses,
)
from tests.support.lambda_calls import call
from tests.support.shop import a_buyer, a_product, assert_books_hold, stock_of

pytestmark = pytest.mark.usefixtures("shop_environment")


def failures(proof: dict[str, Any]) -> list[str]:
    return [claim for claim, holds in verify(proof) if not holds]


def order(row: Row) -> UUID:
    """Use an entry's offer; return the order's id."""
    order_id = clock.new_id()

    def place(shop: Shop) -> None:
        offer = shop.drops.offer(str(row.id), user_id=row.user_id)
        shop.drops.use(offer, order_id, is_paid=False)

    in_transaction(place)
    return order_id


def test_the_first_in_line_are_offered_the_units() -> None:
    drop_id, _ = an_open_drop(5, units=2)

    assert statuses(drop_id) == ["OFFERED", "OFFERED", "WAITING", "WAITING", "WAITING"]
    assert [row.position for row in entries(drop_id)] == [1, 2, 3, 4, 5]
    assert failures(a_proof(drop_id)) == []


def test_the_signature_decides_the_order() -> None:
    orders = set()
    for signature in ("01" * 48, "02" * 48):
        drop_id, users = a_drop(1), [clock.new_id() for _ in range(8)]
        begin_entries(drop_id)
        for user in users:
            join(drop_id, user)
        reach_draw(drop_id)
        promote(drop_id, signature)
        orders.add(tuple(users.index(row.user_id) for row in entries(drop_id)))

    assert len(orders) == 2


def test_who_comes_after_the_draw_stands_behind_the_pool() -> None:
    drop_id, _ = an_open_drop(3, units=1)
    late = [clock.new_id() for _ in range(3)]
    for user in late:
        join(drop_id, user)

    promote(drop_id)

    assert [row.user_id for row in entries(drop_id)][3:] == late
    assert failures(a_proof(drop_id)) == []


def test_an_entry_between_seal_and_draw_stands_behind_the_pool() -> None:
    drop_id = a_drop(1)
    begin_entries(drop_id)
    pool = {join(drop_id, clock.new_id())[0].entry_id for _ in range(3)}
    reach_draw(drop_id)
    assert in_transaction(DropPromotion.step, drop_id).awaits is not None
    late = [join(drop_id, clock.new_id())[0].entry_id for _ in range(4)]

    promote(drop_id)

    line = [str(row.id) for row in entries(drop_id)]
    assert (set(line[:3]), line[3:]) == (pool, late)


def test_a_position_is_never_changed() -> None:
    drop_id, _ = an_open_drop(6, units=2)
    given = {row.id: row.position for row in entries(drop_id)}

    for _ in range(3):
        join(drop_id, clock.new_id())
        end_claims(drop_id)
        promote(drop_id)
        now = {row.id: row.position for row in entries(drop_id)}
        assert now | given == now
        given = now

    assert sorted(filter(None, given.values())) == list(range(1, 10))


@pytest.mark.parametrize("name", ["get_drop", "get_drop_proof", "get_drop_report", "get_my_entry"])
@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_drop_that_was_never_published_is_not_found(name: str, *, is_cancelled: bool) -> None:
    draft = a_draft(is_cancelled=is_cancelled)
    step = {"get_drop": "", "get_my_entry": "/entries/me"}.get(name, f"/{name[9:]}")

    token = a_buyer().token if name == "get_my_entry" else None
    answer = call(f"drop/{name}", "GET", f"/drops/{draft}{step}", token=token)

    assert (answer.status, answer.json["code"]) == (404, "DROP_NOT_FOUND")


def test_a_cancelled_draft_is_listed_to_staff_alone() -> None:
    draft = a_draft(is_cancelled=True)

    def listed(state: PublicState | None = None, *, with_drafts: bool = False) -> list[str]:
        page = in_transaction(
            DropFacade.list, limit=100, after=None, state=state, with_drafts=with_drafts
        )
        return [each.drop_id for each in page.items]

    assert draft in listed(with_drafts=True)
    assert draft not in listed() + listed(PublicState.CANCELLED)


def a_draft(*, is_cancelled: bool) -> str:
    terms = drop_terms(a_product(stock=3), 2)
    draft = in_transaction(drops.create_drop, terms, by="test").drop_id
    if is_cancelled:
        command = CancelDrop(reason="Not now")
        in_transaction(drops.cancel_drop, draft, command, by="test", if_match=None)
    return draft


def test_a_cancelled_draft_gives_no_units_back() -> None:
    product = a_product(stock=3)
    draft = in_transaction(drops.create_drop, drop_terms(product, 2), by="test").drop_id
    command = CancelDrop(reason="Not now")
    in_transaction(drops.cancel_drop, draft, command, by="test", if_match=None)

    settle(UUID(draft))

    assert stock_of(product) == 3
    assert_books_hold(product)


def test_a_lottery_takes_no_entry_after_its_draw() -> None:
    drop_id, _ = an_open_drop(3, units=1, mode="LOTTERY")

    with pytest.raises(DropSealed):
        join(drop_id, clock.new_id())


def test_a_lapsed_offer_goes_to_the_next_in_line() -> None:
    drop_id, _ = an_open_drop(4, units=1)

    end_claims(drop_id)
    promote(drop_id)

    assert statuses(drop_id) == ["LAPSED", "OFFERED", "WAITING", "WAITING"]
    assert failures(a_proof(drop_id)) == []


def test_joining_twice_is_one_entry() -> None:
    drop_id, user = a_drop(), clock.new_id()
    begin_entries(drop_id)

    first, is_new = join(drop_id, user)
    again, is_new_again = join(drop_id, user)

    assert (is_new, is_new_again) == (True, False)
    assert first.entry_id == again.entry_id


def test_a_person_enters_with_one_account() -> None:
    drop_id = a_drop()
    begin_entries(drop_id)
    join(drop_id, clock.new_id(), "the same person")

    with pytest.raises(PersonAlreadyEntered):
        join(drop_id, clock.new_id(), "the same person")


def test_an_entry_withdrawn_before_the_seal_may_join_again() -> None:
    drop_id, user = a_drop(), clock.new_id()
    begin_entries(drop_id)
    first, _ = join(drop_id, user)
    in_transaction(DropFacade.withdraw, str(drop_id), user_id=user)

    again, is_new = join(drop_id, user)

    assert (again.entry_id, again.status, is_new) == (first.entry_id, "JOINED", True)


def test_an_entry_withdrawn_after_the_draw_is_final_and_passed_over() -> None:
    drop_id, _ = an_open_drop(4, units=1)
    second = entries(drop_id)[1].user_id

    in_transaction(DropFacade.withdraw, str(drop_id), user_id=second)
    end_claims(drop_id)
    promote(drop_id)

    assert statuses(drop_id) == ["LAPSED", "WITHDRAWN", "OFFERED", "WAITING"]
    assert failures(a_proof(drop_id)) == []
    with pytest.raises(EntryFinished):
        join(drop_id, second)


def test_a_withdrawn_offer_goes_to_the_next_in_line() -> None:
    drop_id, _ = an_open_drop(3, units=1)
    first = entries(drop_id)[0].user_id

    in_transaction(DropFacade.withdraw, str(drop_id), user_id=first)
    promote(drop_id)

    assert statuses(drop_id) == ["WITHDRAWN", "OFFERED", "WAITING"]


def test_an_ordered_unit_is_bought_or_comes_back() -> None:
    drop_id, _ = an_open_drop(4, units=2)
    bought, released = entries(drop_id)[:2]
    orders = [order(row) for row in (bought, released)]
    assert statuses(drop_id)[:2] == ["ORDERED", "ORDERED"]

    in_transaction(DropFacade.buy, orders[0])
    in_transaction(DropFacade.release, orders[1])

    assert statuses(drop_id)[:2] == ["BOUGHT", "OFFERED"]
    with pytest.raises(EntryOrdered):
        in_transaction(DropFacade.withdraw, str(drop_id), user_id=bought.user_id)


def test_it_closes_when_no_offer_can_be_made_or_used() -> None:
    drop_id, _ = an_open_drop(2, units=3)
    shift(drop_id, offers_until="draws_at + interval '1 millisecond'")
    end_claims(drop_id)

    step = promote(drop_id)

    assert statuses(drop_id) == ["LAPSED", "LAPSED"]
    assert list(step.returned.values()) == [3]
    with pytest.raises(DropClosed):
        join(drop_id, clock.new_id())
    report = in_transaction(DropFacade.report, str(drop_id))
    assert (report.entries, report.offers, report.bought, report.lapsed) == (2, 2, 0, 2)
