"""The end of a drop on real connections, against what happens to its orders at that moment."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, zip_longest
from typing import Any
from uuid import UUID

import pytest

from commerce.app import drops
from commerce.app.transactions import in_transaction
from commerce.drop import AddUnits, CancelDrop, DropFacade, promotion
from tests.support.drops import (
    an_offering_drop,
    end_claims,
    in_line,
    order_offer,
    settle,
    shift,
    statuses,
)
from tests.support.lambda_calls import Answer
from tests.support.orders import cancel, cancel_as_admin, expire, outcome, ship
from tests.support.shop import Person, a_buyer, a_product, an_admin, assert_books_hold, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

BOUGHT = ORDERED = 5
KEPT = 2  # of those bought
UNITS = BOUGHT + ORDERED
PROMOTES = 6


class EndingDrop:
    """A drop of ten units, five of them bought and five ordered by card; four entries wait."""

    def __init__(self) -> None:
        buyers = [a_buyer(100) for _ in range(UNITS + 4)]
        self.users = [buyer.user_id for buyer in buyers]
        self.product = a_product(stock=UNITS, price=10)
        self.id = an_offering_drop(self.product, buyers, units=UNITS)
        line = in_line(self.id, buyers)
        self.bought = [self._order(*place, "POINT") for place in line[:BOUGHT]]
        self.ordered = [self._order(*place, "CARD") for place in line[BOUGHT:UNITS]]

    def _order(self, buyer: Person, entry: str, method: str) -> tuple[Person, str]:
        answer = order_offer(buyer, entry, self.product, payment_method=method)
        return buyer, str(answer.json["order_id"])

    def cancellations(self) -> list[Callable[[], Answer]]:
        """The cancellations of the bought ones that are not kept."""
        return [partial(cancel, *order) for order in self.bought[KEPT:]]

    def let_claims_end(self) -> None:
        """Let the time of the unpaid orders and of their offers be over."""
        past = "clock_timestamp() - interval '1 s'"
        ids = [UUID(order_id) for _, order_id in self.ordered]
        rows(f"UPDATE orders SET expires_at = {past} WHERE id = ANY ($1)", ids)
        rows(f"UPDATE drop_entry SET claim_until = {past} WHERE order_id = ANY ($1)", ids)

    def let_offers_end(self, after: str = "0 s") -> None:
        """Let the time of the last offer come, now or after an interval."""
        shift(
            self.id,
            entries_at="clock_timestamp() - interval '2 h'",
            draws_at="clock_timestamp() - interval '1 h'",
            offers_until="clock_timestamp() + make_interval(mins => claim_minutes)"
            f" + interval '{after}'",
        )

    def assert_ended(self, state: str, ends: dict[str, int], *, sold: int) -> None:
        """The drop is over, its entries ended so, and all units but the sold ones are in stock."""
        assert in_transaction(DropFacade.get, str(self.id)).state == state
        assert Counter(statuses(self.id)) == ends
        assert units_of(self.product) == (UNITS, UNITS - sold, sold)
        assert returned_of(self.id) == UNITS - sold
        assert_books_hold(self.product, users=self.users)


def units_of(product: str) -> tuple[int, int, int]:
    """The units on hand, available and allotted."""
    [stock] = rows("SELECT on_hand, quantity, allotted FROM stock WHERE product_id = $1", product)
    return stock.on_hand, stock.quantity, stock.allotted


def returned_of(drop_id: UUID) -> int:
    """The units that the drop gave back to the stock, by the stock's movements."""
    sql = "SELECT coalesce(sum(change), 0) AS units FROM stock_movement"
    return int(rows(f"{sql} WHERE drop_id = $1 AND reason = 'DROP_RETURNED'", drop_id)[0].units)


def mixed(*groups: Sequence[Callable[[], Any]]) -> list[Callable[[], Any]]:
    """The calls of all groups, in turns."""
    return [call for call in chain(*zip_longest(*groups)) if call]


def cancel_drop(drop_id: UUID) -> None:
    """Cancel the drop, as staff does."""
    command = CancelDrop(reason="Damaged")
    in_transaction(drops.cancel_drop, str(drop_id), command, by="test", if_match=None)


