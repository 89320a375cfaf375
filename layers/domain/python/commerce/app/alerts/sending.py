"""Alerts that operators receive once, and that are recorded."""

import logging

from commerce.app.alerts import record
from commerce.runtime import alerts, idempotency
from commerce.runtime.alerts import Alert
from commerce.runtime.db.current import database
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.idempotency import AlreadyDone, Claim
from commerce.shared.errors import Unavailable

logger = logging.getLogger(__name__)


def publish(alert: Alert, *, is_hurried: bool = False) -> None:
    """Send the alert to the operators, then record it. Raises what the topic's client raises.

    It is recorded where it could not be sent too: then the console alone has it. No transaction is
    open while it is sent, and a record that cannot be written is logged.
    """
    try:
        alerts.publish(alert, is_hurried=is_hurried)
    finally:
        record.raised(alert)


def alert_once(alert: Alert) -> None:
    """Send the alert to the operators, once. Raises what the topic's client raises.

    The alert is claimed before it is sent, so that one of two callers sends it; if sending fails,
    the claim is released. A caller that is killed in between sends nothing (a dead letter still
    has its alarm). While the database is down, every caller sends.
    """
    try:
        is_claimed = _claim(alert.claim)
    except Unavailable:
        logger.warning("alert %s %s cannot be claimed", alert.code, alert.about, exc_info=True)
        alerts.publish(alert)
        return
    if not is_claimed:
        return
    try:
        publish(alert)
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
