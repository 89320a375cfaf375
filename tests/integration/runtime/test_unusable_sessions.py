"""States of the database that need a new connection, or that pass by themselves."""

from collections.abc import Iterator

import pytest

from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.runtime import settings
from commerce.runtime.db import current
from commerce.runtime.db.connection import (
    ConnectionLost,
    Contention,
    Database,
    SessionUnusable,
)
from commerce.runtime.db.pipeline import Query
from commerce.shared.errors import Busy
from tests.support import backends
from tests.support.orders import place
from tests.support.shop import a_buyer, a_product, assert_books_hold, balance_of, stock_of

pytestmark = pytest.mark.usefixtures("shop_environment")

UNDONE = [
    *("25000", "25006", "25P02", "25P03", "25P04", "28000", "28P01", "53000", "53100"),
    *("53200", "53300", "53400", "55000", "57P03", "72000"),
]
UNKNOWN = [
    *("08000", "08001", "08003", "08004", "08006", "08007", "08P01", "40003", "57P01"),
    *("57P02", "57P04", "57P05", "58000", "58030", "XX000"),
]
READ_ONLY = Query("SET default_transaction_read_only = on")


@pytest.fixture
def database() -> Iterator[Database]:
    found = Database(settings.database_url)
    yield found
    found.close()


def raising(state: str) -> Query:
    return Query(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")


def session(database: Database) -> int:
    return int(database.run([Query("SELECT pg_backend_pid() AS pid")])[0][0].pid)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        *((state, SessionUnusable) for state in UNDONE),
        *((state, ConnectionLost) for state in UNKNOWN),
        *((state, Contention) for state in ("0A000", "26000", "42P05")),
    ],
)
def test_a_state_that_condemns_the_session_opens_another(
    database: Database, state: str, kind: type[Exception]
) -> None:
    before = session(database)
    with pytest.raises(kind) as raised:
        database.run([raising(state)])
    assert isinstance(raised.value, SessionUnusable) is (kind is SessionUnusable)
    assert not database.is_open
    assert session(database) != before


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "57014", "22012", "23505", "42P01"])
def test_a_state_of_one_statement_keeps_the_session(database: Database, state: str) -> None:
    before = session(database)
    with pytest.raises(Exception, match=r"."):
        database.run([raising(state)])
    assert session(database) == before


def test_a_session_that_the_server_ends_is_lost_whatever_the_state(database: Database) -> None:
    database.run([Query("SET transaction_timeout = '50ms'"), Query("SELECT 1")])
    with pytest.raises(ConnectionLost):
        database.run([Query("SELECT pg_sleep(5)")])
    assert not database.is_open


@pytest.mark.parametrize("state", UNDONE)
def test_a_use_case_refused_by_its_session_runs_again(
    state: str,
) -> None:
    runs: list[int] = []

    def use_case(shop: Shop) -> int:
        runs.append(1)
        shop.uow.write(raising(state) if len(runs) == 1 else Query("SELECT 1"))
        return len(runs)

    assert in_transaction(use_case) == 2


@pytest.mark.parametrize("state", UNKNOWN)
def test_a_commit_of_unknown_result_is_not_repeated(state: str) -> None:
    runs: list[int] = []

    def use_case(shop: Shop) -> None:
        runs.append(1)
        shop.uow.write(raising(state))

    with pytest.raises(ConnectionLost):
        in_transaction(use_case)
    assert len(runs) == 1


@pytest.mark.parametrize("state", UNKNOWN)
def test_a_read_of_unknown_result_runs_again(state: str) -> None:
    runs: list[int] = []

    def use_case(shop: Shop) -> int:
        runs.append(1)
        shop.uow.read(raising(state) if len(runs) == 1 else Query("SELECT 1"))
        return len(runs)

    assert in_transaction(use_case) == 2


def test_an_order_on_a_session_that_became_read_only_is_placed_once(own_shop: str) -> None:
    buyer, product = a_buyer(points=5000), a_product(stock=3)
    current.database().run([READ_ONLY])
    assert place(buyer, (product, 1)).status == 201
    assert (stock_of(product), balance_of(buyer.user_id)) == (2, 4000)


def test_orders_get_503_while_every_session_is_read_only(own_shop: str) -> None:
    buyer, product = a_buyer(points=5000), a_product(stock=3)
    alter = f"ALTER DATABASE {own_shop.rpartition('/')[2]}"
    backends.run(own_shop, f"{alter} SET default_transaction_read_only = on")
    current.database().close()
    answer = place(buyer, (product, 1))
    assert (answer.status, answer.json["code"]) == (503, Busy.code)
    assert stock_of(product) == 3

    backends.run(
        own_shop,
        f"SET transaction_read_only = off; {alter} RESET default_transaction_read_only",
    )
    assert place(buyer, (product, 1)).status == 201
    assert stock_of(product) == 2
    assert_books_hold(product)
