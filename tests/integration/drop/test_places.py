"""Places of a draw are stored apart from entries; what is read is as if they were stored in them.

So the code before stored them, and it runs for a while beside this one: each goes on with drops
that the other has drawn, or leaves them alone.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from alembic.config import Config

from commerce.app.transactions import in_transaction
from commerce.drop import CancelDrop, DropFacade, DropPromotion, promotion
from commerce.runtime import settings
from commerce.runtime.db.connection import COMMIT, ConstraintViolated
from commerce.shared import clock
from docs.verify_drop import verify
from infra.migrations.migrate import FOLDER
from tests.support.drops import (
    SIGNATURE,
    a_drop,
    a_proof,
    an_open_drop,
    begin_entries,
    end_claims,
    entries,
    join,
    promote,
    reach_draw,
    shift,
    statuses,
)
from tests.support.other_connection import held_by_another
from tests.support.shop import rows

pytestmark = pytest.mark.usefixtures("shop_environment")

ENTRANTS, UNITS, PART = 8, 2, 3
Drawn = tuple[UUID, list[UUID]]

PLACES_INTO_ENTRIES = """
    WITH placed AS (DELETE FROM drop_place WHERE drop_id = $1 RETURNING entry_id, position)
    UPDATE drop_entry AS entry SET position = placed.position,
        status = CASE status WHEN 'JOINED' THEN 'WAITING' ELSE status END
    FROM placed WHERE entry.id = placed.entry_id RETURNING entry.id
"""
# Statements of the code before, as it sent them.
OFFER_BEFORE = """
    WITH next AS MATERIALIZED (
        SELECT id FROM drop_entry
        WHERE drop_id = CAST($1 AS uuid) AND product_id = CAST($2 AS uuid) AND status = 'WAITING'
        ORDER BY position LIMIT 1 FOR UPDATE
    )
    UPDATE drop_entry AS entry
    SET status = 'OFFERED', version = entry.version + 1,
        claim_until = clock_timestamp() + make_interval(mins => 10)
    FROM next WHERE entry.id = next.id
    RETURNING entry.id
"""
NUMBER_BEFORE = """
    WITH numbered AS (
        SELECT entry.id, lot.numbered + row_number() OVER (ORDER BY entry.id) AS number
        FROM drop_entry AS entry JOIN drop_lot AS lot USING (drop_id, product_id)
        WHERE drop_id = CAST($1 AS uuid) AND in_pool AND position IS NULL
    )
    UPDATE drop_entry AS entry
    SET position = numbered.number, version = entry.version + 1,
        status = CASE entry.status WHEN 'JOINED' THEN 'WAITING' ELSE entry.status END
    FROM numbered WHERE entry.id = numbered.id
    RETURNING entry.id
"""


def drawn() -> Drawn:
    """A drop that offers its units to the first."""
    return an_open_drop(ENTRANTS, UNITS)


def handed_on() -> Drawn:
    """The same with heirs, two who withdrew, and late entries, one of them without a position."""
    drop_id, users = drawn()
    end_claims(drop_id)
    promote(drop_id)
    for place in (5, 6, 0):
        late = clock.new_id()
        join(drop_id, late)
        users.append(late)
        if place:
            in_transaction(DropFacade.withdraw, str(drop_id), user_id=at(drop_id, place))
            promote(drop_id)
    return drop_id, users


def partly_drawn() -> Drawn:
    """A drop of which a part has its places."""
    drop_id, users = a_drop(UNITS), [clock.new_id() for _ in range(ENTRANTS)]
    begin_entries(drop_id)
    for user in users:
        join(drop_id, user)
    reach_draw(drop_id)
    while (step := in_transaction(DropPromotion.step, drop_id)).awaits is None:
        pass
    in_transaction(DropFacade.withdraw, str(drop_id), user_id=users[0])
    in_transaction(DropPromotion.take_round, step.awaits, SIGNATURE)
    return drop_id, users


def closed() -> Drawn:
    """A drop that has ended."""
    drop_id, users = handed_on()
    end_claims(drop_id)
    shift(
        drop_id,
        entries_at="clock_timestamp() - interval '3 h'",
        draws_at="clock_timestamp() - interval '2 h'",
        offers_until="clock_timestamp()",
    )
    promote(drop_id)
    return drop_id, users


def cancelled() -> Drawn:
    """A cancelled drop, of whose entries some are not stored as void yet."""
    drop_id, users = handed_on()
    in_transaction(DropFacade.cancel, str(drop_id), CancelDrop(reason="Damaged"), by="test")
    return drop_id, users


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a statement change three entries."""
    for name in ("PART", "DRAW_PART"):
        monkeypatch.setattr(promotion, name, PART)


