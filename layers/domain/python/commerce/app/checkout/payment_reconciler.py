"""The reconciler of payments that have waited too long for the gateway's result."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from commerce.app.checkout.settlement import advance
from commerce.app.transactions import in_transaction
from commerce.payment import Payment, PaymentFacade, gateway_deadline
from commerce.runtime import settings
from commerce.runtime.deadline import Deadline

PAGE = 100  # payments per run; the next run continues with the next ones
RUN_SECONDS = 40.0  # a run ends before the next one begins
UNKNOWN_FOR = timedelta(minutes=5)  # spec §10: operators are alerted to what waits longer

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Reconciled:
    """The result of a run, in payments."""

    asked: int = 0
    ended: int = 0
    failed: int = 0
    unknown: int = 0


def reconcile_payments() -> Reconciled:
    """Ask the gateway about each payment that is not ended, oldest first, and settle it.

    Each payment is settled by itself; a failure does not stop the others.
    """
    done = Reconciled()
    run = Deadline.within(RUN_SECONDS)
    after = timedelta(seconds=settings.number("PAYMENT_RECONCILE_AFTER_SECONDS", 60))  # spec §6
    for payment in in_transaction(PaymentFacade.unfinished, after, PAGE):
        if run.is_over:
            break
        _reconcile_one(payment, done)
    done.unknown = in_transaction(PaymentFacade.count_unfinished, UNKNOWN_FOR)
    return done


def _reconcile_one(payment: Payment, done: Reconciled) -> None:
    done.asked += 1
    try:
        is_ended = advance(payment, gateway_deadline()).is_ended
    except Exception:  # of the gateway, the alert topic or our own: it must not stop the others
        logger.warning("payment %s will be reconciled later", payment.id, exc_info=True)
        done.failed += 1
        is_ended = False
    if is_ended:
        done.ended += 1
    else:
        in_transaction(PaymentFacade.mark_asked, payment.id)
