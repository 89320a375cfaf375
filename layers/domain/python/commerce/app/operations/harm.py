"""The order in which trouble is mended: what costs buyers money or goods comes first."""

_URGENT = (
    "order-payment-succeeded",
    "payment-order-cancelled",
    "order-payment-failed",
    "shipping-order-confirmed",
    "shipping-order-cancelled",
    "shipping-address-changed",
    "outbox-nudge",
    "schedule",
    "drop-promotion",
)
_LATER = ("mail-requested", "mail-purchases")
RANKED = (*_URGENT, *_LATER)
"""Queues by what a buyer loses while their dead letters wait, the most first."""


def is_urgent(queue: str) -> bool:
    """Return whether buyers wait for money, goods or their turn while it has dead letters."""
    return queue in _URGENT


def by_harm(queue: str) -> tuple[int, str]:
    """Return the key that sorts queues, the most harmful first, and the others by name."""
    return (RANKED.index(queue) if queue in RANKED else len(RANKED)), queue
