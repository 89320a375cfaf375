"""The deadline of an exchange with the payment gateway."""

from commerce.runtime.deadline import Deadline, left_seconds

GATEWAY_SECONDS = 8.0  # spec §6: all calls of one exchange
WRITING_SECONDS = 1.5  # of the invocation, kept for recording the gateway's answer


def gateway_deadline() -> Deadline:
    """Return the deadline of an exchange that begins now, which leaves time to record it."""
    return Deadline.within(min(GATEWAY_SECONDS, left_seconds() - WRITING_SECONDS))
