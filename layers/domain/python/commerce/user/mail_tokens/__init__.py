"""Tokens that prove that an address is a user's: they verify it, or reset a password."""

from commerce.user.mail_tokens.commands import ConfirmEmail, RequestReset, ResetPassword
from commerce.user.mail_tokens.errors import MailTokenExpired
from commerce.user.mail_tokens.facade import MailTokenFacade
from commerce.user.mail_tokens.model import Purpose
from commerce.user.mail_tokens.repository import MailTokenRepository
from commerce.user.mail_tokens.views import EmailVerifiedView, MailRequestedView, TokenRecipient

__all__ = [
    "ConfirmEmail", "EmailVerifiedView", "MailRequestedView", "MailTokenExpired",
    "MailTokenFacade", "MailTokenRepository", "Purpose", "RequestReset", "ResetPassword",
    "TokenRecipient",
]  # fmt: skip
