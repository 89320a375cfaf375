"""Tokens that were asked for, orders, refunds, offers -> a mail to the user they concern."""

from commerce.app.mails import send_mails
from commerce.drop.events import OfferMade
from commerce.entrypoints.queue import batch_handler
from commerce.order.events import OrderConfirmed, OrderShipped
from commerce.payment.events import PaymentRefunded
from commerce.user import EmailChanged, EmailVerificationRequested, PasswordResetRequested

MAILED = (
    EmailVerificationRequested, PasswordResetRequested, EmailChanged,
    OrderConfirmed, OrderShipped, PaymentRefunded, OfferMade,
)  # fmt: skip

handler = batch_handler(MAILED, send_mails)
