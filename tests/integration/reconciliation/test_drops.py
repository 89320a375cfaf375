"""Reconciliation finds a drop whose rows break a rule, and nothing about one that is sound."""

from typing import Any
from uuid import uuid4

import pytest

from commerce.app.reconciliation import reconcile
from tests.support.drops import an_offering_drop, in_line, join, order_offer, settle, statuses
from tests.support.orders import cancel, cancel_as_admin, ship
from tests.support.shop import a_buyer, a_product, an_admin, assert_books_hold, rows

pytestmark = pytest.mark.usefixtures("own_shop")

UNITS = 5


class SomeDrop:
    """A drop of five units, whose entries are, by position: bought, ordered, cancelled, recalled …

    The recalled order was shipped and then cancelled. The unit of the one that was cancelled
    before has an heir, and a ninth entry came after the draw.
    """

    def __init__(self) -> None:
        buyers = [a_buyer(1_000) for _ in range(8)]
        self.product = a_product(stock=9, price=100)
        self.drop = an_offering_drop(self.product, buyers, units=UNITS)
        self.line = in_line(self.drop, buyers)
        self.bought, self.ordered, self.cancelled, self.recalled = (
            self._order(place, "CARD" if place == 1 else "POINT") for place in range(4)
        )
        cancel(self.line[2][0], self.cancelled)
        admin = an_admin()
        ship(admin, self.recalled)
        cancel_as_admin(admin, self.recalled)
        join(self.drop, a_buyer().user_id)
        settle(self.drop)

    def _order(self, place: int, method: str) -> str:
        buyer, entry = self.line[place]
        answer = order_offer(buyer, entry, self.product, payment_method=method)
        return str(answer.json["order_id"])

    def entry(self, place: int) -> str:
        """The id of the entry at a place in line, from 0."""
        return self.line[place][1]

    def change(self, changes: str, place: int) -> None:
        """Change the entry at a place in line."""
        rows(f"UPDATE drop_entry SET {changes} WHERE id = $1", self.entry(place))

    def move(self, place: int, position: int) -> None:
        """Give the entry at a place in line another place."""
        rows("UPDATE drop_place SET position = $1 WHERE entry_id = $2", position, self.entry(place))


@pytest.fixture
def drop(own_shop: str) -> SomeDrop:
    return SomeDrop()


def found() -> list[tuple[str, dict[str, Any]]]:
    return [(each.rule, each.facts) for each in reconcile().findings]


def facts(rule: str) -> list[dict[str, Any]]:
    """The facts of the findings by one rule; other rules may be broken by the same change."""
    return [facts for name, facts in found() if name == rule]


def test_a_drop_whose_books_hold_has_no_findings(drop: SomeDrop) -> None:
    assert statuses(drop.drop) == [
        "BOUGHT", "ORDERED", "CANCELLED", "BOUGHT", "OFFERED", "OFFERED", "WAITING", "WAITING",
        "WAITING",
    ]  # fmt: skip
    done = reconcile()
    assert (done.drops, done.findings, done.is_complete) == (1, [], True)
    assert_books_hold(drop.product)


def test_an_entry_of_no_drop_is_found(drop: SomeDrop) -> None:
    nowhere = str(uuid4())
    rows("UPDATE drop_entry SET drop_id = $1 WHERE id = $2", nowhere, drop.entry(7))
    expected = {"drop_id": nowhere, "entry_id": drop.entry(7), "product_id": drop.product}
    assert facts("ENTRY_HAS_ITS_DROP_AND_LOT") == [expected]


def test_an_entry_of_a_product_that_the_drop_does_not_sell_is_found(drop: SomeDrop) -> None:
    other = str(uuid4())
    rows("UPDATE drop_entry SET product_id = $1 WHERE id = $2", other, drop.entry(7))
    expected = {"drop_id": str(drop.drop), "entry_id": drop.entry(7), "product_id": other}
    assert facts("ENTRY_HAS_ITS_DROP_AND_LOT") == [expected]


def units(drop: SomeDrop, **other: int) -> tuple[str, dict[str, Any]]:
    """The finding about the units of the drop, with what is other than it should be."""
    right = {"units": UNITS, "returned": 0, "held": UNITS, "allotted": UNITS, "given_back": 0}
    ids = {"drop_id": str(drop.drop), "product_id": drop.product}
    return "DROP_HOLDS_ITS_UNITS", {**ids, **right, **other}