def test_a_close_against_cancellations_and_lapses_returns_each_unit_once() -> None:
    drop = EndingDrop()
    drop.let_claims_end()
    drop.let_offers_end()
    lapses = [partial(expire, order_id) for _, order_id in drop.ordered]

    run_concurrently(
        mixed([partial(settle, drop.id)] * PROMOTES, drop.cancellations(), lapses, lapses)
    )
    settle(drop.id)

    ends = {"BOUGHT": KEPT, "CANCELLED": BOUGHT - KEPT, "LAPSED": ORDERED, "VOID": 4}
    drop.assert_ended("CLOSED", ends, sold=KEPT)


def test_cancellations_across_the_last_offer_go_to_heirs_or_to_the_stock() -> None:
    drop = EndingDrop()
    drop.let_offers_end(after="150 ms")
    unpaid = [partial(cancel, *order) for order in drop.ordered]

    run_concurrently(mixed([partial(settle, drop.id)] * PROMOTES, drop.cancellations(), unpaid))
    assert_books_hold(drop.product, users=drop.users)
    settle(drop.id)

    found = Counter(statuses(drop.id))
    assert (found["BOUGHT"], found["CANCELLED"]) == (KEPT, BOUGHT - KEPT)
    assert ORDERED <= found["OFFERED"] <= ORDERED + BOUGHT - KEPT
    assert_books_hold(drop.product, users=drop.users)
    drop.let_offers_end()
    end_claims(drop.id)
    run_concurrently([partial(settle, drop.id)] * PROMOTES)
    ends = {"BOUGHT": KEPT, "CANCELLED": BOUGHT - KEPT, "LAPSED": found["OFFERED"]}
    waited = UNITS + 4 - sum(ends.values())
    drop.assert_ended("CLOSED", ends | ({"VOID": waited} if waited else {}), sold=KEPT)


@pytest.mark.parametrize("part", [2, promotion.PART])
def test_a_cancelled_drop_against_cancellations_returns_each_unit_once(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "PART", part)
    drop = EndingDrop()
    unpaid = [partial(cancel, *order) for order in drop.ordered]

    run_concurrently(
        mixed(
            [partial(settle, drop.id)] * PROMOTES,
            drop.cancellations(),
            unpaid,
            [partial(cancel_drop, drop.id)],
        )
    )
    settle(drop.id)

    found = Counter(statuses(drop.id))
    assert found["LAPSED"] + found["VOID"] == ORDERED + 4
    ends = {"BOUGHT": KEPT, "CANCELLED": BOUGHT - KEPT}
    rest = {status: found[status] for status in ("LAPSED", "VOID") if found[status]}
    drop.assert_ended("CANCELLED", ends | rest, sold=KEPT)


def test_units_added_many_times_at_once_are_all_added() -> None:
    product = a_product(stock=20, price=10)
    drop_id = an_offering_drop(product, [a_buyer(), a_buyer()])

    def add() -> None:
        in_transaction(drops.add_units, str(drop_id), AddUnits(add=1), by="test", if_match=None)

    run_concurrently([add] * 12 + [partial(settle, drop_id)] * 4)
    settle(drop_id)

    assert [lot.units for lot in in_transaction(DropFacade.get, str(drop_id)).lots] == [13]
    assert (units_of(product), statuses(drop_id)) == ((20, 7, 13), ["OFFERED"] * 2)
    assert_books_hold(product)


def test_a_recalled_order_keeps_its_unit_unless_it_was_cancelled_unshipped() -> None:
    admin, product = an_admin(), a_product(stock=1, price=10)
    buyers = [a_buyer(100), a_buyer(100)]
    drop_id = an_offering_drop(product, buyers)
    buyer, entry = in_line(drop_id, buyers)[0]
    order_id = order_offer(buyer, entry, product).json["order_id"]
    shipment, recall = partial(ship, admin, order_id), partial(cancel_as_admin, admin, order_id)

    shipped, *_ = run_concurrently(
        mixed(
            [lambda: outcome(shipment())], [lambda: outcome(recall())], [partial(settle, drop_id)]
        )
    )
    settle(drop_id)

    was_shipped = shipped == "200"
    assert statuses(drop_id) == (["BOUGHT", "WAITING"] if was_shipped else ["CANCELLED", "OFFERED"])
    assert units_of(product) == ((0, 0, 0) if was_shipped else (1, 0, 1))
    assert_books_hold(product, users=[each.user_id for each in buyers])
