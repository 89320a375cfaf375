"""Scheduled reconciliation in tests: running it, and what operators see of it."""

from datetime import timedelta
from typing import Any

from tests.support.lambda_calls import function, lambda_context
from tests.support.operations import overview
from tests.support.shop import require_own_shop, rows


def check_books() -> Any:
    """Run the scheduled function once, on a shop of the test's own; return its answer."""
    require_own_shop()
    return function("operations/every_five_minutes_reconcile")({}, lambda_context(300))


def books() -> Any:
    """Return the books' part of the overview."""
    answer = overview()
    assert answer.status == 200, answer.json
    return answer.json["books"]


def rules() -> list[str]:
    """Return the rules of the findings that stand."""
    return [each["rule"] for each in books()["findings"]]


def let_pass(time: timedelta) -> None:
    """Make all runs so much older."""
    rows(
        "UPDATE reconciliation_run SET begun_at = begun_at - $1 * interval '1 second',"
        " ended_at = ended_at - $1 * interval '1 second'",
        time.total_seconds(),
    )


def alter_stock(product_id: str, units: int) -> None:
    """Change a product's stock as somebody does who is in the database by hand."""
    rows(
        "UPDATE stock SET quantity = quantity + $2, on_hand = on_hand + $2 WHERE product_id = $1",
        product_id,
        units,
    )
