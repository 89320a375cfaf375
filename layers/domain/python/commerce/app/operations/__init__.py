"""Operations: reads of what is wrong now, and the repairs that operators make.

The overview and the sales are read over the tables of all contexts, not through their facades. Dead
letters are handled by the same code as in `make ops`.
"""

from commerce.app.operations.alerts import (
    AlertView,
    acknowledge_alert,
    alerts_of_a_week,
    silence_alert,
)
from commerce.app.operations.commands import (
    AcknowledgeAlert,
    Discard,
    DiscardEvent,
    Redrive,
    ResendNotice,
    Restore,
    SilenceAlert,
    SyncPayment,
)
from commerce.app.operations.dead_letters import (
    DeadLetterOutcomeView,
    DeadLetterView,
    KindsView,
    QueueDeadLettersView,
    QueuesView,
    counts,
    dead_letters_of,
    describe,
    discard,
    kinds_of,
    queues,
    record_act,
    redrive,
    restore,
)
from commerce.app.operations.discarded import (
    Discarded,
    DiscardedView,
    discarded,
    newest_discarded,
)
from commerce.app.operations.errors import (
    AlertNotFound,
    AlertNotSilenceable,
    EventNotFound,
    EventNotQuarantined,
    NothingToSend,
    QueueNotFound,
    SilenceRefused,
)
from commerce.app.operations.events import (
    DiscardedEventView,
    EventView,
    discard_event,
    discard_quarantined,
    discarded_from_quarantine,
    event,
    find_event,
    restore_events,
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
    "AcknowledgeAlert",
    "AlertNotFound",
    "AlertNotSilenceable",
    "AlertView",
    "DeadLetterOutcomeView",
    "DeadLetterView",
    "Discard",
    "DiscardEvent",
    "Discarded",
    "DiscardedEventView",
    "DiscardedView",
    "EventNotFound",
    "EventNotQuarantined",
    "EventView",
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
    "RequeueView",
    "ResendNotice",
    "Restore",
    "SalesView",
    "SilenceAlert",
    "SilenceRefused",
    "SyncPayment",
    "TimelineView",
    "acknowledge_alert",
    "alerts_of_a_week",
    "counts",
    "dead_letters_of",
    "describe",
    "discard",
    "discard_event",
    "discard_quarantined",
    "discarded",
    "discarded_from_quarantine",
    "event",
    "find_event",
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
    "restore_events",
    "sales",
    "silence_alert",
    "sync_payment",
    "timeline",
]  # fmt: skip
