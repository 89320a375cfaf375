"""Bugs planted in this process, each taking away the line that carries a promise.

A promise here has often several lines to carry it. A bug takes away as many as it must to be one:
what is left out of a plant is what would have caught it.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy import ARRAY, Uuid, any_, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB

from commerce.app import transactions
from commerce.app.shop import Shop
from commerce.product import ProductFacade, SetStock, StockFacade, StockView, statements
from commerce.product.errors import OutOfStock, Shortage
from commerce.product.striping import statements as stripe_statements
from commerce.product.striping.model import StripedStock
from commerce.product.tables import stock_table
from commerce.runtime import idempotency as once
from commerce.runtime.db import statements as shared_statements
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.statement import Statement
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.idempotency import Claim
from commerce.runtime.messaging import relay as relays
from commerce.runtime.messaging.relay import Relay, Relayed
from commerce.shared import clock
from tests.harness.histories import plan, planted_drops
from tests.harness.histories.changed_sql import changed

T = TypeVar("T")
Plant = Callable[[pytest.MonkeyPatch], None]

_GUARD = "AND stock.quantity + move.change >= 0"


def stock_is_sold_as_it_was_read(patch: pytest.MonkeyPatch) -> None:
    """No FOR UPDATE, no guard, no CHECK: every reader of a unit sells it."""
    _without_lock(patch)
    patch.setattr("commerce.product.repository.sql.MOVE_STOCK", _moving({_GUARD: ""}))
    rule = "ALTER TABLE stock DROP CONSTRAINT stock_not_negative"
    database().run([Query(rule)])


def stock_is_written_as_it_was_read(patch: pytest.MonkeyPatch) -> None:
    """No FOR UPDATE, and what is written was reckoned from what was read: an update is lost."""
    _without_lock(patch)
    changes = {
        "quantity = stock.quantity + move.change,": "quantity = seen_quantity + move.change,",
        "WHERE stock.product_id = move": (
            "JOIN (SELECT product_id AS seen_id, quantity AS seen_quantity FROM stock) AS seen"
            " ON seen_id = move.product_id WHERE stock.product_id = move"
        ),
    }
    patch.setattr("commerce.product.repository.sql.MOVE_STOCK", _moving(changes))


def sold_out_is_said_by_free_stripes_alone(patch: pytest.MonkeyPatch) -> None:
    """Plant: count locked stripes as sold out instead of waiting for them."""
    patch.setattr(plan, "STRIPES", (2,))
    changes = {
        "AND NOT EXISTS (SELECT FROM free)\n": "AND false\n",
        "AND quantity > CAST": "AND quantity >= CAST",
        "'stripe_has_more'": "'stock_sufficient'",
    }
    taking = Statement(changed(stripe_statements.TAKE, changes))
    patch.setattr("commerce.product.striping.repository.sql.TAKE", taking)

    look_again = ProductFacade._refusal

    def nothing_is_free(self: ProductFacade, wanted: dict[UUID, int]) -> Any:
        held = OutOfStock([Shortage(id_, quantity, 0) for id_, quantity in wanted.items()])
        return look_again(self, wanted) or held

    patch.setattr(ProductFacade, "_refusal", nothing_is_free)


def the_last_unit_leaves_a_stripe_unseen(patch: pytest.MonkeyPatch) -> None:
    """A stripe is emptied by who holds it alone, who cannot know that the product is sold out."""
    patch.setattr(plan, "STRIPES", (2,))
    changes = {"AND quantity > CAST": "AND quantity >= CAST"}
    taking = Statement(changed(stripe_statements.TAKE, changes))
    patch.setattr("commerce.product.striping.repository.sql.TAKE", taking)

    def with_enough(self: StripedStock, quantity: int) -> list[int]:
        return [number for number, units in enumerate(self.stripes) if units >= quantity]

    patch.setattr(StripedStock, "stripes_with_more_than", with_enough)


def what_is_dealt_out_is_not_counted(patch: pytest.MonkeyPatch) -> None:
    """The call that takes the last unit of the stock's own row reports the product as sold out."""
    patch.setattr(plan, "STRIPES", (2,))
    dealt = """stock.quantity + (SELECT coalesce(sum(stripe.quantity), 0)
                FROM stock_stripe AS stripe WHERE stripe.product_id = stock.product_id) AS in_all"""
    patch.setattr(
        "commerce.product.repository.sql.MOVE_STOCK", _moving({dealt: "stock.quantity AS in_all"})
    )


