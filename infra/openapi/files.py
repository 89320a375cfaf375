"""Where the document is kept."""

import json
from typing import Any

from infra.template import ROOT

DOCUMENT = ROOT / "docs" / "openapi.json"
"""The one that is read."""
SERVED = ROOT / "functions" / "docs" / "openapi.json"
"""The same, next to the function that serves it."""
COPIES = (DOCUMENT, SERVED)


def text_of(document: dict[str, Any]) -> str:
    """The document as it is kept: one line per fact, so that a change reads as one."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
