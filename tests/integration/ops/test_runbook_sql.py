"""The SQL of the runbooks runs on the migrated schema, and does what they say."""

import re
from pathlib import Path

import pytest

from commerce.app.reconciliation import reconcile
from commerce.runtime.db.connection import BEGIN, ROLLBACK
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from infra.template import ROOT
from tests.support.books import alter_stock
from tests.support.shop import a_buyer, a_product, rows

pytestmark = pytest.mark.usefixtures("own_shop")

RUNBOOKS = ROOT / "docs" / "runbooks"
INLINE = re.compile(r"`((?:SELECT|DELETE FROM|INSERT|UPDATE) [^`\n]+)`")
BLOCK = re.compile(r"```sql\n(.*?)```", re.DOTALL)
BOOKS = RUNBOOKS / "books-do-not-hold.md"


def statements_of(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    blocks = [each for block in BLOCK.findall(text) for each in block.split(";") if each.strip()]
    return [*INLINE.findall(text), *(each.strip() for each in blocks)]


def made_real(statement: str) -> str:
    """Put a value where the runbook has a placeholder."""
    nil = "'00000000-0000-0000-0000-000000000000'"
    filled = re.sub(r"'(?:PRODUCT|USER|ORDER)_ID'", nil, statement)
    filled = filled.replace("BETWEEN … AND …", "BETWEEN '2026-11-01' AND '2026-11-30'")
    filled = filled.replace("pg_terminate_backend(pid)", "1")  # it names no backend
    return filled.replace("…", nil)


ALL = [(page.name, each) for page in sorted(RUNBOOKS.glob("*.md")) for each in statements_of(page)]


@pytest.mark.parametrize(("page", "statement"), ALL)
def test_a_statement_of_a_runbook_runs(page: str, statement: str) -> None:
    try:
        database().run([BEGIN, Query(made_real(statement), [])])
    finally:
        database().run([ROLLBACK], in_transaction=True)


def test_the_inserts_of_the_books_runbook_make_them_hold_again() -> None:
    product, buyer = a_product(stock=10), a_buyer(points=100)
    alter_stock(product, 3)
    rows("UPDATE point_account SET balance = balance + 3 WHERE user_id = $1", buyer.user_id)
    assert len(reconcile().findings) == 3
    inserts = [each for each in statements_of(BOOKS) if "INSERT" in each]
    assert len(inserts) == 2
    for each in inserts:
        filled = each.replace("'PRODUCT_ID'", f"'{product}'")
        rows(filled.replace("'USER_ID'", f"'{buyer.user_id}'"))
    assert reconcile().findings == []