def at(drop_id: UUID, place: int) -> UUID:
    """The user at a place in line, from 0."""
    user_id: UUID = entries(drop_id)[place].user_id
    return user_id


def seen(drop_id: UUID, users: Sequence[UUID]) -> str:
    """All that is shown of a drop, but the time of the look."""
    shown = [in_transaction(DropFacade.entry, str(drop_id), user_id=user) for user in users]
    made = [in_transaction(DropFacade.entries, user, limit=5, after=None) for user in users]
    moment: dict[str, Any] = {"now": clock.now()}
    views = [
        *(each.model_copy(update={"poll_after_seconds": 0}) for each in shown),
        *made,
        in_transaction(DropFacade.get, str(drop_id)).model_copy(update=moment),
        in_transaction(DropFacade.inspect, str(drop_id)).model_copy(update=moment),
    ]
    told = [json.loads(view.model_dump_json(exclude={"now"})) for view in views]
    return json.dumps([told, a_proof(drop_id)], indent=1)


def failures(drop_id: UUID) -> list[str]:
    return [claim for claim, holds in verify(a_proof(drop_id)) if not holds]


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("arrange", [drawn, handed_on, partly_drawn, closed, cancelled])
def test_everybody_reads_the_same_wherever_places_are_stored(arrange: Callable[[], Drawn]) -> None:
    drop_id, users = arrange()
    apart = seen(drop_id, users)

    assert rows(PLACES_INTO_ENTRIES, drop_id)

    assert seen(drop_id, users) == apart


def test_the_draw_writes_no_entry() -> None:
    sql = "SELECT id, ctid::text, version FROM drop_entry WHERE drop_id = $1 ORDER BY id"
    drop_id = a_drop(UNITS)
    begin_entries(drop_id)
    for _ in range(ENTRANTS):
        join(drop_id, clock.new_id())
    reach_draw(drop_id)
    awaited = in_transaction(DropPromotion.step, drop_id).awaits
    before = [tuple(row) for row in rows(sql, drop_id)]

    assert awaited is not None
    done = in_transaction(DropPromotion.take_round, awaited, SIGNATURE)

    assert done.numbered == ENTRANTS
    assert [tuple(row) for row in rows(sql, drop_id)] == before
    assert statuses(drop_id) == ["WAITING"] * ENTRANTS


def test_a_withdrawal_under_way_neither_holds_up_a_draw_nor_keeps_its_place_ahead() -> None:
    drop_id, users = a_drop(1), [clock.new_id() for _ in range(3)]
    begin_entries(drop_id)
    entry_ids = [join(drop_id, user)[0].entry_id for user in users]
    reach_draw(drop_id)
    awaited = in_transaction(DropPromotion.step, drop_id).awaits
    assert awaited is not None
    withdraw = """
        UPDATE drop_entry SET status = 'WITHDRAWN', left_at = clock_timestamp(),
            version = version + 1 WHERE id = $1
    """

    with held_by_another(settings.database_url(), withdraw, UUID(entry_ids[0])) as other:
        in_transaction(DropPromotion.take_round, awaited, SIGNATURE)
        drawn_meanwhile = [row.position for row in entries(drop_id)]
        other.run([COMMIT])
    before_its_log = lines_ahead(drop_id, users[1:])
    promote(drop_id)

    assert (drawn_meanwhile, before_its_log) == ([1, 2, 3], [0, 1])
    assert sorted(statuses(drop_id)) == ["OFFERED", "WAITING", "WITHDRAWN"]
    waiting = [row.user_id for row in entries(drop_id) if row.status == "WAITING"]
    assert (lines_ahead(drop_id, waiting), failures(drop_id)) == ([0], [])


