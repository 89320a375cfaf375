"""Validation of brands."""

from typing import Any

import pytest
from pydantic import ValidationError

from commerce.brand import RegisterBrand


@pytest.mark.parametrize(
    "body",
    [
        {"name": "A"},
        {"name": "x" * 100},
        {"name": " Acme "},
        {"name": "\N{HANGUL SYLLABLE GA}\N{GRINNING FACE}"},
        {"name": "Acme", "description": ""},
        {"name": "Acme", "description": "x" * 2000},
    ],
)
def test_a_brand_is_accepted(body: dict[str, Any]) -> None:
    assert RegisterBrand.model_validate(body).model_dump() == {"description": "", **body}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": " \t\n"},
        {"name": "x" * 101},
        {"name": None},
        {"name": 1},
        {"name": ["Acme"]},
        {"name": b"Acme"},
        {"name": "\ud800"},
        {"name": "\u3164"},
        {"name": "Acme", "description": "x" * 2001},
        {"name": "Acme", "description": None},
        {"name": "Acme", "brand_id": "1"},
        {"description": "no name"},
    ],
)
def test_a_bad_brand_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RegisterBrand.model_validate(body)


@pytest.mark.parametrize("body", [{"name": "Ac\x00me"}, {"name": "Acme", "description": "\x00"}])
def test_text_that_cannot_be_stored_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RegisterBrand.model_validate(body)
