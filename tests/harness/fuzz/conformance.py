"""Checks that answers conform to the OpenAPI document, and counts them."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from infra.openapi.files import DOCUMENT

Json = dict[str, Any]

SHOWN = 400
"""The number of characters of a case that are shown."""


@cache
def document() -> Json:
    """Return the committed document."""
    found: Json = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return found


@cache
def _validator(method: str, path: str, status: int, media_type: str) -> Draft202012Validator | None:
    responses = document()["paths"][path][method.lower()]["responses"]
    content = responses.get(str(status), {}).get("content", {}).get(media_type)
    if content is None:
        return None
    return Draft202012Validator({**content["schema"], "components": document()["components"]})


@dataclass(slots=True)
class AttackResult:
    """The cases, answers and findings of one kind of attack."""

    name: str
    cases: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    reached: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Count of each operation's answers."""

    def count(self, answer: object, operation: str = "") -> None:
        """Count a case and its answer, for its operation if it has one."""
        self.cases += 1
        self.answers[str(answer)] += 1
        if operation:
            self.reached[operation, str(answer)] += 1

    def find(self, what: str, case: object) -> None:
        """Record a finding: what is wrong, and with which case."""
        self.findings.append(f"{what}: {str(case)[:SHOWN]}")


def problem_with(
    method: str, path: str, status: int, headers: Mapping[str, str], body: bytes
) -> str | None:
    """Return what is wrong with an answer, None where it conforms; `path` is the document's."""
    if "x-request-id" not in headers:
        return "an answer without X-Request-Id"
    if status in (204, 304):
        return f"a {status} with a body" if body else None
    media_type = headers.get("content-type", "").partition(";")[0]
    if media_type.startswith("text/"):
        return None if status == 200 else f"{status} as {media_type}"
    validator = _validator(method, path, status, media_type)
    if status >= 500 and status != 503:
        return f"{status}"
    if validator is None:
        return f"{status} as {media_type} is not in the document"
    errors = [each.message for each in validator.iter_errors(json.loads(body))]
    return f"{status} breaks its schema: {errors[0]}" if errors else None
