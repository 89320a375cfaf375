"""The languages in which people are written to."""

import re
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["en", "ko"]

_RANGE = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*([0-9.]+)\s*)?")


def preferred(accept_language: str) -> Language:
    """Return the language that an Accept-Language header (RFC 9110) prefers; English if neither."""
    best: Language = "en"
    weight = 0.0
    for part in accept_language[:200].split(","):
        found = _RANGE.fullmatch(part)
        if found is None:
            continue
        try:
            wanted = float(found[2] or 1)
        except ValueError:
            continue
        name = found[1].lower()
        if name in ("en", "ko") and wanted > weight:
            best, weight = ("ko" if name == "ko" else "en"), wanted
    return best
