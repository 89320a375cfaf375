"""Conditions that are wrong at a moment: each red line of the console is one of these."""

from collections.abc import Iterator, Mapping

from commerce.app.alerts.record import Condition
from commerce.app.operations.overview import PROBLEMS, OverviewView
from commerce.app.reconciliation.runs import boards
from commerce.drop import StaffDropView

LATE_EVENTS_SECONDS = 60  # the alarm's
_PROBLEM_RUNBOOKS = {"NOT_EXPIRED": "unknown-payments.md"}
_BREAKER = {
    "open": ("PAYMENT_BREAKER_OPEN", "Card payments are stopped."),
    "half-open": ("PAYMENT_BREAKER_HALF_OPEN", "Card payments are being tried."),
    "unknown": ("PAYMENT_BREAKER_UNKNOWN", "Valkey does not answer: each payment is let through."),
}

CODES = frozenset(
    {
        "DEAD_LETTERS", "MESSAGES_FAIL", "ORDERS_STUCK", "PAYMENTS_UNFINISHED", "EVENTS_WAIT",
        "EVENTS_QUARANTINED", "BOOKS_DO_NOT_HOLD", "RANKINGS_LOST", "BOOKS_NOT_CHECKED",
        "BOARDS_NOT_COMPARED", "DROP_STUCK", *(code for code, _ in _BREAKER.values()),
    }
)  # fmt: skip
"""The kinds that are found by looking; the others are sent by who meets them."""

_QUEUES_THAT_MAY_WAIT = frozenset(
    {
        "catalogue-changed", "mail-feedback", "mail-purchases", "mail-requested",
        "metrics-product-activity", "product-like-changed", "product-stock-turned",
        "products-viewed", "ranked-activity", "user-acted",
    }
)  # fmt: skip
"""Queues whose messages move no money, no goods and nobody's turn; a new queue is none of them."""
_KINDS_THAT_MAY_WAIT = frozenset(
    {"RANKINGS_LOST", "BOARDS_NOT_COMPARED", "PAYMENT_BREAKER_UNKNOWN"}
)


def may_be_silenced(code: str, about: str) -> bool:
    """Return whether it may be hidden for a time: no order, money or goods wait meanwhile."""
    if code in ("DEAD_LETTERS", "MESSAGES_FAIL"):
        return about in _QUEUES_THAT_MAY_WAIT
    return code in _KINDS_THAT_MAY_WAIT


def of_dead_letters(counts: Mapping[str, int]) -> Iterator[Condition]:
    """Yield an alert for each queue that has dead letters."""
    for queue, count in counts.items():
        if count:
            words = f"{count} dead letter{'s' if count > 1 else ''} in {queue}."
            yield Condition("DEAD_LETTERS", queue, words, "dead-letters.md")


def of_drop(drop: StaffDropView) -> Iterator[Condition]:
    """Yield an alert if the drop waits for too long."""
    if drop.trouble:
        yield Condition("DROP_STUCK", drop.drop_id, f"Stuck: {drop.trouble}.", "drop-stuck.md")


def of_overview(found: OverviewView) -> Iterator[Condition]:
    """Yield an alert for each thing that the overview shows as wrong."""
    yield from _books(found)
    for queue in found.failing:
        words = f"{queue.messages} tried in vain: {queue.cause}"
        yield Condition("MESSAGES_FAIL", queue.queue, words, "messages-fail.md")
    for problem in sorted({each.problem for each in found.stuck_orders}):
        runbook = _PROBLEM_RUNBOOKS.get(problem, "shipment-notice-failed.md")
        yield Condition("ORDERS_STUCK", problem, PROBLEMS[problem], runbook)
    if any(each.late for each in found.payments):
        words = "A payment is unfinished for more than five minutes."
        yield Condition("PAYMENTS_UNFINISHED", "payments", words, "unknown-payments.md")
    if found.breaker.state in _BREAKER:
        code, words = _BREAKER[found.breaker.state]
        yield Condition(code, "payment-gateway", words, "payment-breaker.md")
    if found.outbox.oldest_age_seconds > LATE_EVENTS_SECONDS:
        words = f"Events wait for the bus for more than {LATE_EVENTS_SECONDS} s."
        yield Condition("EVENTS_WAIT", "outbox", words, "outbox-stuck.md")
    if found.outbox.set_aside_count:
        words = "The bus rejects an event."
        yield Condition("EVENTS_QUARANTINED", "outbox", words, "event-set-aside.md")


def _books(found: OverviewView) -> Iterator[Condition]:
    for finding in {each.rule: each for each in found.books.findings}.values():
        code = "RANKINGS_LOST" if finding.rule == boards.RULE else "BOOKS_DO_NOT_HOLD"
        yield Condition(code, finding.rule, finding.words, finding.runbook)
    if found.books.is_late:
        words = "No complete check of the books is recent enough."
        yield Condition("BOOKS_NOT_CHECKED", "books", words, "books-not-checked.md")
    elif found.books.last is not None and found.books.last.boards is None:
        words = "Valkey did not answer: ranking boards were not compared."
        yield Condition("BOARDS_NOT_COMPARED", "boards", words, "rankings-lost.md")
