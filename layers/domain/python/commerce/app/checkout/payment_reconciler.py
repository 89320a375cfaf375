"""Every minute: payments that have waited too long are brought to their end."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from commerce.app.checkout.settlement import GATEWAY_SECONDS, advance
from commerce.app.transactions import in_transaction
from commerce.payment import Deadline, Payment, PaymentFacade
from commerce.runtime import settings

PAGE = 100  # payments per run; the next minute goes on with the next
RUN_SECONDS = 40.0  # a run ends of itself, before the next one begins
UNKNOWN_FOR = timedelta(minutes=5)  # SPEC §9: operators hear of what waits for longer

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Reconciled:
    """What a run did."""

    asked: int = 0
    ended: int = 0
    failed: int = 0
    unknown: int = 0

    def as_facts(self) -> Mapping[str, int]:
        """For the log."""
        return {
            "asked": self.asked,
            "ended": self.ended,
            "failed": self.failed,
            "unknown": self.unknown,
        }


def reconcile_payments() -> Reconciled:
    """Ask about each payment without a result, oldest first, and settle it to the gateway's truth.

    Each is a transaction of its own; what fails does not stop the others.
    """
    done = Reconciled()
    ends_at = time.monotonic() + RUN_SECONDS
    after = timedelta(seconds=settings.number("PAYMENT_RECONCILE_AFTER_SECONDS", 60))  # SPEC §5
    for payment in in_transaction(PaymentFacade.unfinished, after, PAGE):
        if time.monotonic() > ends_at:
            break
        _reconcile_one(payment, done)
    done.unknown = in_transaction(PaymentFacade.count_unfinished, UNKNOWN_FOR)
    return done


def _reconcile_one(payment: Payment, done: Reconciled) -> None:
    done.asked += 1
    try:
        is_ended = advance(payment, Deadline.within(GATEWAY_SECONDS)).is_ended
    except Exception:  # the gateway, the topic, a bug: the others go on
        logger.warning("payment %s is asked about later", payment.id, exc_info=True)
        done.failed += 1
        is_ended = False
    if is_ended:
        done.ended += 1
    else:
        in_transaction(PaymentFacade.mark_asked, payment.id)
