"""The views of users."""

from dataclasses import dataclass, field
from datetime import date, datetime

from pydantic import Field

from commerce.shared.languages import Language
from commerce.shared.schemas import View
from commerce.user.model import Gender


class UserView(View):
    """One user."""

    user_id: str
    login_id: str
    name: str
    email: str
    email_verified: bool
    birth_date: date
    gender: Gender
    language: Language = Field(description="The language of mails that no request asked for")


class VersionedUser(View):
    """One user, with the version that their ETag shows."""

    user: UserView
    version: int


@dataclass(frozen=True, slots=True)
class Entrant:
    """The facts about an account that the terms of a drop ask for."""

    email: str
    is_email_verified: bool
    created_at: datetime
    is_staff: bool


@dataclass(frozen=True, slots=True)
class Recipient:
    """A user who may be mailed, at the address that they have now."""

    email: str = field(repr=False)
    login_id: str
    language: Language
