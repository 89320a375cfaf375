"""Statements lock several rows in an order, so that two cannot deadlock, and return no old rows."""

import re
from collections.abc import Iterator
from importlib import import_module

import pytest

from commerce.runtime.db.statement import Statement
from layers.domain import compile_statements

LOCKS_ONE_ROW = {
    "coupon LOCK_COPY", "drop LOCK", "notification LOCK", "order LOCK", "payment LOCK",
    "point LOCK", "point LOCK_CHARGE",
    "product LOCK_LEVELS", "product.striping LOCK_STOCK", "product.striping TAKE",
    "ranking.periods LOCK_CHUNK", "ranking.periods LOCK_RUN", "ranking.periods SHARE_RUN",
    "shipping LOCK", "user LOCK", "user SHARE", "user SHARE_WITH_LOGIN_ID",
    "user.address_book LOCK_USER", "user.api_keys LOCK", "user.mail_tokens LOCK_OWNER",
    "user.recipients SUPPRESS", "user.sessions LOCK",
}  # fmt: skip
MAY_READ_OLDER_ROWS = {
    "coupon LOCK_COPY",  # the coupon's terms never change
    # Whether the address is verified decides only if one more mail is sent.
    "user LOCK", "user SHARE", "user SHARE_WITH_LOGIN_ID",
}  # fmt: skip
LOCK = re.compile(r"(\sORDER BY (?:(?!\sFROM\s).)+)?\sFOR (?:NO KEY )?(?:UPDATE|SHARE)")
UPSERT = re.compile(r"jsonb_to_recordset(?:(?! ORDER BY ).)+ ON CONFLICT ")


def statements() -> Iterator[tuple[str, str]]:
    """Every context's statements by name, each on one line."""
    for module in compile_statements.modules():
        context = module.removeprefix("commerce.").removesuffix(".statements")
        for name, value in vars(import_module(module)).items():
            if isinstance(value, Statement):
                yield f"{context} {name}", " ".join(value.compiled.sql.split())


def locks_in_any_order(sql: str) -> bool:
    """Say whether a statement locks rows, which may be several, in whatever order it finds them."""
    return any(found[1] is None for found in LOCK.finditer(sql)) or bool(UPSERT.search(sql))


def reads_beside_its_lock(sql: str) -> bool:
    """Say whether a SELECT that locks rows reads other tables too.

    If it waits for the lock, it returns the locked rows as they are after that, but those of the
    other tables as they were before.
    """
    is_several = " JOIN " in sql or sql.count(" FROM ") > 1
    return sql.startswith("SELECT ") and is_several and bool(LOCK.search(sql))


def test_statements_that_wait_for_a_lock_return_nothing_older() -> None:
    found = {name for name, sql in statements() if reads_beside_its_lock(sql)}
    assert found == MAY_READ_OLDER_ROWS


@pytest.mark.parametrize(
    ("sql", "beside"),
    [
        ("SELECT a FROM b WHERE a = $1 FOR UPDATE", False),
        ("SELECT a, (SELECT sum(c) FROM d) FROM b WHERE a = $1 FOR UPDATE OF b", True),
        ("SELECT a FROM b JOIN d ON b.a = d.a WHERE a = $1 FOR UPDATE OF b", True),
        ("SELECT a FROM b JOIN d ON b.a = d.a WHERE a = $1", False),
    ],
)
def test_a_read_beside_a_lock_is_found(sql: str, *, beside: bool) -> None:
    assert reads_beside_its_lock(sql) is beside


def test_statements_lock_several_rows_in_an_order() -> None:
    assert {name for name, sql in statements() if locks_in_any_order(sql)} == LOCKS_ONE_ROW


@pytest.mark.parametrize(
    ("sql", "in_any_order"),
    [
        ("SELECT a FROM b WHERE a = ANY ($1) ORDER BY a FOR UPDATE", False),
        ("SELECT a FROM b WHERE a = ANY ($1) FOR NO KEY UPDATE", True),
        ("WITH c AS (SELECT a FROM b ORDER BY a LIMIT 1 FOR UPDATE SKIP LOCKED) SELECT 1", False),
        ("WITH c AS (SELECT a FROM b ORDER BY a), d AS (SELECT a FROM b FOR SHARE) SELECT 1", True),
        ("INSERT INTO a SELECT b FROM jsonb_to_recordset($1) ORDER BY b ON CONFLICT DO", False),
        ("INSERT INTO a SELECT b FROM jsonb_to_recordset($1) ON CONFLICT DO NOTHING", True),
        ("INSERT INTO a VALUES ($1) ON CONFLICT DO NOTHING", False),
    ],
)
def test_a_lock_without_an_order_is_found(sql: str, *, in_any_order: bool) -> None:
    assert locks_in_any_order(sql) is in_any_order
