"""The export and the erasure of users, and a search for what is left of them."""

from collections.abc import Iterable
from typing import Any

from tests.support.lambda_calls import Answer, call
from tests.support.sessions import PASSWORD, PATIENCE_SECONDS
from tests.support.shop import rows


def export_me(token: str, query: str = "") -> Answer:
    """GET /users/me/export."""
    return call("user/export_me", "GET", f"/users/me/export{query}", token=token)


def everything_kept(token: str, limit: int = 100) -> list[dict[str, Any]]:
    """Return the items of all pages of an export."""
    found: list[dict[str, Any]] = []
    query = f"?limit={limit}"
    while True:
        answer = export_me(token, query)
        assert answer.status == 200, answer.json
        found += answer.json["items"]
        if answer.json["next_cursor"] is None:
            return found
        query = f"?limit={limit}&cursor={answer.json['next_cursor']}"


def erase_me(token: str, password: str = PASSWORD) -> Answer:
    """DELETE /users/me."""
    return call(
        "user/erase_me",
        "DELETE",
        "/users/me",
        token=token,
        body={"password": password},
        timeout_seconds=PATIENCE_SECONDS,
    )


def tables() -> list[str]:
    """Return the names of all tables of the migrated schema."""
    sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    return [row.tablename for row in rows(sql)]


def tables_that_say(words: Iterable[str]) -> set[tuple[str, str]]:
    """Return (table, word) where any column of any row has one of the words, in any case."""
    return {
        (table, word)
        for table in tables()
        for word in words
        if rows(f'SELECT FROM "{table}" AS t WHERE strpos(lower(t::text), $1) > 0 LIMIT 1',
                word.lower())
    }  # fmt: skip


def books_of(user_id: object) -> list[Any]:
    """Return the sums of a user's orders, payments and points, as bookkeeping reads them."""
    sql = """
        SELECT (SELECT count(*) || ' ' || sum(total_amount - discount_amount) FROM orders
                WHERE buyer_id = $1) AS orders,
            (SELECT count(*) || ' ' || sum(amount) FROM point_ledger WHERE user_id = $1) AS ledger,
            (SELECT balance FROM point_account WHERE user_id = $1) AS balance,
            (SELECT count(*) FROM issued_coupon WHERE user_id = $1) AS coupons
    """
    return [tuple(row) for row in rows(sql, user_id)]


def events_of_user(user_id: object) -> list[tuple[str, Any]]:
    """Return (type, data) of what the outbox has of a user's account, the oldest first."""
    sql = "SELECT type, data FROM outbox WHERE aggregate_id = $1 ORDER BY position"
    return [(row.type, row.data) for row in rows(sql, user_id)]
