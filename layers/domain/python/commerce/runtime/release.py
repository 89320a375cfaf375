"""The version and the code that this process runs."""

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from commerce.runtime import settings

_DOMAIN = Path(__file__).parents[1]
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Release:
    """A version, as the template names it, and a digest of domain and functions."""

    version: str
    code: str


@cache
def running() -> Release:
    """Return what runs here. The digest changes with any file; what one deploys, all run."""
    digest = hashlib.sha256()
    for root in filter(None, (str(_DOMAIN), os.environ.get("LAMBDA_TASK_ROOT"))):
        folder = Path(root)
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.relative_to(folder).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return Release(settings.text("APP_VERSION", "unknown"), digest.hexdigest()[:_DIGITS])
