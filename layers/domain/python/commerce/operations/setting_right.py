"""What an operator sets right in the database; each act is in the audit."""

from typing import Literal

from commerce import checkout
from commerce.bootstrap import in_transaction
from commerce.operations.errors import EventNotSetAside
from commerce.payment import PaymentView
from commerce.shared import cursor
from commerce.shared.audit import Change
from commerce.shared.shapes import View


class PutBackView(View):
    """The relay tries the event again, within a minute."""

    event_id: str
    put_back: Literal[True]


def put_back(event_id: str, *, by: str) -> PutBackView:
    """Let the relay try an event again that was set aside. Raises EventNotSetAside."""
    id_ = cursor.parse_id(event_id)
    if id_ is None or not in_transaction(lambda shop: shop.put_back(id_, by=by)):
        raise EventNotSetAside
    return PutBackView(event_id=event_id, put_back=True)


def sync_payment(payment_id: str, *, by: str) -> PaymentView:
    """Ask the gateway about a payment, and settle or refund it by its answer.

    Who asked is written down first, whatever comes of it. Raises what `checkout.sync` raises.
    """
    payment = in_transaction(lambda shop: shop.payments.find(payment_id))
    asked = Change(by, "sync payment", payment.id, {}, {"status_before": payment.status.value})
    in_transaction(lambda shop: shop.keep_in_audit(asked))
    return checkout.sync(payment_id)
