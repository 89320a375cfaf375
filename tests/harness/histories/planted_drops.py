"""Bugs of drops, planted in this process: in the draw, in the line, and in what it is offered."""

from datetime import datetime

import pytest
from sqlalchemy import text

from commerce.drop import Drop, DropPromotion, Step, statements
from commerce.runtime.db.statement import Statement
from tests.harness.histories import drop_plan, plan
from tests.harness.histories.changed_sql import changed

_SET_APART = Statement(
    text("""
    UPDATE drop_place SET position = position + 1000
    WHERE drop_id = CAST(:drop_id AS uuid)
        AND entry_id IN (SELECT id FROM drop_entry WHERE status = 'JOINED')
    """)
)
_REVERSE = Statement(
    text("""
    WITH line AS (
        SELECT entry_id, position, row_number() OVER (ORDER BY position) AS number,
            row_number() OVER (ORDER BY position DESC) AS from_behind
        FROM drop_place WHERE drop_id = CAST(:drop_id AS uuid)
            AND entry_id IN (SELECT id FROM drop_entry WHERE status = 'JOINED')
    )
    UPDATE drop_place AS place SET position = other.position - 1000
    FROM line JOIN line AS other ON other.from_behind = line.number
    WHERE place.entry_id = line.entry_id
    """)
)


def an_heir_is_skipped(patch: pytest.MonkeyPatch) -> None:
    """Plant: the first who waits is passed over where somebody stands behind."""
    limit = "FROM line ORDER BY position LIMIT CAST(:limit AS bigint)"
    skip = "OFFSET CASE WHEN (SELECT count(*) > 1 FROM line) THEN 1 ELSE 0 END"
    without = {"ORDER BY place.position LIMIT CAST(:limit AS bigint)": "ORDER BY place.position"}
    late = "AND status = 'WAITING'\n        ORDER BY position LIMIT CAST(:limit AS bigint)"
    changes = {**without, late: late[: -len(" LIMIT CAST(:limit AS bigint)")]}
    _plant(patch, "OFFER", {**changes, limit: f"{limit} {skip}"})


def positions_change(patch: pytest.MonkeyPatch) -> None:
    """Plant: each run of promote turns the line of those who wait around."""
    patch.setattr(plan, "HAS_DROP", (True,))
    number_late = DropPromotion._number_late

    def turned(self: DropPromotion, drop: Drop, now: datetime, step: Step) -> None:
        number_late(self, drop, now, step)
        self._drops._uow.lock(_SET_APART(drop_id=drop.id), _REVERSE(drop_id=drop.id))

    patch.setattr(DropPromotion, "_number_late", turned)


def an_ordered_unit_is_offered_again(patch: pytest.MonkeyPatch) -> None:
    """Plant: units that wait for their payment count as free."""
    patch.setattr(plan, "HAS_DROP", (True,))
    patch.setattr(drop_plan, "METHODS", ("CARD",))
    holding = """
        SELECT drop_id, product_id, status, count(*) AS entries FROM drop_entry
        WHERE drop_id = ANY(CAST(:drop_ids AS uuid[])) AND status IN ('OFFERED', 'BOUGHT')
        GROUP BY drop_id, product_id, status
    """
    patch.setattr("commerce.drop.repository.sql.HOLDING", Statement(text(holding)))


def an_offer_is_used_twice(patch: pytest.MonkeyPatch) -> None:
    """Plant: an order takes an offer that another order has used since it was read."""
    changes = {"AND status = 'OFFERED'\n            AND claim_until > clock_timestamp()": ""}
    _plant(patch, "USE_OFFER", changes)


def late_entries_are_drawn(patch: pytest.MonkeyPatch) -> None:
    """Plant: entries made after the seal take part in the draw."""
    _plant(patch, "NUMBER_POOL", {"AND in_pool AND position IS NULL": "AND position IS NULL"})


def _plant(patch: pytest.MonkeyPatch, name: str, changes: dict[str, str]) -> None:
    patch.setattr(plan, "HAS_DROP", (True,))
    statement = Statement(changed(getattr(statements, name), changes))
    patch.setattr(f"commerce.drop.repository.sql.{name}", statement)


BUGS = (
    an_heir_is_skipped,
    positions_change,
    an_ordered_unit_is_offered_again,
    an_offer_is_used_twice,
    late_entries_are_drawn,
)
