"""The views of sessions."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from commerce.shared.schemas import View


class TokensView(View):
    """A pair of tokens: the access token for requests, the refresh token for the next pair."""

    access_token: str = Field(repr=False)
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds until the access token expires")
    refresh_token: str = Field(repr=False)
    refresh_expires_in: int = Field(description="Seconds until the refresh token expires")


class NewSessionView(TokensView):
    """The tokens of a new session, and the device's own token.

    Sent with the next sign-in, the device token exempts it from what strangers' failures demand.
    """

    device_token: str = Field(repr=False)


class SessionView(View):
    """A session of the user's."""

    session_id: str
    user_agent: str = Field(description="As the client named itself when it signed in")
    created_at: datetime
    last_used_at: datetime = Field(description="When it was opened or last refreshed")
    expires_at: datetime = Field(description="When it ends unless it is refreshed")
    is_current: bool = Field(description="True where this request is part of it")
