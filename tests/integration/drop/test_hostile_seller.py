"""A hostile seller's moves: each is refused, or everybody sees it in the drop's public log."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from commerce.app import drops
from commerce.app.transactions import in_transaction
from commerce.drop import QUICKNET, CancelDrop, DropFacade, DropPromotion
from commerce.drop.draw import chain
from commerce.runtime import settings
from commerce.shared import clock
from docs.verify_drop import verify
from tests.support.drops import (
    a_drop,
    a_proof,
    a_published_drop,
    an_offering_drop,
    an_open_drop,
    begin_entries,
    drop_terms,
    entries,
    in_line,
    join,
    order_offer,
    promote,
    reach_draw,
    settle,
    shift,
    statuses,
)
from tests.support.lambda_calls import call
from tests.support.orders import outcome
from tests.support.shop import Person, a_buyer, a_product, an_admin, assert_books_hold, rows

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def seller() -> Person:
    return an_admin()


def staff(seller: Person, method: str, name: str, path: str, **body: Any) -> str:
    """Make a call of staff; return 200 or 201, or the code of the refusal."""
    return outcome(call(name, method, path, token=seller.token, body=body or None))


def edit(seller: Person, drop_id: object, **changes: Any) -> str:
    return staff(seller, "PATCH", "drop/edit_drop", f"/admin/drops/{drop_id}", **changes)


def act(seller: Person, drop_id: object, name: str, end: str, **body: Any) -> str:
    return staff(seller, "POST", f"drop/{name}", f"/admin/drops/{drop_id}/{end}", **body)


def log_of(drop_id: UUID) -> list[tuple[str, Any]]:
    """Return the kind and the data of the log's records."""
    sql = "SELECT kind, data::jsonb AS data FROM drop_log WHERE drop_id = $1 ORDER BY number"
    return [(row.kind, row.data) for row in rows(sql, drop_id)]


def terms_hash(drop_id: UUID) -> str | None:
    return in_transaction(DropFacade.get, str(drop_id)).terms_hash


def in_hours(hours: float) -> str:
    return clock.rfc3339(clock.now() + timedelta(hours=hours))


