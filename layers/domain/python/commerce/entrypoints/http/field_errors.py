"""Refused fields, as `errors` lists them: a sentence for each type of error of pydantic."""

import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic_core.core_schema import ErrorType

_OTHERWISE = "This value is not accepted here."
_SENTENCES = {
    "bool_type": "Must be true or false.",
    "dict_type": "Must be an object.",
    "enum": "Must be {expected}.",
    "extra_forbidden": "There is no field of this name.",
    "finite_number": "Must be a finite number.",
    "float_type": "Must be a number.",
    "greater_than_equal": "Must be {ge} or more.",
    "int_from_float": "Must be a whole number.",
    "int_parsing": "Must be a whole number.",
    "int_parsing_size": "Must be a smaller number.",
    "int_type": "Must be a whole number.",
    "less_than_equal": "Must be {le} or less.",
    "list_type": "Must be a list.",
    "literal_error": "Must be {expected}.",
    "missing": "This field is required.",
    "model_attributes_type": "Must be an object.",
    "model_type": "Must be an object.",
    "string_pattern_mismatch": "Has a character that is not allowed here.",
    "string_too_long": "Must have at most {max_length} characters.",
    "string_too_short": "Must have at least {min_length} characters.",
    "string_type": "Must be text.",
    "string_unicode": "Must be valid Unicode text.",
    "too_long": "Must have at most {max_length} items.",
    "too_short": "Must have at least {min_length} items.",
}
"""Sentences by type, with names of pydantic's context."""
_NAMES = frozenset(get_args(ErrorType))


def field_error(error: Mapping[str, Any]) -> dict[str, str]:
    """Convert an error of pydantic's: where it is, what would be right, and its type."""
    # The first part of `loc` is the place: body, query, path or header.
    place = [str(part) for part in error["loc"][1:]]
    if error["type"] != "extra_forbidden":  # which names a field as the caller wrote it
        place = [part for part in place if "[" not in part]  # the alternatives of a union
    return {"field": ".".join(place) or "body", "message": _message(error), "code": error["type"]}


def _message(error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx") or {}
    if error["loc"][0] == "query" and isinstance(error.get("input"), list):
        return "May be given only once."
    if kind not in _NAMES or "sentence" in context:  # one of our own validators has raised it
        return str(error["msg"])
    sentence = _SENTENCES.get(kind, _OTHERWISE).format_map(context).replace("'", "")
    if context.get("field_type") == "Value":  # a secret, which pydantic counts like a list
        sentence = sentence.replace("items", "characters")
    return re.sub(r"\b1 (item|character)s", r"1 \1", sentence)
