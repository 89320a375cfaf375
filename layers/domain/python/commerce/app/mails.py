"""Mails: an event is mailed once, to the address that the account has at that moment."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID

from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.drop.events import OfferMade
from commerce.notification import (
    Letter,
    MailNotTaken,
    NotificationFacade,
    SesMailer,
    Template,
    written,
)
from commerce.order.events import OrderConfirmed, OrderShipped
from commerce.payment.events import PaymentRefunded
from commerce.runtime import settings
from commerce.runtime.business_time import zone, zone_name
from commerce.shared import clock
from commerce.shared.events import Event, Received
from commerce.shared.languages import Language
from commerce.shared.money import Money
from commerce.user.events import (
    EmailChanged,
    EmailVerificationRequested,
    MailEvent,
    PasswordResetRequested,
)
from commerce.user.mail_tokens import Purpose

Write: TypeAlias = Callable[[Shop, Any], Letter | None]
"""Returns what is to be mailed because of an event; None where nobody is, or no longer."""


def send_mails(received: Sequence[Received[Event]]) -> None:
    """Mail what follows from events, each once.

    That a mail is being sent is committed before, and that it was sent after, so that a second
    delivery sends nothing. A function that dies in between, or gets no answer, leaves it open
    whether the mail was sent: a later delivery sends it again, after a minute.

    Raises MailNotTaken, BeingSent.
    """
    for each in received:
        _send(each)


def _send(received: Received[Event]) -> None:
    letter = in_transaction(_begin, received.id, received.event)
    if letter is None:
        return
    mail = written(letter, shop_url=settings.text("SHOP_URL", ""))
    try:
        _mailer(settings.text("MAIL_SENDER")).send(mail)
    except MailNotTaken:
        in_transaction(NotificationFacade.release, received.id)
        raise
    in_transaction(NotificationFacade.mark_sent, received.id)


def _begin(shop: Shop, event_id: UUID, event: Event) -> Letter | None:
    """Take the sending; None where nobody is mailed, the token is used, or it was sent."""
    letter = _LETTERS[type(event)](shop, event)
    if letter is None or not shop.notifications.begin(event_id):
        return None
    return letter


def _token_of(purpose: Purpose) -> Write:
    def write(shop: Shop, event: MailEvent) -> Letter | None:
        to = shop.mail_tokens.recipient(event.token_id, purpose)
        if to is None:
            return None
        fields = {"login_id": to.login_id}
        return Letter(Template(purpose.value), event.language, to.email, to.token, fields)

    return write


def _order_confirmed(shop: Shop, event: OrderConfirmed) -> Letter | None:
    lines = "\n".join(f"{each.quantity} × {each.product_name}" for each in event.lines)
    fields: dict[str, str | Money] = {"lines": lines, "total": event.total}
    return _letter(shop, Template.ORDER_CONFIRMED, event.user_id, event.order_id, fields)


def _order_shipped(shop: Shop, event: OrderShipped) -> Letter | None:
    tracking = shop.orders.to_deliver(event.order_id).tracking
    fields = {"carrier": tracking.carrier or "–", "tracking_number": tracking.number or "–"}
    return _letter(shop, Template.ORDER_SHIPPED, event.user_id, event.order_id, fields)


def _refunded(shop: Shop, event: PaymentRefunded) -> Letter | None:
    subject_id = event.order_id or event.charge_id
    fields = {"amount": event.amount}
    return _letter(shop, Template.REFUNDED, event.user_id, subject_id, fields)


def _offer_made(shop: Shop, event: OfferMade) -> Letter | None:
    if event.claim_until <= clock.now():
        return None
    until = f"{event.claim_until.astimezone(zone()):%Y-%m-%d %H:%M} ({zone_name()})"
    fields = {"product": shop.products.get(str(event.product_id)).name, "claim_until": until}
    return _letter(shop, Template.OFFER_MADE, event.user_id, event.drop_id, fields)


_LETTERS: Mapping[type[Event], Write] = {
    EmailVerificationRequested: _token_of(Purpose.VERIFICATION),
    PasswordResetRequested: _token_of(Purpose.PASSWORD_RESET),
    EmailChanged: _token_of(Purpose.EMAIL_CHANGED),
    OrderConfirmed: _order_confirmed,
    OrderShipped: _order_shipped,
    PaymentRefunded: _refunded,
    OfferMade: _offer_made,
}


def _letter(
    shop: Shop,
    template: Template,
    user_id: UUID,
    about: UUID | None,
    fields: Mapping[str, str | Money],
) -> Letter | None:
    to = shop.recipients.of(user_id)
    if to is None:
        return None
    shown = {
        name: _amount(value, to.language) if isinstance(value, Money) else value
        for name, value in fields.items()
    }
    fields_of_mail = {**shown, "login_id": to.login_id}
    return Letter(template, to.language, to.email, str(about), fields_of_mail)


def _amount(money: Money, language: Language) -> str:
    """Write an amount of a currency without minor units, which the won is."""
    if money.currency == "KRW" and language == "ko":
        return f"{money.amount:,}원"
    return f"{money.amount:,} {money.currency}"


@cache
def _mailer(sender: str) -> SesMailer:
    return SesMailer(sender)
