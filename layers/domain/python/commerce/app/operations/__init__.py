"""Operations: what is wrong now, and what operators do about it.

What the console shows is read here over all contexts, as the books are proved: by statements that
ask no facade. What is done to dead letters is done by the same code as in `make ops`.
"""

from commerce.app.operations.commands import Discard, Redrive
from commerce.app.operations.dead_letters import (
    DeadLetterOutcomeView,
    DeadLetterView,
    QueueDeadLettersView,
    QueuesView,
    dead_letters_of,
    discard,
    queues,
    redrive,
)
from commerce.app.operations.errors import EventNotQuarantined, QueueNotFound
from commerce.app.operations.order import NoticeView, OperatorsOrderView, order_for_operators
from commerce.app.operations.overview import OverviewView, overview
from commerce.app.operations.repairs import RequeueView, requeue, requeue_event, sync_payment
from commerce.app.operations.sales import SalesView, sales

__all__ = [
    "DeadLetterOutcomeView",
    "DeadLetterView",
    "Discard",
    "EventNotQuarantined",
    "NoticeView",
    "OperatorsOrderView",
    "OverviewView",
    "QueueDeadLettersView",
    "QueueNotFound",
    "QueuesView",
    "Redrive",
    "RequeueView",
    "SalesView",
    "dead_letters_of",
    "discard",
    "order_for_operators",
    "overview",
    "queues",
    "redrive",
    "requeue",
    "requeue_event",
    "sales",
    "sync_payment",
]
