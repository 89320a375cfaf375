"""Values of command lines, read as strictly as the API reads them."""

import argparse
import re


def whole_number(text: str) -> int:
    """Return a number of at least 1 in plain digits: no sign, space, underscore or other script."""
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1, in digits")
    return int(text)