def lines_ahead(drop_id: UUID, users: Sequence[UUID]) -> list[int | None]:
    """The numbers of entries before these users', in order of their positions."""
    shown = [in_transaction(DropFacade.entry, str(drop_id), user_id=user) for user in users]
    return [each.ahead for each in sorted(shown, key=lambda each: each.position or 0)]


def test_a_drop_that_the_code_before_has_drawn_goes_on() -> None:
    drop_id, _ = drawn()
    rows(PLACES_INTO_ENTRIES, drop_id)
    join(drop_id, clock.new_id())
    in_transaction(DropFacade.withdraw, str(drop_id), user_id=at(drop_id, 2))
    end_claims(drop_id)

    promote(drop_id)

    assert statuses(drop_id) == [
        "LAPSED", "LAPSED", "WITHDRAWN", "OFFERED", "OFFERED", "WAITING", "WAITING", "WAITING",
        "WAITING",
    ]  # fmt: skip
    assert failures(drop_id) == []


@pytest.mark.usefixtures("parts")
def test_a_draw_that_the_code_before_began_is_ended_in_one_line() -> None:
    drop_id, _ = partly_drawn()
    rows(PLACES_INTO_ENTRIES, drop_id)

    promote(drop_id)
    end_claims(drop_id)
    promote(drop_id)

    assert [row.position for row in entries(drop_id)] == list(range(1, ENTRANTS + 1))
    line = [status for status in statuses(drop_id) if status != "WITHDRAWN"]
    assert line == ["LAPSED", "LAPSED", "OFFERED", "OFFERED", "WAITING", "WAITING", "WAITING"]
    assert failures(drop_id) == []


def test_the_code_before_offers_no_unit_past_a_placed_entry() -> None:
    drop_id, _ = drawn()
    join(drop_id, clock.new_id())
    promote(drop_id)
    before = [(row.status, row.position) for row in entries(drop_id)]
    [lot] = rows("SELECT product_id FROM drop_lot WHERE drop_id = $1", drop_id)

    with pytest.raises(ConstraintViolated, match="offered_in_turn"):
        rows(OFFER_BEFORE, drop_id, lot.product_id)

    assert [(row.status, row.position) for row in entries(drop_id)] == before


@pytest.mark.usefixtures("parts")
def test_the_code_before_gives_no_entry_a_second_place() -> None:
    drop_id, _ = partly_drawn()
    before = [(row.status, row.position) for row in entries(drop_id)]

    with pytest.raises(ConstraintViolated, match="place_kept"):
        rows(NUMBER_BEFORE, drop_id)

    assert [(row.status, row.position) for row in entries(drop_id)] == before
    promote(drop_id)
    assert failures(drop_id) == []


def test_a_downgrade_puts_places_into_entries_and_an_upgrade_leaves_them(own_shop: str) -> None:
    drop_id, users = handed_on()
    apart = seen(drop_id, users)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))

    command.downgrade(config, "0028")
    stored = rows("SELECT status, position FROM drop_entry ORDER BY position NULLS LAST")
    command.upgrade(config, "head")

    assert [row.position for row in stored] == [*range(1, len(users)), None]
    assert [row.position for row in stored if row.status == "JOINED"] == [None]
    assert seen(drop_id, users) == apart
