"""EmailVerificationRequested, PasswordResetRequested, EmailChanged, PasswordChanged -> a mail.

They have a queue of their own, so that a burst of orders delays nobody's password reset.
"""

from commerce.app.mails import MAILED, send_mails
from commerce.entrypoints.queue import batch_handler

handler = batch_handler(MAILED, send_mails)
