"""The command of erasure."""

from pydantic import ConfigDict

from commerce.shared.schemas import Command
from commerce.user.commands import OwnPassword


class EraseMe(Command):
    """Erase one's own account for good."""

    model_config = ConfigDict(hide_input_in_errors=True)

    password: OwnPassword
