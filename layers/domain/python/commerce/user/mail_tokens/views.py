"""The views of mailed tokens."""

from dataclasses import dataclass, field

from pydantic import Field

from commerce.shared.schemas import Timestamp, View
from commerce.user.mail_tokens.model import Purpose


class MailRequestedView(View):
    """A mail is on its way, if the address is an account's."""

    expires_in: int = Field(examples=[3600], description="Seconds for which its token is good")


class EmailVerifiedView(View):
    """The account's address is verified."""

    email_verified: bool


class MailedView(View):
    """A token or a notice that a user was mailed."""

    purpose: Purpose
    created_at: Timestamp
    expires_at: Timestamp
    address: str | None = Field(description="Where a notice went; null: to the account's address")


@dataclass(frozen=True, slots=True)
class TokenRecipient:
    """The user that a token is mailed to, with its mailed form; a notice has none."""

    email: str = field(repr=False)
    login_id: str
    token: str = field(repr=False)
