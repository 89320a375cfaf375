"""Drops with more entries than one statement changes: sealed, drawn and ended in parts."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from commerce.app.transactions import in_transaction
from commerce.drop import (
    CancelDrop,
    DropFacade,
    DropPromotion,
    EntryFinished,
    Step,
    promotion,
)
from commerce.shared import clock
from docs.verify_drop import verify
from tests.support.drops import (
    SIGNATURE,
    a_drop,
    a_proof,
    begin_entries,
    end_claims,
    entries,
    join,
    promote,
    reach_draw,
    settle,
    shift,
    statuses,
)
from tests.support.shop import rows

pytestmark = pytest.mark.usefixtures("shop_environment")

PART, ENTRIES = 3, 8


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a statement change three entries."""
    for name in ("PART", "DRAW_PART"):
        monkeypatch.setattr(promotion, name, PART)
    monkeypatch.setattr(promotion, "OFFERS_PER_STEP", 2)


def a_large_drop(units: int = 2) -> tuple[UUID, list[UUID]]:
    """A drop at the time of its draw, and the users who entered."""
    drop_id, users = a_drop(units), [clock.new_id() for _ in range(ENTRIES)]
    begin_entries(drop_id)
    for user in users:
        join(drop_id, user)
    reach_draw(drop_id)
    return drop_id, users


def failures(proof: dict[str, Any]) -> list[str]:
    return [claim for claim, holds in verify(proof) if not holds]


def step(drop_id: UUID) -> Step:
    return in_transaction(DropPromotion.step, drop_id)


def sealed(drop_id: UUID) -> Step:
    while (done := step(drop_id)).awaits is None:
        assert done.has_more
    return done


def draw_a_part(drop_id: UUID) -> Step:
    awaited = sealed(drop_id).awaits
    assert awaited is not None
    return in_transaction(DropPromotion.take_round, awaited, SIGNATURE)


def test_the_pool_is_marked_in_parts_and_sealed_as_one() -> None:
    drop_id, _ = a_large_drop()

    taken = [step(drop_id) for _ in range(3)]

    assert [each.awaits is not None for each in taken] == [False, False, True]
    assert [row.in_pool for row in entries(drop_id)] == [True] * ENTRIES
    proof = a_proof(drop_id)
    assert (proof["entries_count"], failures(proof)) == (ENTRIES, [])


def test_marking_that_goes_on_where_it_was_leaves_out_none_who_joined_at_one_moment() -> None:
    drop_id, _ = a_large_drop()
    rows("UPDATE drop_entry SET joined_at = (SELECT min(joined_at) FROM drop_entry) RETURNING 1")

    first = step(drop_id)
    second = in_transaction(DropPromotion.step, drop_id, first.marked_until)
    third = in_transaction(DropPromotion.step, drop_id, second.marked_until)

    assert first.marked_until == second.marked_until is not None
    assert third.awaits is not None
    assert [row.in_pool for row in entries(drop_id)] == [True] * ENTRIES


def test_an_entry_that_seems_to_have_joined_before_those_marked_is_in_the_pool() -> None:
    drop_id, _ = a_large_drop()
    first = step(drop_id)
    rows(  # as if the clock had been set back between two joins
        "UPDATE drop_entry SET joined_at = joined_at - interval '1 s' WHERE id IN"
        " (SELECT id FROM drop_entry WHERE NOT in_pool ORDER BY id LIMIT 2) RETURNING 1"
    )

    found = first
    while found.awaits is None:
        found = in_transaction(DropPromotion.step, drop_id, found.marked_until)

    assert [row.in_pool for row in entries(drop_id)] == [True] * ENTRIES
    assert failures(a_proof(drop_id)) == []


def test_an_entry_between_two_parts_of_the_seal_is_not_in_the_pool() -> None:
    drop_id, _ = a_large_drop()
    assert step(drop_id).has_more
    late, _ = join(drop_id, clock.new_id())

    sealed(drop_id)

    outside = [str(row.id) for row in entries(drop_id) if not row.in_pool]
    assert outside == [late.entry_id]
    assert failures(a_proof(drop_id)) == []


def test_withdrawals_between_two_parts_leave_a_pool_that_can_be_proven() -> None:
    drop_id, users = a_large_drop()
    assert step(drop_id).has_more
    marked = {row.user_id for row in entries(drop_id) if row.in_pool}
    unmarked = set(users) - marked
    for user in (marked.pop(), left := unmarked.pop()):
        in_transaction(DropFacade.withdraw, str(drop_id), user_id=user)

    promote(drop_id)

    pool = {row.user_id for row in entries(drop_id) if row.in_pool}
    assert pool == set(users) - {left}
    assert Counter(statuses(drop_id)) == {"OFFERED": 2, "WAITING": ENTRIES - 4, "WITHDRAWN": 2}
    assert failures(a_proof(drop_id)) == []


def test_the_parts_of_a_draw_are_the_one_order_of_its_seed() -> None:
    drop_id, _ = a_large_drop()

    first = draw_a_part(drop_id)
    given = {row.id: row.position for row in entries(drop_id) if row.position}
    promote(drop_id, "another signature that comes too late")

    assert sorted(given.values()) == list(range(1, first.numbered + 1))
    line = {row.id: row.position for row in entries(drop_id)}
    assert line | given == line
    assert failures(a_proof(drop_id)) == []


