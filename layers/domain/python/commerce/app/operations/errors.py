"""Errors of operations."""

from collections.abc import Iterable

from commerce.runtime.db import outbox
from commerce.shared.errors import CommerceError, Kind


class QueueNotFound(CommerceError):
    """There is no such queue with dead letters."""

    kind = Kind.NOT_FOUND
    code = "QUEUE_NOT_FOUND"

    def __init__(self, known: Iterable[str] = ("shipping-order-confirmed",)) -> None:
        super().__init__(f"There are: {', '.join(known)}.")


class RedriveNotFound(CommerceError):
    """There is no such redrive of yours on this queue."""

    kind = Kind.NOT_FOUND
    code = "REDRIVE_NOT_FOUND"


class NothingToSend(CommerceError):
    """The delivery system is to know nothing of this order."""

    kind = Kind.CONFLICT
    code = "NOTHING_TO_SEND"

    def __init__(self) -> None:
        super().__init__(
            "Notices are sent of orders that are confirmed and not shipped yet, and of cancelled "
            "ones that had been sent."
        )


class EventNotQuarantined(CommerceError):
    """There is no quarantined event with this id."""

    kind = Kind.NOT_FOUND
    code = "EVENT_NOT_SET_ASIDE"

    def __init__(self) -> None:
        super().__init__("It may have been requeued or discarded already.")


class AlertNotFound(CommerceError):
    """There is no alert with this id."""

    kind = Kind.NOT_FOUND
    code = "ALERT_NOT_FOUND"
    default_detail = "It may have been deleted: alerts are listed for seven days."


class AlertNotSilenceable(CommerceError):
    """This alert may not be silenced."""

    kind = Kind.CONFLICT
    code = "ALERT_NOT_SILENCEABLE"
    default_detail = (
        "Orders, money or goods may be stuck while it stands. Acknowledge it, and follow its "
        "runbook."
    )


class SilenceRefused(CommerceError):
    """A silence ends in the future, within seven days."""

    kind = Kind.INVALID
    code = "SILENCE_REFUSED"
    default_detail = "Send a moment of the next seven days, or null to end the silence."


class EventNotFound(CommerceError):
    """There is no such event in the outbox or the quarantine."""

    kind = Kind.NOT_FOUND
    code = "EVENT_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(
            f"A published event is kept for {outbox.KEPT_FOR.days} days. One that was discarded is "
            "among the discarded messages."
        )
