"""EmailVerificationRequested, PasswordResetRequested -> a token is mailed."""

from commerce.app.mails import send_requested
from commerce.entrypoints.queue import batch_handler
from commerce.user import EmailVerificationRequested, PasswordResetRequested

handler = batch_handler((EmailVerificationRequested, PasswordResetRequested), send_requested)
