"""Text that callers send: taken in NFC, and visible where it names something."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from commerce.shared.schemas import line, nfc, prose

LINE: TypeAdapter[str] = TypeAdapter(Annotated[str, line(10)])
PROSE: TypeAdapter[str] = TypeAdapter(Annotated[str, prose(10)])

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FLAG = "\U0001f1f0\U0001f1f7"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    "text",
    [
        "\u3164", "\u200b", "\u115f", "\u1160", "\uffa0", "\u2800", "\u00ad", "\u034f", "\u061c",
        "\u180e", "\u200c\u200d", "\u2060", "\ufeff", "\ufe0f", "\U000e0001", "\U0001d159",
        "\u0301", "\u20e3", "\u3000", "\u00a0\u2003", "\u3164 \u200b", "\ue000", "\U000e0041",
        "\U000f0000", "\U00013441", "\u2065", "", " ", "\t",
    ],
)  # fmt: skip
def test_a_line_without_a_visible_character_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        LINE.validate_python(text)


@pytest.mark.parametrize("text", ["a\u202eb", "a\u2066b", "a\nb", "a\0b", "a\x85b", "a\u2028b"])
def test_a_line_with_control_characters_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        LINE.validate_python(text)


@pytest.mark.parametrize(
    "text",
    [
        "Acme", "7", "!", "\N{WON SIGN}", "\u2122", "온마루", "\u05d0\u05d1", "\u0e01\u0e33",
        FAMILY, FLAG, ENGLAND, "1\ufe0f\u20e3", "\u2764\ufe0f", "\U0001fae8", "a\u200b", "\u3164a",
        "\u0915\u094d\u200d\u0937",
    ],
)  # fmt: skip
def test_a_line_with_a_visible_character_is_taken_as_it_is(text: str) -> None:
    assert LINE.validate_python(text) == text


@pytest.mark.parametrize("kind", [LINE, PROSE])
def test_text_is_counted_and_kept_in_nfc(kind: TypeAdapter[str]) -> None:
    assert kind.validate_python("e\u0301" * 10) == "\u00e9" * 10
    with pytest.raises(ValidationError):
        kind.validate_python("e\u0301" * 11)


def test_text_that_is_longer_in_nfc_is_counted_in_nfc() -> None:
    with pytest.raises(ValidationError):
        LINE.validate_python("\u0958" * 6)  # two characters each


@given(st.text(max_size=50))
def test_text_that_fits_in_nfc_is_always_normalized(text: str) -> None:
    fits = nfc(text, 10_000)

    assert nfc(text, len(fits)) == fits
