"""The views of users."""

from dataclasses import dataclass
from datetime import date, datetime

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
