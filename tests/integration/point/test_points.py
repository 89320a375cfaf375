"""Points from the handlers to PostgreSQL and back, and what happens when many want them."""

from functools import partial
from uuid import UUID, uuid4

import pytest

from commerce.app.transactions import in_transaction
from commerce.point import ChargePoints, ChargeView, InsufficientPoints, PointFacade
from commerce.point.repository import SqlPointRepository
from commerce.runtime.db.connection import ConstraintViolated, Database
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared.money import Money
from tests.support.lambda_calls import Answer, call
from tests.support.shop import Person, a_buyer, a_key, assert_books_hold, balance_of, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")


def post_charge(buyer: Person, amount: object, key: str | None = None) -> Answer:
    return call(
        "point/charge_points",
        "POST",
        "/users/me/points/charges",
        body={"amount": amount},
        token=buyer.token,
        key=key or a_key(),
    )


def charge(user_id: UUID, amount: int) -> ChargeView:
    command = ChargePoints(amount=amount)
    return in_transaction(PointFacade.charge, command, user_id=user_id)


def spend(user_id: UUID, amount: int, order_id: UUID | None = None) -> str:
    spent_on = order_id or uuid4()
    try:
        in_transaction(lambda shop: shop.points.spend(user_id, Money(amount), spent_on))
    except InsufficientPoints as refused:
        return refused.code
    return "SPENT"


def spend_on_another_connection(user_id: UUID, amount: int) -> str:
    [outcome] = run_concurrently([partial(spend, user_id, amount)])
    return outcome


def points_in(uow: UnitOfWork) -> PointFacade:
    return PointFacade(SqlPointRepository(uow))


def ledger_of(user_id: UUID) -> list[tuple[int, str, UUID | None]]:
    sql = "SELECT amount, reason, order_id FROM point_ledger WHERE user_id = $1 ORDER BY id"
    return [tuple(row) for row in rows(sql, user_id)]


def events_of(user_id: UUID) -> list[tuple[int, int, int]]:
    """(version, amount, balance) of each PointsCharged."""
    sql = "SELECT aggregate_version, data FROM outbox WHERE aggregate_id = $1 ORDER BY 1"
    return [
        (row.aggregate_version, row.data["amount"]["amount"], row.data["balance"]["amount"])
        for row in rows(sql, user_id)
    ]


def test_charged_points_are_shown() -> None:
    buyer = a_buyer()
    first = post_charge(buyer, 10_000)
    charge_id = first.json["charge_id"]
    assert (first.status, first.json) == (
        201,
        {
            "charge_id": charge_id,
            "status": "CREDITED",
            "amount": {"amount": 10_000, "currency": "KRW"},
            "balance": {"amount": 10_000, "currency": "KRW"},
            "payment": None,
        },
    )
    assert post_charge(buyer, 500).json["balance"]["amount"] == 10_500
    seen = call("point/get_my_points", "GET", "/users/me/points", token=buyer.token)
    assert seen.status == 200
    assert seen.json["balance"] == {"amount": 10_500, "currency": "KRW"}
    assert [(each["amount"]["amount"], each["reason"]) for each in seen.json["entries"]] == [
        (500, "CHARGED"),
        (10_000, "CHARGED"),
    ]
    assert all(each["at"].endswith("Z") for each in seen.json["entries"])
    assert events_of(buyer.user_id) == [(1, 10_000, 10_000), (2, 500, 10_500)]


def test_a_user_without_charges_has_no_points() -> None:
    seen = call("point/get_my_points", "GET", "/users/me/points", token=a_buyer().token)
    nothing = {"balance": {"amount": 0, "currency": "KRW"}, "currency": "KRW", "entries": []}
    assert (seen.status, seen.json) == (200, nothing)


