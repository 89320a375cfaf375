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
from commerce.order.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderLinesCancelled,
    OrderRefunded,
    OrderShipped,
    ReturnReceived,
)
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
    PasswordChanged,
    PasswordResetRequested,
)
from commerce.user.mail_tokens import Purpose

Write: TypeAlias = Callable[[Shop, Any], Letter | None]
"""Returns what is to be mailed because of an event; None where nobody is, or no longer."""
About: TypeAlias = tuple[UUID | None, Mapping[str, str | Money]]
"""The id that a mail is about, and what its text names besides the login id."""
Content: TypeAlias = Callable[[Shop, Any], About | None]


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


def _to_user(template: Template, content: Content) -> Write:
    def write(shop: Shop, event: Any) -> Letter | None:
        to = shop.recipients.of(event.user_id)
        found = content(shop, event) if to else None
        if to is None or found is None:
            return None
        about, fields = found
        shown = {
            name: _amount(value, to.language) if isinstance(value, Money) else value
            for name, value in fields.items()
        }
        return Letter(
            template, to.language, to.email, str(about), {**shown, "login_id": to.login_id}
        )

    return write


def _order_confirmed(_: Shop, event: OrderConfirmed) -> About:
    lines = "\n".join(f"{each.quantity} × {each.product_name}" for each in event.lines)
    return event.order_id, {"lines": lines, "total": event.total}


def _order_shipped(shop: Shop, event: OrderShipped) -> About:
    tracking = shop.orders.to_deliver(event.order_id).tracking
    fields: dict[str, str | Money] = {
        "carrier": tracking.carrier or "–",
        "tracking_number": tracking.number or "–",
    }
    return event.order_id, fields


def _refunded(_: Shop, event: PaymentRefunded) -> About:
    return event.order_id or event.charge_id, {"amount": event.amount}


def _points_refunded(
    _: Shop, event: OrderLinesCancelled | ReturnReceived | OrderRefunded
) -> About | None:
    if event.points_refund.amount == 0:
        return None
    return event.order_id, {"amount": event.points_refund}


def _order_cancelled(_: Shop, event: OrderCancelled) -> About | None:
    # Of an order that was never paid in full, nothing is refunded: its hold has ended.
    if not event.was_confirmed or event.points_used.amount == 0:
        return None
    return event.order_id, {"amount": event.points_used}


def _offer_made(shop: Shop, event: OfferMade) -> About | None:
    if event.claim_until <= clock.now():
        return None
    until = f"{event.claim_until.astimezone(zone()):%Y-%m-%d %H:%M} ({zone_name()})"
    product = shop.products.get(str(event.product_id)).name
    return event.drop_id, {"product": product, "claim_until": until}


_LETTERS: Mapping[type[Event], Write] = {
    EmailVerificationRequested: _token_of(Purpose.VERIFICATION),
    PasswordResetRequested: _token_of(Purpose.PASSWORD_RESET),
    EmailChanged: _token_of(Purpose.EMAIL_CHANGED),
    PasswordChanged: _token_of(Purpose.PASSWORD_CHANGED),
    OrderConfirmed: _to_user(Template.ORDER_CONFIRMED, _order_confirmed),
    OrderShipped: _to_user(Template.ORDER_SHIPPED, _order_shipped),
    PaymentRefunded: _to_user(Template.REFUNDED, _refunded),
    OrderCancelled: _to_user(Template.POINTS_REFUNDED, _order_cancelled),
    OrderLinesCancelled: _to_user(Template.POINTS_REFUNDED, _points_refunded),
    ReturnReceived: _to_user(Template.POINTS_REFUNDED, _points_refunded),
    OrderRefunded: _to_user(Template.POINTS_REFUNDED, _points_refunded),
    OfferMade: _to_user(Template.OFFER_MADE, _offer_made),
}
MAILED = tuple(_LETTERS)
"""The events that are mailed, whichever queue brings them."""


def _amount(money: Money, language: Language) -> str:
    """Write an amount of a currency without minor units, which the won is."""
    if money.currency == "KRW" and language == "ko":
        return f"{money.amount:,}원"
    return f"{money.amount:,} {money.currency}"


@cache
def _mailer(sender: str) -> SesMailer:
    return SesMailer(sender)
