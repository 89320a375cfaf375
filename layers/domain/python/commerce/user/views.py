"""The views of users."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pydantic import Field

from commerce.shared.schemas import View
from commerce.user.model import Gender


class UserView(View):
    """One user."""

    user_id: str
    login_id: str
    name: str
    email: str
    birth_date: date
    gender: Gender


@dataclass(frozen=True, slots=True)
class Entrant:
    """What the terms of a drop ask about an account."""

    email: str
    is_email_verified: bool
    created_at: datetime
    is_staff: bool


class SessionView(View):
    """An access token, which is valid for `expires_in` seconds, and the device's own token.

    Sent with the next sign-in, the device token exempts it from what strangers' failures demand.
    """

    access_token: str = Field(repr=False)
    token_type: Literal["Bearer"]
    expires_in: int
    device_token: str = Field(repr=False)
