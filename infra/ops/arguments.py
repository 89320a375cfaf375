"""Arguments that several commands take."""

import argparse

from pydantic import TypeAdapter, ValidationError

from commerce.shared.schemas import Reason


def reason(text: str) -> str:
    """Read a reason, which the audit keeps. Raises argparse.ArgumentTypeError."""
    try:
        return TypeAdapter[str](Reason).validate_python(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(error.errors()[0]["msg"]) from error
