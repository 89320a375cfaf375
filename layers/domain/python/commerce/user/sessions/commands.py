"""The commands of sessions."""

from typing import Annotated

from pydantic import ConfigDict, Field, SecretStr

from commerce.shared.schemas import Command, line
from commerce.user.commands import MAX_TOKEN, NewPassword, OwnPassword


class OpenSession(Command):
    """Sign in. What cannot be a login id or a password is wrong like any other, not malformed."""

    model_config = ConfigDict(hide_input_in_errors=True)

    login_id: Annotated[str, line(100), Field(examples=["coyote"])]
    password: OwnPassword
    device_token: Annotated[SecretStr, Field(max_length=MAX_TOKEN)] | None = Field(
        None, description="The device_token of this device's last session, if it has one"
    )


class RefreshSession(Command):
    """Exchange a refresh token for new tokens."""

    model_config = ConfigDict(hide_input_in_errors=True)

    refresh_token: Annotated[SecretStr, Field(max_length=MAX_TOKEN)]


class ChangePassword(Command):
    """Replace one's password."""

    model_config = ConfigDict(hide_input_in_errors=True)

    current_password: OwnPassword
    new_password: NewPassword
