"""Errors of operations."""

from collections.abc import Iterable

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
        super().__init__("It may have been requeued already.")
