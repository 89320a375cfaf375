"""The OpenAPI document as a file."""

import json
from typing import Any

from infra.template import ROOT

DOCUMENT = ROOT / "docs" / "openapi.json"
"""The only copy: functions/openapi.json is a link to it, which `sam build` follows."""


def text_of(document: dict[str, Any]) -> str:
    """Format the document as it is kept: one line per fact, so that diffs are readable."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
