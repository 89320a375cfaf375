"""Alerts that operators get once."""

import logging

from commerce.runtime import alerts, idempotency
from commerce.runtime.alerts import Alert
from commerce.runtime.db.current import database
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.idempotency import AlreadyDone, Claim
from commerce.shared.errors import Unavailable

logger = logging.getLogger(__name__)


def alert_once(alert: Alert) -> None:
    """Send the alert to the operators, once per alert. Raises what the topic's client raises.

    It is claimed before it is sent, so that of two callers one sends; a failed send gives the claim
    up again. A caller that is killed in between sends nothing (a dead letter still has its alarm).
    While the database is down, every caller sends.
    """
    try:
        is_claimed = _claim(alert.claim)
    except Unavailable:
        logger.warning("alert %s %s is not claimed", alert.code, alert.about, exc_info=True)
        alerts.publish(alert)
        return
    if not is_claimed:
        return
    try:
        alerts.publish(alert)
    except Exception:
        with UnitOfWork(database()) as uow:
            idempotency.release(uow, alert.claim)
            uow.commit()
        raise


def _claim(claimed: Claim) -> bool:
    try:
        with UnitOfWork(database()) as uow:
            idempotency.claim(uow, claimed)
            uow.commit()
    except AlreadyDone:
        return False
    return True
