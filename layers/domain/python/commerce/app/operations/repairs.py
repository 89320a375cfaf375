"""Repairs that operators make in the database; each is audited."""

from typing import Literal
from uuid import UUID

from commerce.app import checkout
from commerce.app.operations.commands import SyncPayment
from commerce.app.operations.errors import EventNotQuarantined
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.payment import PaymentFacade, PaymentView
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.messaging import quarantine
from commerce.shared import cursor
from commerce.shared.schemas import View


class RequeueView(View):
    """The relay publishes the event again, within a minute."""

    event_id: str
    put_back: Literal[True]


def requeue(event_id: str, *, by: str) -> RequeueView:
    """Let the relay publish a quarantined event again. Raises EventNotQuarantined."""
    id_ = cursor.parse_id(event_id)
    if id_ is None or not in_transaction(requeue_event, id_, by=by):
        raise EventNotQuarantined
    return RequeueView(event_id=event_id, put_back=True)


def sync_payment(payment_id: str, command: SyncPayment, *, by: str) -> PaymentView:
    """Ask the gateway about a payment, and settle or refund it by its answer.

    The audit has the request even if it fails. Raises what `checkout.sync` raises.
    """
    payment = in_transaction(PaymentFacade.find, payment_id)
    reason = {"reason": command.reason} if command.reason else {}
    after = {"status_before": payment.status.value, **reason}
    change = Change(by, "sync payment", payment.id, {}, after)
    in_transaction(_record_change, change)
    return checkout.sync(payment_id)


def requeue_event(shop: Shop, event_id: UUID, *, by: str) -> bool:
    """Move a quarantined event back to the outbox, audited; return whether it was quarantined."""
    if not quarantine.requeue(shop.uow, [event_id]):
        return False
    before, after = {"set_aside": True}, {"set_aside": False}
    audit.record(shop.uow, Change(by, "put back event", event_id, before, after))
    return True


def _record_change(shop: Shop, change: Change) -> None:
    audit.record(shop.uow, change)
