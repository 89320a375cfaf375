"""What a state machine caught, in one line."""

import json
from contextlib import suppress

LONGEST = 500
"""Characters of an error that a report keeps."""


def told(error: str, cause: str) -> str:
    """The error's name with the message out of its cause, which Lambda gives as JSON."""
    message = cause
    with suppress(ValueError, KeyError, TypeError):  # not Lambda's: the cause is text
        message = str(json.loads(cause)["errorMessage"])
    line = " ".join(f"{error}: {message}".replace("\0", "").split())
    return line[:LONGEST]