def test_an_offer_beyond_the_units_is_found(drop: SomeDrop) -> None:
    rows("UPDATE drop_lot SET served = 7")
    drop.change("status = 'OFFERED', claim_until = now(), position = 7", 6)
    assert found() == [units(drop, held=UNITS + 1)]


def test_units_that_were_never_allotted_are_found(drop: SomeDrop) -> None:
    rows("UPDATE drop_lot SET units = units + 1")
    assert found() == [units(drop, units=UNITS + 1)]


def test_units_that_are_said_to_be_back_in_stock_and_are_not_are_found(drop: SomeDrop) -> None:
    rows("UPDATE drop_lot SET units = units + 1, returned = 1")
    assert found() == [units(drop, units=UNITS + 1, returned=1)]


def test_units_that_went_back_to_the_stock_untold_are_found(drop: SomeDrop) -> None:
    rows(
        "INSERT INTO stock_movement (product_id, change, reason, drop_id, at)"
        " VALUES ($1, 1, 'DROP_RETURNED', $2, now())",
        drop.product,
        drop.drop,
    )
    rows("UPDATE stock SET quantity = quantity + 1, allotted = allotted - 1")
    assert found() == [units(drop, given_back=1)]


def positions(drop: SomeDrop, **facts: int) -> tuple[str, dict[str, Any]]:
    right = {"numbered": 9, "served": 6, "positions": 9, "last": 9}
    ids = {"drop_id": str(drop.drop), "product_id": drop.product}
    return "POSITIONS_HAVE_NO_GAPS", {**ids, **right, **facts}


def test_a_gap_between_positions_is_found(drop: SomeDrop) -> None:
    drop.move(7, position=10)
    assert found() == [positions(drop, last=10)]


def test_a_line_that_does_not_begin_with_one_is_found(drop: SomeDrop) -> None:
    drop.move(0, position=0)
    drop.change("position = 0", 0)
    assert found() == [positions(drop)]


def test_a_position_that_the_drop_has_not_given_is_found(drop: SomeDrop) -> None:
    rows("UPDATE drop_lot SET numbered = 8")
    assert found() == [positions(drop, numbered=8)]


def place_finding(drop: SomeDrop, place: int, position: int | None) -> dict[str, Any]:
    ids = {"drop_id": str(drop.drop), "entry_id": drop.entry(place)}
    return {**ids, "place": place + 1, "position": position}


def test_an_offer_at_another_place_than_the_draw_gave_is_found(drop: SomeDrop) -> None:
    drop.change("position = 10", 4)
    assert facts("PLACES_ARE_KEPT") == [place_finding(drop, 4, position=10)]


def test_a_place_of_an_entry_that_was_not_in_the_pool_is_found(drop: SomeDrop) -> None:
    drop.change("in_pool = false", 6)
    assert facts("PLACES_ARE_KEPT") == [place_finding(drop, 6, position=None)]


def test_an_entry_that_moved_on_without_its_place_is_found(drop: SomeDrop) -> None:
    drop.change("status = 'LAPSED', position = NULL", 5)
    assert facts("PLACES_ARE_KEPT") == [place_finding(drop, 5, position=None)]


def test_an_entry_of_the_pool_that_waits_behind_its_heir_is_found(drop: SomeDrop) -> None:
    rows("UPDATE drop_lot SET served = 7")
    expected = {"status": "JOINED", "position": 7, "served": 7}
    ids = {"drop_id": str(drop.drop), "entry_id": drop.entry(6)}
    assert found() == [("OFFERS_WENT_TO_THE_FIRST_IN_LINE", {**ids, **expected})]


def test_an_entry_that_waits_behind_later_offers_is_found(drop: SomeDrop) -> None:
    drop.change("status = 'WAITING', claim_until = NULL", 4)
    drop.change("status = 'OFFERED', claim_until = now(), position = 7", 6)
    rows("UPDATE drop_lot SET served = 7")
    expected = {"status": "WAITING", "position": 5, "served": 7}
    ids = {"drop_id": str(drop.drop), "entry_id": drop.entry(4)}
    assert found() == [("OFFERS_WENT_TO_THE_FIRST_IN_LINE", {**ids, **expected})]


def test_an_offer_out_of_turn_is_found(drop: SomeDrop) -> None:
    drop.change("status = 'LAPSED'", 5)
    drop.change("status = 'OFFERED', claim_until = now(), position = 8", 7)
    expected = {"status": "OFFERED", "position": 8, "served": 6}
    ids = {"drop_id": str(drop.drop), "entry_id": drop.entry(7)}
    assert found() == [("OFFERS_WENT_TO_THE_FIRST_IN_LINE", {**ids, **expected})]


