"""The ledger of a user's points: by pages, each entry with the balance that it led to."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.support.orders import an_order, cancel
from tests.support.points import a_user, entries_of, grant, ledger_of, post_charge
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    an_admin,
    assert_books_hold,
    balance_of,
    rows,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")


def whole_ledger(user: Person, limit: int) -> list[dict[str, Any]]:
    """Every page, in one list."""
    found, query = list[dict[str, Any]](), f"?limit={limit}"
    while True:
        page = entries_of(user, query).json
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        query = f"?limit={limit}&cursor={page['next_cursor']}"


def chain(entries: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(each["amount"]["amount"], each["balance_after"]["amount"]) for each in entries]


def assert_chained(entries: list[dict[str, Any]], balance: int) -> None:
    for amount, after in chain(entries):
        assert (after, balance >= 0) == (balance, True)
        balance -= amount
    assert balance == 0


def test_entries_name_their_order_and_the_balance_they_led_to() -> None:
    buyer, product = a_buyer(), a_product(price=300)
    charge = post_charge(buyer, 1_000).json
    order_id = an_order(buyer, (product, 1))
    assert cancel(buyer, order_id).status == 200

    entries = whole_ledger(buyer, 100)

    assert chain(entries) == [(300, 1_000), (-300, 700), (1_000, 1_000)]
    assert [each["reason"] for each in entries] == ["ORDER_CANCELLED", "ORDER_PLACED", "CHARGED"]
    assert [each["order_id"] for each in entries] == [order_id, order_id, None]
    assert [each["charge_id"] for each in entries] == [None, None, charge["charge_id"]]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_have_each_entry_once_while_others_are_made(limit: int) -> None:
    buyer = a_buyer()
    for amount in range(1, 6):
        assert post_charge(buyer, amount).status == 201
    first = entries_of(buyer, f"?limit={limit}").json
    assert post_charge(buyer, 100).status == 201
    rest = entries_of(buyer, f"?limit=100&cursor={first['next_cursor']}").json["items"]
    assert chain([*first["items"], *rest]) == [(5, 15), (4, 10), (3, 6), (2, 3), (1, 1)]


def test_a_cursor_is_of_one_users_ledger() -> None:
    one, other = a_buyer(), a_buyer()
    for _ in range(2):
        post_charge(one, 1)
    cursor = entries_of(one, "?limit=1").json["next_cursor"]
    refused = entries_of(other, f"?cursor={cursor}")
    assert (refused.status, refused.json["code"]) == (422, "INVALID_CURSOR")


def test_entries_from_before_there_were_balances_are_shown_with_theirs() -> None:
    buyer = a_buyer()
    for amount in (5, 7, 11):
        post_charge(buyer, amount)
    rows(
        "UPDATE point_ledger SET position = NULL, balance_after = NULL"
        " WHERE user_id = $1 AND amount < 11",
        buyer.user_id,
    )
    for limit in (1, 2, 100):
        assert chain(whole_ledger(buyer, limit)) == [(11, 23), (7, 12), (5, 5)]
    assert_books_hold(users=[buyer.user_id])


def test_the_code_before_writes_positions_and_balances_too() -> None:
    buyer = a_buyer(points=10)
    rows(
        "WITH moved AS (UPDATE point_account SET balance = balance - 4, version = version + 1"
        " WHERE user_id = $1) SELECT",
        buyer.user_id,
    )
    rows(
        "INSERT INTO point_ledger (id, user_id, amount, currency, reason, at)"
        " VALUES (gen_random_uuid(), $1, -4, 'KRW', 'ORDER_PLACED', now())",
        buyer.user_id,
    )
    assert chain(whole_ledger(buyer, 100)) == [(-4, 6), (10, 10)]
    assert_books_hold(users=[buyer.user_id])


def test_a_grant_and_a_correction_are_audited_with_their_reason() -> None:
    buyer, admin = a_user(), an_admin()
    given = grant(buyer.user_id, 500, by=admin, reason="Apology for a late parcel")
    assert (given.status, given.json["balance"]["amount"]) == (201, 500)
    assert grant(buyer.user_id, -200, by=admin, reason="Given twice").status == 201
    assert ledger_of(buyer.user_id) == [(500, "GRANTED", 500), (-200, "CORRECTED", 300)]
    audited = rows(
        'SELECT "by", action, before, after FROM admin_audit WHERE subject_id = $1 ORDER BY id',
        buyer.user_id,
    )
    assert [(each.action, each.after["reason"]) for each in audited] == [
        ("GRANT_POINTS", "Apology for a late parcel"),
        ("GRANT_POINTS", "Given twice"),
    ]
    assert all(str(admin.user_id) in each.by for each in audited)
    assert audited[1].before == {"balance": {"amount": 500, "currency": "KRW"}}
    events = rows(
        "SELECT data FROM outbox WHERE aggregate_id = $1 AND type = 'PointsGranted'"
        " ORDER BY aggregate_version",
        buyer.user_id,
    )
    assert [each.data["amount"]["amount"] for each in events] == [500, -200]
    assert_books_hold(users=[buyer.user_id])


def test_a_correction_takes_no_more_than_there_is() -> None:
    buyer = a_user(points=100)
    refused = grant(buyer.user_id, -101)
    assert (refused.status, refused.json["code"]) == (409, "INSUFFICIENT_POINTS")
    assert balance_of(buyer.user_id) == 100
    assert rows("SELECT id FROM admin_audit WHERE subject_id = $1", buyer.user_id) == []
    assert grant(buyer.user_id, -100).status == 201


def test_a_repeated_grant_counts_once() -> None:
    buyer, admin, key = a_user(), an_admin(), a_key()
    first, again = (grant(buyer.user_id, 500, by=admin, key=key) for _ in range(2))
    assert (first.status, again.json) == (201, first.json)
    assert balance_of(buyer.user_id) == 500


@pytest.mark.parametrize("amount", [0, 1.5, "1", 1_000_000_001, -1_000_000_001, None])
def test_a_bad_amount_grants_nothing(amount: object) -> None:
    buyer = a_user()
    assert grant(buyer.user_id, amount).status == 422
    assert balance_of(buyer.user_id) == 0


@pytest.mark.parametrize("user_id", ["nobody", "0198c0de-0000-7000-8000-0000000000ff"])
def test_a_user_who_does_not_exist_is_granted_nothing(user_id: str) -> None:
    refused = grant(user_id, 500)
    assert (refused.status, refused.json["code"]) == (404, "USER_NOT_FOUND")
    assert rows("SELECT user_id FROM point_account WHERE user_id::text = $1", user_id) == []


def test_a_user_cannot_grant() -> None:
    buyer = a_user()
    assert grant(buyer.user_id, 500, by=buyer).status == 403
    assert balance_of(buyer.user_id) == 0


def test_a_busy_accounts_ledger_is_one_chain() -> None:
    buyer, product = a_user(points=10_000), a_product(stock=100, price=100)

    def order_and_cancel() -> None:
        assert cancel(buyer, an_order(buyer, (product, 1))).status == 200

    calls: list[Callable[[], Any]] = [
        *[order_and_cancel] * 6,
        *[partial(post_charge, buyer, 7)] * 6,
        *[partial(grant, buyer.user_id, -3)] * 6,
    ]
    run_concurrently(calls)
    balance = 10_000 + 6 * 7 - 6 * 3
    assert balance_of(buyer.user_id) == balance
    assert_chained(whole_ledger(buyer, 5), balance)
    assert_books_hold(product, users=[buyer.user_id])
