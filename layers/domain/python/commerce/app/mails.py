"""Mails: an event is mailed once, to the address that the account has at that moment."""

from collections.abc import Sequence
from functools import cache
from uuid import UUID

from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.notification import MailNotTaken, NotificationFacade, SesMailer, Template, written
from commerce.runtime import settings
from commerce.shared.events import Received
from commerce.user import EmailVerificationRequested, PasswordResetRequested
from commerce.user.mail_tokens import Purpose, Recipient

MailRequest = EmailVerificationRequested | PasswordResetRequested


def send_requested(received: Sequence[Received[MailRequest]]) -> None:
    """Mail the tokens that were asked for, each once.

    That a mail is being sent is committed before, and that it was sent after, so that a second
    delivery sends nothing. A function that dies in between, or gets no answer, leaves it open
    whether the mail was sent: a later delivery sends the same token again, after a minute.

    Raises MailNotTaken, BeingSent.
    """
    for each in received:
        _send(each)


def _send(received: Received[MailRequest]) -> None:
    is_reset = isinstance(received.event, PasswordResetRequested)
    purpose = Purpose.PASSWORD_RESET if is_reset else Purpose.VERIFICATION
    recipient = in_transaction(_begin, received.id, received.event.token_id, purpose)
    if recipient is None:
        return
    mail = written(
        Template(purpose.value),
        received.event.language,
        to=recipient.email,
        login_id=recipient.login_id,
        token=recipient.token,
        shop_url=settings.text("SHOP_URL", ""),
    )
    try:
        _mailer(settings.text("MAIL_SENDER")).send(mail)
    except MailNotTaken:
        in_transaction(NotificationFacade.release, received.id)
        raise
    in_transaction(NotificationFacade.mark_sent, received.id)


def _begin(shop: Shop, event_id: UUID, token_id: UUID, purpose: Purpose) -> Recipient | None:
    """Take the sending; None where nobody is mailed, the token is used, or it was sent."""
    recipient = shop.mail_tokens.recipient(token_id, purpose)
    if recipient is None or not shop.notifications.begin(event_id):
        return None
    return recipient


@cache
def _mailer(sender: str) -> SesMailer:
    return SesMailer(sender)
