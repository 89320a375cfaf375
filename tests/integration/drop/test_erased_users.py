"""Users who are erased: their entries end, and the drop's proof holds without them."""

import json
from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest

from commerce.app.transactions import in_transaction
from commerce.drop import DropFacade, DropPromotion, EntryNotFound
from commerce.shared import clock
from docs.verify_drop import verify
from tests.support.drops import (
    a_drop,
    a_proof,
    an_offering_drop,
    an_open_drop,
    begin_entries,
    entries,
    in_line,
    join,
    order_offer,
    promote,
    reach_draw,
    settle,
    statuses,
)
from tests.support.shop import a_buyer, a_product, assert_books_hold, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")


def erase(user_id: UUID) -> None:
    in_transaction(DropFacade.erase_user, user_id)


def traces(user_id: UUID) -> list[object]:
    """Return the entries that name the user, or their person's hash."""
    sql = "SELECT id FROM drop_entry WHERE user_id = $1 OR person = $2"
    return list(rows(sql, user_id, str(user_id)))


def test_an_erased_user_leaves_the_line_and_the_next_is_offered_the_unit() -> None:
    drop_id, _ = an_open_drop(4, units=1)
    first, second, *_ = (row.user_id for row in entries(drop_id))

    erase(second)
    erase(first)
    promote(drop_id)
    erase(first)  # again, nothing changes

    assert statuses(drop_id) == ["WITHDRAWN", "WITHDRAWN", "OFFERED", "WAITING"]
    assert [*traces(first), *traces(second)] == []
    assert [claim for claim, holds in verify(a_proof(drop_id)) if not holds] == []
    with pytest.raises(EntryNotFound):
        in_transaction(DropFacade.entry, str(drop_id), user_id=first)


def test_the_entry_of_an_erased_user_stays_in_the_sealed_pool() -> None:
    drop_id, users = a_drop(1), [clock.new_id() for _ in range(3)]
    begin_entries(drop_id)
    ids = {join(drop_id, user)[0].entry_id for user in users}
    reach_draw(drop_id)
    in_transaction(DropPromotion.step, drop_id)

    erase(users[0])
    promote(drop_id)

    proof = a_proof(drop_id)
    assert {each["entry_id"] for each in proof["entries"]} == ids
    assert [claim for claim, holds in verify(proof) if not holds] == []
    assert str(users[0]) not in json.dumps(proof)


def test_a_bought_unit_of_an_erased_user_stays_bought() -> None:
    product, buyers = a_product(stock=1, price=10), [a_buyer(100), a_buyer(100)]
    drop_id = an_offering_drop(product, buyers)
    buyer, entry = in_line(drop_id, buyers)[0]
    assert order_offer(buyer, entry, product).status == 201

    erase(buyer.user_id)
    settle(drop_id)

    assert statuses(drop_id) == ["BOUGHT", "WAITING"]
    assert traces(buyer.user_id) == []
    assert_books_hold(product, users=[each.user_id for each in buyers])


def test_users_erased_while_promote_runs_leave_no_unit_free() -> None:
    product, buyers = a_product(stock=3, price=10), [a_buyer() for _ in range(12)]
    drop_id = an_offering_drop(product, buyers, units=3)
    gone = [buyer.user_id for buyer, _ in in_line(drop_id, buyers)[:8]]

    together: list[Callable[[], None]] = [partial(erase, user) for user in gone]
    together += [partial(settle, drop_id)] * 8
    run_concurrently(together)
    settle(drop_id)

    assert statuses(drop_id) == ["WITHDRAWN"] * 8 + ["OFFERED"] * 3 + ["WAITING"]
    assert_books_hold(product)