def a_count_forgets_what_is_reserved(patch: pytest.MonkeyPatch) -> None:
    """A count of units on hand makes those available that are sold and not shipped."""
    set_stock = StockFacade.set

    def forgetting(self: StockFacade, product_id: str, command: SetStock, **more: Any) -> StockView:
        counted = command if command.on_hand is None else SetStock(quantity=command.on_hand)
        return set_stock(self, product_id, counted, **more)

    patch.setattr(StockFacade, "set", forgetting)
    forgetting.__qualname__ = set_stock.__qualname__


def a_shipment_leaves_its_units_on_hand(patch: pytest.MonkeyPatch) -> None:
    """An order is shipped, and its movement is of no units.

    Without a movement the database would take the units out, as for the release before it.
    """
    ship = ProductFacade.ship

    def ship_nothing(
        self: ProductFacade, lines: Sequence[tuple[UUID, int]], *about: Any, **more: Any
    ) -> None:
        ship(self, [(id_, 0) for id_, _ in lines], *about, **more)

    patch.setattr(ProductFacade, "ship", ship_nothing)


def stock_has_lost_lock_and_guard(patch: pytest.MonkeyPatch) -> None:
    """No FOR UPDATE, no guard: no bug yet, as UPDATE adds to what is there, and CHECK refuses."""
    _without_lock(patch)
    patch.setattr("commerce.product.repository.sql.MOVE_STOCK", _moving({_GUARD: ""}))


def a_buyers_units_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    """Plant: sell a product beyond what one buyer may have."""
    patch.setattr(plan, "LIMITS", (2,))
    unguarded = Statement(text("SELECT 1"))
    patch.setattr("commerce.order.repository.sql.WITHIN_PURCHASE_LIMITS", unguarded)


def claim_comes_after_the_effect(patch: pytest.MonkeyPatch) -> None:
    """The effect is committed in one transaction, and the claim in the next."""
    run = transactions._run

    def effect_then_claim(work: Callable[[Shop], T], claimed: Claim | None = None) -> T:
        result: Any = run(work)
        if claimed is not None:
            with UnitOfWork(database()) as uow:
                once.answer(uow, claimed, result.model_dump_json())
                uow.commit()
        return result  # type: ignore[no-any-return]

    patch.setattr(transactions, "_run", effect_then_claim)


def relay_marks_before_it_publishes(patch: pytest.MonkeyPatch) -> None:
    """Plant: mark events as published before the bus has accepted them."""

    def mark_then_put(self: Relay, run: Any, done: Relayed) -> Any:
        with UnitOfWork(self._database) as uow:
            rows = uow.lock(
                relays._TAKE_TURNS, shared_statements.TAKE(after=run.after, limit=relays.CHUNK)
            )
            positions = [row.position for row in rows]
            uow.write(shared_statements.MARK(positions=positions, published_at=clock.now()))
            uow.commit()
        outcome = run.put(rows)
        done.published += len(outcome.taken)
        return outcome

    patch.setattr(Relay, "_one_chunk", mark_then_put)


def consumer_claims_nothing(patch: pytest.MonkeyPatch) -> None:
    """Plant: count an event again when it is delivered twice."""

    def all_of_them(uow: UnitOfWork, consumer: str, ids: Collection[UUID]) -> set[UUID]:
        return set(ids)

    patch.setattr("commerce.entrypoints.queue.claim_events", all_of_them)


BUGS: dict[str, Plant] = {
    each.__name__.replace("_", " "): each
    for each in (
        stock_is_sold_as_it_was_read,
        stock_is_written_as_it_was_read,
        sold_out_is_said_by_free_stripes_alone,
        the_last_unit_leaves_a_stripe_unseen,
        what_is_dealt_out_is_not_counted,
        a_count_forgets_what_is_reserved,
        a_shipment_leaves_its_units_on_hand,
        a_buyers_units_are_not_counted,
        claim_comes_after_the_effect,
        relay_marks_before_it_publishes,
        consumer_claims_nothing,
        *planted_drops.BUGS,
    )
}
"""Each must be found."""


@contextmanager
def planted(plant: Plant) -> Iterator[None]:
    """The shop with the bug, in a database that is not used afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        yield


def _without_lock(patch: pytest.MonkeyPatch) -> None:
    column = stock_table.c.product_id
    read = (
        select(column).where(column == any_(bindparam("ids", type_=ARRAY(Uuid)))).order_by(column)
    )
    patch.setattr("commerce.product.repository.sql.LOCK_STOCK", Statement(read))


def _moving(changes: dict[str, str]) -> Statement:
    """The statement that moves stock, with some of its text changed."""
    moving = changed(statements.MOVE_STOCK, changes)
    return Statement(moving.bindparams(bindparam("moves", type_=JSONB)))
