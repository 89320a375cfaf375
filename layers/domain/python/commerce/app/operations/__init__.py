"""Operations: reads of what is wrong now, and the repairs that operators make.

The overview and the sales are read over the tables of all contexts, not through their facades. Dead
letters are handled by the same code as in `make ops`.
"""

from commerce.app.operations.commands import (
    CauseFilter,
    Discard,
    KindFilter,
    Redrive,
    ResendNotice,
    Restore,
    SyncPayment,
)
from commerce.app.operations.dead_letters import (
    DeadLetterOutcomeView,
    DeadLettersFoundView,
    DeadLetterView,
    KindsView,
    QueueDeadLettersView,
    QueuesView,
    RedriveView,
    cancel_redrive,
    continue_redrive,
    dead_letters_of,
    describe,
    discard,
    kinds_of,
    queues,
    record_act,
    redrive,
    restore,
    search_letters,
)
from commerce.app.operations.discarded import (
    Discarded,
    DiscardedView,
    discarded,
    newest_discarded,
)
from commerce.app.operations.errors import (
    EventNotQuarantined,
    NothingToSend,
    QueueNotFound,
    RedriveNotFound,
)
from commerce.app.operations.notices import repeat_notice
from commerce.app.operations.order import (
    NoticesView,
    NoticeView,
    OperatorsOrderView,
    order_for_operators,
)
from commerce.app.operations.order_timeline import TimelineView, timeline
from commerce.app.operations.overview import OverviewView, overview
from commerce.app.operations.repairs import RequeueView, requeue, requeue_event, sync_payment
from commerce.app.operations.sales import SalesView, sales

__all__ = [
    "CauseFilter",
    "DeadLetterOutcomeView",
    "DeadLetterView",
    "DeadLettersFoundView",
    "Discard",
    "Discarded",
    "DiscardedView",
    "EventNotQuarantined",
    "KindFilter",
    "KindsView",
    "NothingToSend",
    "NoticeView",
    "NoticesView",
    "OperatorsOrderView",
    "OverviewView",
    "QueueDeadLettersView",
    "QueueNotFound",
    "QueuesView",
    "Redrive",
    "RedriveNotFound",
    "RedriveView",
    "RequeueView",
    "ResendNotice",
    "Restore",
    "SalesView",
    "SyncPayment",
    "TimelineView",
    "cancel_redrive",
    "continue_redrive",
    "dead_letters_of",
    "describe",
    "discard",
    "discarded",
    "kinds_of",
    "newest_discarded",
    "order_for_operators",
    "overview",
    "queues",
    "record_act",
    "redrive",
    "repeat_notice",
    "requeue",
    "requeue_event",
    "restore",
    "sales",
    "search_letters",
    "sync_payment",
    "timeline",
]  # fmt: skip
