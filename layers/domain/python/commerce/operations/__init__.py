"""Operations: what is wrong now, and what operators do about it.

What the console shows is read here over all contexts, as the books are proved: by statements that
ask no facade. What is done to dead letters is done by the same code as in `make ops`.
"""

from commerce.operations.commands import Discard, Redrive
from commerce.operations.desk import (
    LettersOutcomeView,
    LetterView,
    QueueLettersView,
    QueuesView,
    discard,
    letters_of,
    queues,
    redrive,
)
from commerce.operations.errors import EventNotSetAside, QueueNotFound
from commerce.operations.order import NoticeView, OperatorsOrderView, order_for_operators
from commerce.operations.overview import OverviewView, overview
from commerce.operations.sales import SalesView, sales
from commerce.operations.setting_right import PutBackView, put_back, sync_payment

__all__ = [
    "Discard",
    "EventNotSetAside",
    "LetterView",
    "LettersOutcomeView",
    "NoticeView",
    "OperatorsOrderView",
    "OverviewView",
    "PutBackView",
    "QueueLettersView",
    "QueueNotFound",
    "QueuesView",
    "Redrive",
    "SalesView",
    "discard",
    "letters_of",
    "order_for_operators",
    "overview",
    "put_back",
    "queues",
    "redrive",
    "sales",
    "sync_payment",
]
