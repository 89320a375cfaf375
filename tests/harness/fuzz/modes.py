"""Modes of generating requests from the document: valid and invalid ones."""

from typing import Any

from schemathesis import GenerationMode


def modes_of(operation: Any) -> list[GenerationMode]:
    """Invalid ones only where a schema could refuse any: each text is an id or a header to it."""
    is_refusable = len(operation.query) or len(operation.body)
    return [GenerationMode.POSITIVE, *[GenerationMode.NEGATIVE] * bool(is_refusable)]