# --- the terms -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"claim_minutes": 1},
        {"mode": "LOTTERY"},
        {"lots": [{"product_id": str(clock.new_id()), "units": 1}]},
        {"accounts_before": "2020-01-01T00:00:00Z"},
        {"verified_only": True},
        {"coupons_allowed": True},
        {"entries_at": in_hours(0.5)},
        {"draws_at": in_hours(1.5)},
        {"offers_until": in_hours(3)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_terms_are_not_changed_after_the_publication(
    seller: Person, changes: dict[str, Any]
) -> None:
    product = a_product(stock=5)
    drop_id = a_published_drop(product)
    before = (terms_hash(drop_id), log_of(drop_id))
    if "lots" in changes:
        changes = {"lots": [{"product_id": product, "units": 2}]}

    assert edit(seller, drop_id, **changes) == "DROP_LOCKED"

    assert (terms_hash(drop_id), log_of(drop_id)) == before


def test_a_lot_of_a_published_drop_is_not_made_smaller(seller: Person) -> None:
    product = a_product(stock=5)
    drop_id = a_published_drop(product, 3)
    before = (terms_hash(drop_id), log_of(drop_id))

    answer = call(
        "drop/edit_drop",
        "PATCH",
        f"/admin/drops/{drop_id}",
        token=seller.token,
        body={"lots": [{"product_id": product, "units": 2}]},
    )

    assert (answer.status, answer.json["code"]) == (409, "UNITS_PROMISED")
    assert [answer.json[name] for name in ("product_id", "promised", "requested")] == [
        product,
        3,
        2,
    ]
    assert (terms_hash(drop_id), log_of(drop_id)) == before
    assert_books_hold(product)


def test_a_later_draw_is_in_the_log_with_new_terms_and_another_round(seller: Person) -> None:
    drop_id = a_published_drop(a_product(stock=5))
    before = in_transaction(DropFacade.get, str(drop_id))

    assert edit(seller, drop_id, draws_at=in_hours(5)) == "200"

    after = in_transaction(DropFacade.get, str(drop_id))
    assert after.terms_hash != before.terms_hash
    assert (after.beacon_round or 0) > (before.beacon_round or 0)
    assert after.log_head != before.log_head
    assert log_of(drop_id)[-1] == ("RESCHEDULED", {"terms_hash": after.terms_hash})


def test_a_draw_whose_time_has_come_is_not_moved(seller: Person) -> None:
    drop_id = a_published_drop(a_product(stock=5))
    begin_entries(drop_id)
    reach_draw(drop_id)

    assert edit(seller, drop_id, draws_at=in_hours(5)) == "DROP_LOCKED"
    settle(drop_id)
    assert edit(seller, drop_id, offers_until=in_hours(999)) == "DROP_LOCKED"


def test_a_drop_whose_entries_could_have_begun_is_not_published(seller: Person) -> None:
    terms = drop_terms(a_product(stock=5), entries_at=in_hours(-1))
    draft = in_transaction(drops.create_drop, terms, by="test").drop_id

    assert act(seller, draft, "publish_drop", "publication") == "DROP_LOCKED"


def test_a_drop_is_not_published_twice(seller: Person) -> None:
    drop_id = a_published_drop(a_product(stock=5))

    assert act(seller, drop_id, "publish_drop", "publication") == "DROP_LOCKED"
    assert [kind for kind, _ in log_of(drop_id)] == ["PUBLISHED"]


def test_the_lots_of_a_draft_can_still_be_changed(seller: Person) -> None:
    first, second = a_product(stock=5), a_product(stock=5)
    draft = in_transaction(drops.create_drop, drop_terms(first, 2), by="test").drop_id

    lots = [{"product_id": second, "units": 3}]
    assert edit(seller, draft, lots=lots) == "200"
    assert act(seller, draft, "publish_drop", "publication") == "200"

    shown = in_transaction(DropFacade.get, draft)
    assert [(lot.product_id, lot.units) for lot in shown.lots] == [(second, 3)]
    assert_books_hold(first, second)


# --- the product ---------------------------------------------------------------------------------

_SALE: dict[str, Any] = {
    "price_amount": 999_999,
    "visible_from": None,
    "sale_from": "2099-01-01T00:00:00Z",
    "sale_until": "2020-01-01T00:00:00Z",
    "max_per_buyer": 1,
}


@pytest.mark.parametrize("name", _SALE)
def test_price_and_sale_of_a_drops_product_are_fixed_until_its_end(
    seller: Person, name: str
) -> None:
    product, buyer = a_product(stock=2, price=10), a_buyer(100)
    drop_id = an_offering_drop(product, [buyer])
    path, change = f"/admin/products/{product}", {name: _SALE[name]}

    assert staff(seller, "PATCH", "product/edit_product", path, **change) == "DROP_LOCKED"
    [(_, entry)] = in_line(drop_id, [buyer])
    assert order_offer(buyer, entry, product).json["total"]["amount"] == 10

    assert act(seller, drop_id, "cancel_drop", "cancellation", reason="Over") == "200"
    assert staff(seller, "PATCH", "product/edit_product", path, **change) == "200"


def test_a_drops_product_may_get_another_description_but_is_not_archived(seller: Person) -> None:
    product = a_product(stock=2)
    a_published_drop(product)
    path = f"/admin/products/{product}"

    assert staff(seller, "PATCH", "product/edit_product", path, description="Blue.") == "200"
    assert staff(seller, "POST", "product/archive_product", f"{path}/archive") == "DROP_LOCKED"


def test_units_of_a_drop_are_not_taken_out_of_its_stock(seller: Person) -> None:
    product = a_product(stock=5)
    a_published_drop(product, units=4)
    path = f"/admin/products/{product}/stock"

    assert staff(seller, "PUT", "product/set_stock", path, on_hand=3) == "OVERSOLD"
    assert_books_hold(product)


def test_units_are_added_in_the_log_and_never_removed(seller: Person) -> None:
    product = a_product(stock=5)
    drop_id = an_offering_drop(product, [a_buyer(), a_buyer()])

    assert act(seller, drop_id, "add_drop_units", "units", add=-1) == "VALIDATION_FAILED"
    assert act(seller, drop_id, "add_drop_units", "units", add=1) == "200"

    added = {"product_id": product, "add": 1, "units": 2}
    assert log_of(drop_id)[-1] == ("UNITS_ADDED", added)
    settle(drop_id)
    assert statuses(drop_id) == ["OFFERED", "OFFERED"]


# --- the pool and the draw -----------------------------------------------------------------------


def test_staff_do_not_enter_drops(seller: Person) -> None:
    drop_id = a_published_drop(a_product(stock=2))
    begin_entries(drop_id)
    sql = """INSERT INTO user_account (id, login_id, password_hash, name, email, birth_date, gender,
        scopes, version, created_at)
        VALUES ($1, $2, '', 'Seller', 's@example.com', '1990-01-01', 'OTHER', '{admin}', 1, now())
        RETURNING id"""
    rows(sql, seller.user_id, str(seller.user_id)[-12:])

    path = f"/drops/{drop_id}/entries"
    answer = call("drop/enter_drop", "POST", path, token=seller.token, body={})

    assert (answer.status, answer.json["code"]) == (409, "NOT_ELIGIBLE")
    assert entries(drop_id) == []


def test_who_is_disqualified_is_in_the_log_with_the_rule(seller: Person) -> None:
    drop_id = a_published_drop(a_product(stock=2))
    begin_entries(drop_id)
    user = clock.new_id()
    entry = join(drop_id, user)[0].entry_id
    disqualified = {"entry_id": entry, "rule": "One per household"}

    assert act(seller, drop_id, "disqualify_entry", "disqualifications", **disqualified) == "200"

    assert log_of(drop_id)[-1] == ("DISQUALIFIED", disqualified)
    reach_draw(drop_id)
    settle(drop_id)
    assert a_proof(drop_id)["entries"] == []


@pytest.mark.parametrize("is_drawn", [False, True])
def test_no_entry_is_disqualified_once_the_time_of_the_draw_has_come(
    seller: Person, *, is_drawn: bool
) -> None:
    drop_id = a_published_drop(a_product(stock=2))
    begin_entries(drop_id)
    entry = join(drop_id, clock.new_id())[0].entry_id
    reach_draw(drop_id)
    if is_drawn:
        settle(drop_id)

    said = {"entry_id": entry, "rule": "I do not like them"}
    code = act(seller, drop_id, "disqualify_entry", "disqualifications", **said)

    assert code == "DROP_LOCKED"
    settle(drop_id)
    assert statuses(drop_id) == ["OFFERED"]


def test_a_late_seal_gets_a_later_round_and_the_log_says_so() -> None:
    command = drop_terms(str(clock.new_id()))
    drop = in_transaction(DropFacade.create, command, verified_only=False, by="test")
    in_transaction(DropFacade.publish, str(drop.id), chain=QUICKNET, by="test")
    promised = in_transaction(DropFacade.get, str(drop.id)).beacon_round or 0
    past = "clock_timestamp() - interval '10 min'"
    shift(drop.id, entries_at=f"{past} - interval '1 h'", draws_at=past, beacon_round="1000")

    awaited = in_transaction(DropPromotion.step, drop.id).awaits

    assert awaited is not None
    assert awaited.at >= clock.now() + timedelta(seconds=50)
    kind, sealed = log_of(drop.id)[-1]
    assert (kind, sealed["is_round_promised"]) == ("SEALED", False)
    assert sealed["beacon_round"] == awaited.round < promised


def test_production_draws_with_no_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    draft = in_transaction(drops.create_drop, drop_terms(a_product(stock=2)), by="test").drop_id
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("BEACON_CHAIN", "SIMULATED")

    with pytest.raises(settings.Missing):
        in_transaction(drops.publish_drop, draft, by="test", if_match=None)


# --- afterwards ----------------------------------------------------------------------------------


def test_a_drop_that_is_cancelled_after_its_draw_keeps_its_public_proof(seller: Person) -> None:
    drop_id, _ = an_open_drop(3, units=1)

    in_transaction(DropFacade.cancel, str(drop_id), CancelDrop(reason="I lost"), by="test")

    proof = a_proof(drop_id)
    assert [claim for claim, holds in verify(proof) if not holds] == []
    assert (proof["log"][-1]["kind"], proof["log"][-1]["data"]) == (
        "CANCELLED",
        {"reason": "I lost", "refusals": {}},
    )
    assert act(seller, drop_id, "cancel_drop", "cancellation", reason="Again") == "DROP_CLOSED"


def test_a_rewritten_log_does_not_lead_to_a_head_that_was_shown() -> None:
    drop_id = a_drop(1)
    begin_entries(drop_id)
    shown = join(drop_id, clock.new_id())[0].log_head
    reach_draw(drop_id)
    promote(drop_id)

    proof = a_proof(drop_id)
    assert shown in [record["hash"] for record in proof["log"]]
    for record in proof["log"]:
        record["at"] = "2020-01-01T00:00:00Z"
    _chain_anew(proof)

    assert [claim for claim, holds in verify(proof) if not holds] == []
    assert shown not in [record["hash"] for record in proof["log"]]


def _chain_anew(proof: dict[str, Any]) -> None:

    said = [
        {name: each[name] for name in ("at", "data", "kind", "number")} for each in proof["log"]
    ]
    for record, hash_ in zip(proof["log"], chain("", said), strict=True):
        record["hash"] = hash_
    proof["log_head"] = proof["log"][-1]["hash"]