def test_a_pool_of_whole_parts_is_sealed_and_drawn_to_its_end() -> None:
    drop_id, users = a_drop(1), [clock.new_id() for _ in range(2 * PART)]
    begin_entries(drop_id)
    for user in users:
        join(drop_id, user)
    reach_draw(drop_id)

    promote(drop_id)

    assert [row.position for row in entries(drop_id)] == list(range(1, 2 * PART + 1))
    assert failures(a_proof(drop_id)) == []


def test_lots_are_drawn_each_in_its_own_line_across_parts() -> None:
    products = [str(clock.new_id()) for _ in range(2)]
    drop_id = a_drop(lots=[(product, 1) for product in products])
    begin_entries(drop_id)
    for number in range(ENTRIES):
        join(drop_id, clock.new_id(), product_id=products[number % 2])
    reach_draw(drop_id)

    promote(drop_id)

    placed = Counter(row.position for row in entries(drop_id))
    assert placed == dict.fromkeys(range(1, ENTRIES // 2 + 1), 2)
    assert failures(a_proof(drop_id)) == []


def test_nothing_is_offered_and_no_signature_shown_before_all_are_drawn() -> None:
    drop_id, _ = a_large_drop()

    draw_a_part(drop_id)

    assert not set(statuses(drop_id)) - {"WAITING", "JOINED"}
    proof = a_proof(drop_id)
    assert (proof["signature"], failures(proof)) == (None, [])


def test_more_offers_than_a_step_ends_lapse_to_the_last() -> None:
    drop_id, _ = a_large_drop(units=5)
    promote(drop_id)
    end_claims(drop_id)

    promote(drop_id)

    assert Counter(statuses(drop_id)) == {"LAPSED": 5, "OFFERED": 3}
    proof = a_proof(drop_id)
    released = [each["data"] for each in proof["log"] if each["kind"] == "RELEASED"]
    assert sum(len(ids) for data in released for ids in data["entries"].values()) == 5
    assert failures(proof) == []


def test_a_drop_ends_once_the_last_of_its_entries_is_void() -> None:
    drop_id, _ = a_large_drop(units=1)
    promote(drop_id)
    end_claims(drop_id)
    shift(
        drop_id,
        entries_at="clock_timestamp() - interval '3 h'",
        draws_at="clock_timestamp() - interval '2 h'",
        offers_until="clock_timestamp()",
    )

    first = step(drop_id)
    between = in_transaction(DropFacade.get, str(drop_id)).state
    ended = statuses(drop_id).count("VOID")
    promote(drop_id)

    assert (first.has_more, between, ended) == (True, "OFFERING", PART)
    assert Counter(statuses(drop_id)) == {"LAPSED": 1, "VOID": ENTRIES - 1}
    assert in_transaction(DropFacade.get, str(drop_id)).state == "CLOSED"


@pytest.mark.parametrize("parts_before", range(3))
def test_a_drop_cancelled_in_its_seal_or_draw_ends_all_entries(parts_before: int) -> None:
    drop_id, _ = a_large_drop()
    if parts_before:
        step(drop_id)
    if parts_before > 1:
        draw_a_part(drop_id)

    cancel(drop_id)
    settle(drop_id)

    assert statuses(drop_id) == ["VOID"] * ENTRIES


def cancel(drop_id: UUID) -> None:
    command = CancelDrop(reason="The shipment was damaged")
    in_transaction(DropFacade.cancel, str(drop_id), command, by="test")


def test_a_cancelled_drop_ends_its_entries_in_parts() -> None:
    drop_id, _ = a_large_drop(units=2)
    promote(drop_id)

    cancel(drop_id)
    ended = [Counter(statuses(drop_id))["VOID"]]
    while drop_id in in_transaction(DropPromotion.under_way):
        step(drop_id)
        ended.append(Counter(statuses(drop_id))["VOID"])

    assert ended == [2 + PART, ENTRIES, ENTRIES]


def test_an_offer_ends_with_its_drop_however_many_entries_wait() -> None:
    drop_id, _ = a_large_drop(units=5)
    promote(drop_id)

    cancel(drop_id)

    view = in_transaction(DropFacade.get, str(drop_id))
    assert (view.state, view.held, [lot.returned for lot in view.lots]) == ("CANCELLED", 0, [5])


def test_entries_of_a_cancelled_drop_are_shown_as_void_before_they_are_stored_so() -> None:
    drop_id, _ = a_large_drop(units=1)
    promote(drop_id)
    cancel(drop_id)
    waiting = [row.user_id for row in entries(drop_id) if row.status == "WAITING"]
    assert len(waiting) == ENTRIES - 1 - PART

    shown = in_transaction(DropFacade.entry, str(drop_id), user_id=waiting[0])

    assert (shown.status, shown.ahead, shown.may_return) == ("VOID", None, False)
    [made] = in_transaction(DropFacade.entries, waiting[0], limit=5, after=None).items
    assert (made.status, made.position) == ("VOID", shown.position)
    with pytest.raises(EntryFinished):
        in_transaction(DropFacade.withdraw, str(drop_id), user_id=waiting[0])
    with pytest.raises(EntryFinished):
        join(drop_id, waiting[0])
    counted = in_transaction(DropFacade.report, str(drop_id))
    assert counted.statuses == {"VOID": ENTRIES}
    assert in_transaction(DropFacade.inspect, str(drop_id)).statuses == {"VOID": ENTRIES}
