"""What a state machine caught, in one line."""

import json

LONGEST = 500
"""Characters of an error that a report keeps."""


def told(error: str, cause: str) -> str:
    """The error's name with the message out of its cause, which Lambda gives as JSON."""
    message = cause
    try:
        message = str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        pass  # not Lambda's: the cause is text
    line = " ".join(f"{error}: {message}".replace("\0", "").split())
    return line[:LONGEST]
