"""Operations: reads of what is wrong now, and the repairs that operators make.

The overview and the sales are read over the tables of all contexts, not through their facades. Dead
letters are handled by the same code as in `make ops`.
"""

from commerce.app.operations.commands import Discard, Redrive
from commerce.app.operations.dead_letters import (
    DeadLetterOutcomeView,
    DeadLetterView,
    QueueDeadLettersView,
    QueuesView,
    dead_letters_of,
    describe,
    discard,
    queues,
    record_act,
    redrive,
)
from commerce.app.operations.discarded import Discarded, discarded
from commerce.app.operations.errors import EventNotQuarantined, QueueNotFound
from commerce.app.operations.order import NoticeView, OperatorsOrderView, order_for_operators
from commerce.app.operations.overview import OverviewView, overview
from commerce.app.operations.repairs import RequeueView, requeue, requeue_event, sync_payment
from commerce.app.operations.sales import SalesView, sales

__all__ = [
    "DeadLetterOutcomeView", "DeadLetterView", "Discard", "Discarded",
    "EventNotQuarantined", "NoticeView", "OperatorsOrderView", "OverviewView",
    "QueueDeadLettersView", "QueueNotFound", "QueuesView",
    "Redrive", "RequeueView", "SalesView", "dead_letters_of", "describe", "discard",
    "discarded",    "order_for_operators", "overview", "queues", "record_act", "redrive", "requeue",
    "requeue_event", "sales", "sync_payment",
]  # fmt: skip
