"""The commands of the user context."""

from datetime import date
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from commerce.shared import clock
from commerce.shared.languages import Language
from commerce.shared.schemas import CONTROL, Command, Day, Form, Patch, line, nfc
from commerce.user.model import Gender

MAX_PASSWORD = 128
MAX_TOKEN = 1024  # ours have some 300 characters

_LABEL = rf"[^\s@.{CONTROL}]+"
_EMAIL = rf"[^\s@{CONTROL}]{{1,64}}@{_LABEL}(\.{_LABEL})+"
"""One @ with a dot behind it: only a mail can prove that an address exists."""


FIRST_BIRTH_DATE = date(1900, 1, 1)


def _plausible(day: date) -> date:
    if day < FIRST_BIRTH_DATE:
        raise PydanticCustomError("birth_date", "Must not be before 1900.")
    if day > clock.now().date():
        raise PydanticCustomError("birth_date", "Must not be in the future.")
    return day


def _normalized(password: object) -> object:
    return nfc(password, MAX_PASSWORD) if isinstance(password, str) else password


IN_NFC = BeforeValidator(_normalized)
"""Normalizes a password before its characters are counted."""

Name = Annotated[str, line(100), Field(examples=["Wile E. Coyote"])]
Email = Annotated[
    str,
    Field(max_length=254, examples=["wile@example.com"]),
    Form(_EMAIL, "Must be an email address, such as name@example.com."),
]

NewPassword = Annotated[SecretStr, Field(min_length=10, max_length=MAX_PASSWORD), IN_NFC]
OwnPassword = Annotated[SecretStr, Field(min_length=1, max_length=MAX_PASSWORD), IN_NFC]
"""A password as somebody types it; any other is wrong, not malformed."""


class SignUp(Command):
    """Open a user's account."""

    model_config = ConfigDict(hide_input_in_errors=True)

    login_id: Annotated[
        str,
        Field(examples=["coyote"]),
        Form("[A-Za-z0-9]{1,10}", "Must be 1 to 10 letters from A to Z and digits."),
    ]
    password: NewPassword
    name: Name
    email: Email
    birth_date: Annotated[Day, AfterValidator(_plausible)]
    gender: Gender


class EditMe(Patch):
    """A merge patch of a user's own data: absent fields stay as they are.

    An e-mail address opens the account by a reset, so who sends one sends the password, too.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    name: Name = ""
    language: Language = "en"
    password: OwnPassword = SecretStr("")
    email: Email = ""

    @field_validator("email")
    @classmethod
    def _with_the_password(cls, email: str, info: ValidationInfo) -> str:
        if not info.data.get("password", "malformed"):
            raise PydanticCustomError("password_missing", "Send your password with an address.")
        return email

    @property
    def changes(self) -> dict[str, Any]:
        """The fields to be changed."""
        return self.model_dump(exclude_unset=True, exclude={"password"})
