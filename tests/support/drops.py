"""Drops for tests: prepared, entered, and moved through their moments without waiting."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from commerce.app import drops
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.drop import (
    SIMULATED,
    CreateDrop,
    DropFacade,
    DropPromotion,
    EnterDrop,
    EntryView,
    Step,
)
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query, Row
from commerce.shared import clock
from tests.support.lambda_calls import Answer, call
from tests.support.shop import Person, a_key, rows

SIGNATURE = "8f" * 48
"""The signature of every round in tests that need no other."""


def drop_terms(product_id: str, units: int = 1, **terms: Any) -> CreateDrop:
    """The terms of a drop of one product, whose entries begin in an hour."""
    now = clock.now()
    return CreateDrop.model_validate(
        {
            "lots": [{"product_id": product_id, "units": units}],
            "entries_at": clock.rfc3339(now + timedelta(hours=1)),
            "draws_at": clock.rfc3339(now + timedelta(hours=2)),
            "claim_minutes": 10,
            **terms,
        }
    )


def a_drop(units: int = 2, *, lots: Sequence[tuple[str, int]] = (), **terms: Any) -> UUID:
    """A published drop of products that need not exist; returns its id."""
    if lots:
        terms["lots"] = [{"product_id": product, "units": number} for product, number in lots]
    command = drop_terms(str(clock.new_id()), units, **terms)
    id_ = in_transaction(DropFacade.create, command, verified_only=False, by="test").id
    in_transaction(DropFacade.publish, str(id_), chain=SIMULATED, by="test")
    return id_


def shift(drop_id: UUID, **times: str) -> None:
    """Set moments of a drop to SQL expressions of time, as if its time had come."""
    for name, expression in times.items():
        sql = f"UPDATE product_drop SET {name} = {expression} WHERE id = $1"
        database().run([Query(sql, [drop_id])])


def begin_entries(drop_id: UUID) -> None:
    """Let the entries begin."""
    shift(drop_id, entries_at="clock_timestamp()")


def reach_draw(drop_id: UUID) -> None:
    """Let the time of the draw come."""
    shift(drop_id, draws_at="clock_timestamp()")


def end_claims(drop_id: UUID) -> None:
    """Let the time of all present offers be over."""
    sql = "UPDATE drop_entry SET claim_until = clock_timestamp() WHERE drop_id = $1"
    database().run([Query(f"{sql} AND status = 'OFFERED'", [drop_id])])


def join(
    drop_id: UUID, user_id: UUID, person: str | None = None, *, product_id: str | None = None
) -> tuple[EntryView, bool]:
    """Enter the drop, or one of its lots."""
    return in_transaction(entering, drop_id, user_id, person, product_id)


def entering(
    shop: Shop,
    drop_id: UUID,
    user_id: UUID,
    person: str | None = None,
    product_id: str | None = None,
) -> tuple[EntryView, bool]:
    """Enter the drop in a transaction that goes on."""
    drop, person = shop.drops.terms(str(drop_id)), person or str(user_id)
    command = EnterDrop(product_id=product_id)
    return shop.drops.join(drop, command, user_id=user_id, person=person)


def promote(drop_id: UUID, signature: str = SIGNATURE) -> Step:
    """Run promote's steps until nothing is due, with a beacon that answers at once."""
    step = Step()
    while True:
        step = in_transaction(DropPromotion.step, drop_id, step.marked_until)
        if step.awaits is not None:
            step = in_transaction(DropPromotion.take_round, step.awaits, signature)
        if not step.has_more:
            return step


def an_open_drop(entrants: int, units: int = 2, **terms: Any) -> tuple[UUID, list[UUID]]:
    """A drop that is drawn and offers its units; returns its id and the users who entered."""
    drop_id, users = a_drop(units, **terms), [clock.new_id() for _ in range(entrants)]
    begin_entries(drop_id)
    for user in users:
        join(drop_id, user)
    reach_draw(drop_id)
    promote(drop_id)
    return drop_id, users


_ENTRIES = """
    SELECT entry.id, user_id, claim_until, in_pool,
        CASE WHEN status = 'JOINED' AND place.position IS NOT NULL THEN 'WAITING' ELSE status END
            AS status,
        coalesce(entry.position, place.position) AS position
    FROM drop_entry AS entry LEFT JOIN drop_place AS place ON place.entry_id = entry.id
    WHERE entry.drop_id = $1 ORDER BY position NULLS LAST, joined_at
"""


def entries(drop_id: UUID) -> list[Row]:
    """All entries by position: user_id, status, position, claim_until; with a place, they wait."""
    return rows(_ENTRIES, drop_id)


def statuses(drop_id: UUID) -> list[str]:
    """The statuses of the entries, by position."""
    return [row.status for row in entries(drop_id)]


def a_proof(drop_id: UUID, limit: int = 100) -> dict[str, Any]:
    """The whole proof, put together from its pages as an outsider does."""
    whole: dict[str, Any] = {}
    after = None
    while not whole or after:
        page = in_transaction(DropFacade.proof, str(drop_id), limit=limit, after=after)
        found = json.loads(page.model_dump_json())
        after = found["next_cursor"]
        whole = {
            **found,
            "entries": [*whole.get("entries", []), *found["entries"]],
            "log": [*whole.get("log", []), *found["log"]],
        }
    return whole


# --- drops of products that exist, through the functions' handlers --------------------------------


def a_published_drop(product_id: str, units: int = 1, **terms: Any) -> UUID:
    """A published drop of a product's units; its entries begin in an hour. Returns its id."""
    drop = in_transaction(drops.create_drop, drop_terms(product_id, units, **terms), by="test")
    in_transaction(drops.publish_drop, drop.drop_id, by="test", if_match=None)
    return UUID(drop.drop_id)


def an_offering_drop(product_id: str, buyers: Sequence[Person], units: int = 1) -> UUID:
    """A drop that the buyers entered, and that offers its units to the first; returns its id."""
    drop_id = a_published_drop(product_id, units)
    begin_entries(drop_id)
    for buyer in buyers:
        join(drop_id, buyer.user_id)
    reach_draw(drop_id)
    settle(drop_id)
    return drop_id


def settle(drop_id: UUID, signature: str = SIGNATURE) -> None:
    """Run promote's steps until nothing is due, and give units back to the stock."""
    step = Step()
    while True:
        step = in_transaction(drops._step, drop_id, step.marked_until)
        if step.awaits is not None:
            step = in_transaction(DropPromotion.take_round, step.awaits, signature)
        if not step.has_more:
            return


def in_line(drop_id: UUID, buyers: Sequence[Person]) -> list[tuple[Person, str]]:
    """The buyers with their entries' ids, in the order of their positions."""
    of_user = {buyer.user_id: buyer for buyer in buyers}
    return [(of_user[row.user_id], str(row.id)) for row in entries(drop_id)]


def order_offer(
    buyer: Person, entry_id: str, product_id: str, *, key: str | None = None, **more: Any
) -> Answer:
    """POST /orders with a drop's entry, by points if not said otherwise."""
    body = {
        "lines": [{"product_id": product_id, "quantity": 1}],
        "payment_method": "POINT",
        "drop_entry_id": entry_id,
        **more,
    }
    return call(
        "order/place_order", "POST", "/orders", body=body, token=buyer.token, key=key or a_key()
    )


def status_of_entry(entry_id: str) -> str:
    """Return the entry's status."""
    return str(rows("SELECT status FROM drop_entry WHERE id = $1", entry_id)[0].status)