def test_a_repeated_charge_counts_once() -> None:
    buyer, key = a_buyer(), a_key()
    first, again = post_charge(buyer, 10_000, key), post_charge(buyer, 10_000, key)
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["idempotency-replayed"] == "true"
    assert balance_of(buyer.user_id) == 10_000
    other = post_charge(buyer, 20_000, key)
    assert (other.status, other.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert ledger_of(buyer.user_id) == [(10_000, "CHARGED", None)]


@pytest.mark.parametrize("amount", [0, -1, 1_000_000_001, "10000", 1.5, None, True])
def test_a_bad_amount_charges_nothing(amount: object) -> None:
    buyer = a_buyer()
    answer = post_charge(buyer, amount)
    assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")
    assert balance_of(buyer.user_id) == 0


def test_a_charge_needs_a_key() -> None:
    answer = call(
        "point/charge_points",
        "POST",
        "/users/me/points/charges",
        body={"amount": 1},
        token=a_buyer().token,
    )
    assert (answer.status, answer.json["code"]) == (400, "IDEMPOTENCY_KEY_MISSING")


def test_parallel_charges_all_count_for_a_new_account_too() -> None:
    user_id = a_buyer().user_id
    answers = run_concurrently([partial(charge, user_id, 100)] * 20)
    balances = [100 * number for number in range(1, 21)]
    assert sorted(answer.balance.amount for answer in answers) == balances
    assert balance_of(user_id) == 2_000
    assert events_of(user_id) == [(n, 100, 100 * n) for n in range(1, 21)]
    assert_books_hold(users=(user_id,))


def test_parallel_payments_never_exceed_the_balance() -> None:
    user_id = a_buyer(points=50_000).user_id
    outcomes = run_concurrently([partial(spend, user_id, 10_000)] * 10)
    assert sorted(outcomes) == ["INSUFFICIENT_POINTS"] * 5 + ["SPENT"] * 5
    assert balance_of(user_id) == 0
    assert len(ledger_of(user_id)) == 1 + 5
    assert_books_hold(users=(user_id,))


def test_parallel_charges_and_payments_keep_the_books() -> None:
    user_id = a_buyer(points=1_000).user_id

    def charge_some() -> str:
        charge(user_id, 100)
        return "CHARGED"

    def spend_some() -> str:
        return spend(user_id, 100)

    outcomes = run_concurrently([charge_some, spend_some] * 10)
    assert sorted(outcomes) == ["CHARGED"] * 10 + ["SPENT"] * 10
    assert balance_of(user_id) == 1_000
    version = rows("SELECT version FROM point_account WHERE user_id = $1", user_id)[0].version
    assert version == 21
    assert_books_hold(users=(user_id,))


def test_a_stale_payment_is_refused_with_the_current_balance() -> None:
    user_id, order_id = a_buyer(points=10_000).user_id, uuid4()
    with UnitOfWork(database()) as uow:
        points_in(uow).spend(user_id, Money(10_000), order_id)
        assert spend_on_another_connection(user_id, 9_000) == "SPENT"
        with pytest.raises(InsufficientPoints) as refused:
            uow.commit()
    assert refused.value.errors == [{"required": 10_000, "available": 1_000}]
    assert balance_of(user_id) == 1_000
    assert [amount for amount, _, _ in ledger_of(user_id)] == [10_000, -9_000]


def test_the_statements_guard_refuses_without_the_table_check(own_database_url: str) -> None:
    ours, theirs = Database(lambda: own_database_url), Database(lambda: own_database_url)
    ours.run([Query("ALTER TABLE point_account DROP CONSTRAINT points_not_negative")])
    user_id = uuid4()
    with UnitOfWork(ours) as uow:
        points_in(uow).charge(ChargePoints(amount=10_000), user_id=user_id)
        uow.commit()
    with UnitOfWork(ours) as uow, UnitOfWork(theirs) as faster:
        for each in (uow, faster):
            points_in(each).spend(user_id, Money(10_000), uuid4())
        faster.commit()
        with pytest.raises(InsufficientPoints):
            uow.commit()
    [[account]] = ours.run([Query("SELECT balance, version FROM point_account")])
    assert tuple(account) == (0, 2)
    ours.close()
    theirs.close()


def test_an_order_is_paid_and_refunded() -> None:
    user_id, order_id = a_buyer(points=10_000).user_id, uuid4()
    assert spend(user_id, 10_000, order_id) == "SPENT"
    assert spend(user_id, 1) == "INSUFFICIENT_POINTS"
    in_transaction(lambda shop: shop.points.refund(user_id, Money(10_000), order_id, uuid4()))
    assert balance_of(user_id) == 10_000
    assert ledger_of(user_id) == [
        (10_000, "CHARGED", None),
        (-10_000, "ORDER_PLACED", order_id),
        (10_000, "ORDER_CANCELLED", order_id),
    ]


def test_a_user_without_an_account_gets_no_refund() -> None:
    user_id = uuid4()
    with pytest.raises(ConstraintViolated, match="point_account_open"):
        in_transaction(lambda shop: shop.points.refund(user_id, Money(1), uuid4(), uuid4()))
    assert ledger_of(user_id) == []


def test_points_of_another_currency_are_not_spent() -> None:
    user_id = a_buyer(points=100).user_id
    database().run(
        [Query("UPDATE point_account SET currency = 'USD' WHERE user_id = $1", [user_id])]
    )
    with pytest.raises(ConstraintViolated, match="point_account_open"):
        in_transaction(lambda shop: shop.points.refund(user_id, Money(1), uuid4(), uuid4()))
    assert balance_of(user_id) == 100


def test_the_point_tables_refuse_invalid_rows() -> None:
    user_id = a_buyer(points=100).user_id
    with pytest.raises(ConstraintViolated, match="points_not_negative"):
        database().run(
            [
                Query(
                    "UPDATE point_account SET balance = balance - 101 WHERE user_id = $1", [user_id]
                )
            ]
        )
    assert balance_of(user_id) == 100
