"""Each thing that the overview calls wrong is one condition, with a runbook that is there."""

from datetime import UTC, datetime
from typing import Any

import pytest

from commerce.app.operations import OverviewView, conditions
from commerce.app.reconciliation.runs import boards
from infra.template import ROOT

AT = datetime(2026, 11, 30, 9, tzinfo=UTC)
RUN = {
    "kind": "INCREMENTAL", "begun_at": AT, "ended_at": AT, "seconds": 1, "products": 1,
    "accounts": 1, "orders": 1, "coupons": 1, "drops": 1, "boards": 1, "findings": 0,
    "is_complete": True,
}  # fmt: skip
BOOKS = {"last": RUN, "last_full": RUN, "is_late": False, "findings_count": 0, "findings": []}
OUTBOX = {"waiting": 0, "oldest_age_seconds": 60, "set_aside_count": 0, "set_aside": []}
BREAKER: dict[str, Any] = {
    "state": "closed", "since": None, "calls": 0, "failed": 0, "causes": [], "opening": None,
}  # fmt: skip
PAYMENT = {
    "payment_id": "p", "order_id": "o", "charge_id": None, "status": "PENDING",
    "amount": {"amount": 1, "currency": "KRW"}, "transaction_key": None, "since": AT,
    "asked_at": AT,
}  # fmt: skip
ORDER = {"order_id": "o", "status": "CONFIRMED", "meaning": "", "since": AT}
QUEUE = {
    "queue": "mail-requested", "messages": 1, "tries": 1, "cause": "no", "type": "", "since": AT,
    "is_urgent": False,
}  # fmt: skip


def finding(rule: str) -> dict[str, str]:
    return {"rule": rule, "words": "no", "runbook": "books-do-not-hold.md", "command": ""}


def found(**parts: Any) -> list[tuple[str, str]]:
    """The conditions of an overview in which all is well but these parts."""
    healthy = {
        "at": AT, "books": BOOKS, "failing": [], "outbox": OUTBOX, "orders": [],
        "stuck_orders": [], "payments": [{**PAYMENT, "late": False}], "breaker": BREAKER,
    }  # fmt: skip
    seen = list(conditions.of_overview(OverviewView.model_validate({**healthy, **parts})))
    for each in seen:
        assert each.code in conditions.CODES
        assert (ROOT / "docs" / "runbooks" / each.runbook).exists()
    return [(each.code, each.about) for each in seen]


def test_a_healthy_overview_has_no_condition() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"failing": [QUEUE]}, ("MESSAGES_FAIL", "mail-requested")),
        ({"stuck_orders": [{**ORDER, "problem": "NOT_TOLD"}] * 2}, ("ORDERS_STUCK", "NOT_TOLD")),
        ({"stuck_orders": [{**ORDER, "problem": "NOT_EXPIRED"}]}, ("ORDERS_STUCK", "NOT_EXPIRED")),
        ({"payments": [{**PAYMENT, "late": True}]}, ("PAYMENTS_UNFINISHED", "payments")),
        ({"breaker": {**BREAKER, "state": "open"}}, ("PAYMENT_BREAKER_OPEN", "payment-gateway")),
        (
            {"breaker": {**BREAKER, "state": "half-open"}},
            ("PAYMENT_BREAKER_HALF_OPEN", "payment-gateway"),
        ),
        (
            {"breaker": {**BREAKER, "state": "unknown"}},
            ("PAYMENT_BREAKER_UNKNOWN", "payment-gateway"),
        ),
        ({"outbox": {**OUTBOX, "oldest_age_seconds": 61}}, ("EVENTS_WAIT", "outbox")),
        ({"outbox": {**OUTBOX, "set_aside_count": 1}}, ("EVENTS_QUARANTINED", "outbox")),
        (
            {"books": {**BOOKS, "findings": [finding("A_RULE")] * 2}},
            ("BOOKS_DO_NOT_HOLD", "A_RULE"),
        ),
        ({"books": {**BOOKS, "findings": [finding(boards.RULE)]}}, ("RANKINGS_LOST", boards.RULE)),
        ({"books": {**BOOKS, "is_late": True}}, ("BOOKS_NOT_CHECKED", "books")),
        ({"books": {**BOOKS, "last": {**RUN, "boards": None}}}, ("BOARDS_NOT_COMPARED", "boards")),
    ],
)
def test_each_cause_is_one_condition(parts: dict[str, Any], expected: tuple[str, str]) -> None:
    assert found(**parts) == [expected]


def test_queues_with_dead_letters_are_conditions_of_their_own() -> None:
    seen = list(conditions.of_dead_letters({"a": 2, "b": 0, "c": 1}))
    assert [(each.code, each.about, each.summary) for each in seen] == [
        ("DEAD_LETTERS", "a", "2 dead letters in a."),
        ("DEAD_LETTERS", "c", "1 dead letter in c."),
    ]