def sealed_root() -> str:
    return str(rows("SELECT entries_root FROM product_drop")[0].entries_root)


def test_an_entry_that_was_put_into_the_sealed_pool_is_found(drop: SomeDrop) -> None:
    rows("UPDATE drop_entry SET in_pool = true WHERE NOT in_pool")
    facts = {"entries_count": 8, "pool": 9, "entries_root": sealed_root()}
    assert found() == [("POOL_IS_WHAT_WAS_SEALED", {"drop_id": str(drop.drop), **facts})]


def test_an_entry_that_was_exchanged_for_another_in_the_pool_is_found(drop: SomeDrop) -> None:
    rows("UPDATE drop_entry SET in_pool = NOT in_pool WHERE position = 9 OR id = $1", drop.entry(7))
    changed = {"entries_count": 8, "pool": 8, "entries_root": sealed_root()}
    assert facts("POOL_IS_WHAT_WAS_SEALED") == [{"drop_id": str(drop.drop), **changed}]


def entry_finding(drop: SomeDrop, place: int, **facts: str | None) -> tuple[str, dict[str, Any]]:
    ids = {"drop_id": str(drop.drop), "entry_id": drop.entry(place)}
    return "ENTRY_HAS_ITS_ORDER", {**ids, **facts}


def test_an_unpaid_order_whose_entry_is_bought_is_found(drop: SomeDrop) -> None:
    drop.change("status = 'BOUGHT'", 1)
    order = {"order_id": drop.ordered, "keeper": drop.ordered, "order_status": "PENDING"}
    assert found() == [entry_finding(drop, 1, entry="BOUGHT", **order)]


def test_a_paid_order_whose_entry_has_an_offer_is_found(drop: SomeDrop) -> None:
    drop.change("status = 'OFFERED'", 0)
    order = {"order_id": drop.bought, "keeper": drop.bought, "order_status": "CONFIRMED"}
    assert found() == [entry_finding(drop, 0, entry="OFFERED", **order)]


def test_a_bought_entry_whose_order_is_cancelled_is_found(drop: SomeDrop) -> None:
    rows("UPDATE drop_entry SET status = 'LAPSED' WHERE status = 'OFFERED'")
    drop.change("status = 'BOUGHT'", 2)
    order = {"order_id": drop.cancelled, "keeper": None, "order_status": None}
    assert found() == [entry_finding(drop, 2, entry="BOUGHT", **order)]


def test_a_recalled_order_that_lost_its_entry_is_found(drop: SomeDrop) -> None:
    drop.change("status = 'CANCELLED'", 3)
    order = {"order_id": drop.recalled, "keeper": drop.recalled, "order_status": "CANCELLED"}
    assert found() == [entry_finding(drop, 3, entry="CANCELLED", **order)]


def test_an_entry_that_names_another_order_is_found(drop: SomeDrop) -> None:
    other = str(uuid4())
    drop.change(f"order_id = '{other}'", 0)
    order = {"order_id": other, "keeper": drop.bought, "order_status": "CONFIRMED"}
    assert found() == [entry_finding(drop, 0, entry="BOUGHT", **order)]


def log_finding(drop: SomeDrop, **other: Any) -> list[tuple[str, dict[str, Any]]]:
    [row] = rows("SELECT log_number, log_head FROM product_drop")
    right = {"log_number": row.log_number, "records": row.log_number, "log_head": row.log_head}
    return [("LOG_IS_WHOLE", {"drop_id": str(drop.drop), **right, **other})]


def test_a_record_that_is_missing_from_the_log_is_found(drop: SomeDrop) -> None:
    rows("DELETE FROM drop_log WHERE kind = 'RELEASED'")
    [count] = rows("SELECT count(*) AS records FROM drop_log")
    assert found() == log_finding(drop, records=count.records)


def test_a_log_that_ends_in_another_head_is_found(drop: SomeDrop) -> None:
    rows("UPDATE product_drop SET log_head = repeat('0', 64)")
    assert found() == log_finding(drop)


def test_a_log_whose_last_record_was_rewritten_is_found(drop: SomeDrop) -> None:
    rows("UPDATE drop_log SET hash = repeat('0', 64) WHERE number = 1")
    rows(
        "UPDATE drop_log SET hash = repeat('1', 64)"
        " WHERE number = (SELECT log_number FROM product_drop)"
    )
    assert found() == log_finding(drop)
