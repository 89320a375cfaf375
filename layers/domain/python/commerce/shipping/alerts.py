"""The alert for a shipment notice that was not delivered."""

from uuid import UUID

from commerce.runtime.alerts import Alert
from commerce.shared import trace
from commerce.shared.errors import CommerceError
from commerce.shipping.model import NoticeKind

_MEANING = {
    NoticeKind.ORDER: "A paid order is unknown to the delivery system",
    NoticeKind.UPDATE: "The delivery system may ship an order as it was before it changed",
    NoticeKind.WITHDRAWAL: "The delivery system may ship a cancelled order",
}


def notice_failed(order_id: UUID, kind: NoticeKind, cause: Exception) -> Alert:
    """Make the alert for a notice whose last attempt failed; its message is a dead letter now."""
    reason = str(cause) if isinstance(cause, CommerceError) else f"{type(cause).__name__}: {cause}"
    return Alert(
        code="SHIPMENT_NOTICE_FAILED",
        about=f"{kind} {order_id}",
        summary=f"{_MEANING[kind]}.",
        facts={
            "order_id": str(order_id),
            "kind": kind.value,
            "cause": reason,
            "trace_id": trace.trace_id(),
        },
        runbook="shipment-notice-failed.md",
        link=f"order={order_id}",
    )
