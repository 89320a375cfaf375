"""The commands about what is mailed to users."""

from typing import Annotated

from pydantic import ConfigDict, Field, SecretStr

from commerce.shared.schemas import Command
from commerce.user.commands import MAX_TOKEN, Email, NewPassword

MailedToken = Annotated[
    SecretStr, Field(max_length=MAX_TOKEN, description="The token that was mailed")
]


class ConfirmEmail(Command):
    """Prove that a mail arrived."""

    model_config = ConfigDict(hide_input_in_errors=True)

    token: MailedToken


class RequestReset(Command):
    """Have a mail sent with which a new password can be chosen."""

    email: Email


class ResetPassword(Command):
    """Choose a new password without the old one."""

    model_config = ConfigDict(hide_input_in_errors=True)

    token: MailedToken
    new_password: NewPassword
