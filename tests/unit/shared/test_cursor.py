"""Cursors lead on in the list they came from, and nowhere else."""

import base64
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.shared import cursor
from commerce.shared.cursor import InvalidCursor

ID = "018f0000-0000-7000-8000-000000000001"


def forged(content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@given(st.text(max_size=40), st.integers(-(2**63) + 1, 2**63 - 1), st.uuids())
def test_a_cursor_leads_back_to_its_position(listing: str, key: int, id_: UUID) -> None:
    told = cursor.encode(listing, [key, str(id_)])
    assert cursor.decode(listing, told, [int, UUID]) == [key, id_]


@given(st.text(max_size=60), st.uuids())
def test_a_cursor_needs_no_quoting_in_a_url(listing: str, id_: UUID) -> None:
    told = cursor.encode(listing, [str(id_)])
    assert set(told) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_another_lists_cursor_is_refused() -> None:
    told = cursor.encode("products:latest:", [ID])
    with pytest.raises(InvalidCursor) as refused:
        cursor.decode("products:price_asc:", told, [UUID])
    assert refused.value.code == "INVALID_CURSOR"


@pytest.mark.parametrize(
    "content",
    [
        [],
        ["list"],
        ["list", 1],
        ["list", ID, 1],
        ["list", 1, ID, ID],
        ["list", "1", ID],
        ["list", 1.0, ID],
        ["list", True, ID],
        ["list", None, ID],
        ["list", [1], ID],
        ["list", 2**63, ID],
        ["list", -(2**63), ID],
        ["list", 10**400, ID],
        ["list", 1, "no id"],
        ["list", 1, ID + "0"],
        ["list", 1, 1],
        ["list", 1, None],
        ["list", 1, {}],
        [["list"], 1, ID],
        {"list": 1},
        "12",
        "null",
        '"list"',
        "true",
        "[",
        "",
        " ",
        '["list",1e400,"' + ID + '"]',
        '["list",NaN,"' + ID + '"]',
        '["list",' + "9" * 5000 + ',"' + ID + '"]',
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000,
    ],
    ids=lambda content: str(content)[:40],
)
def test_a_forged_cursor_is_refused(content: object) -> None:
    with pytest.raises(InvalidCursor):
        cursor.decode("list", forged(content), [int, UUID])


@pytest.mark.parametrize(
    "text",
    ["", "=", "====", "a", "ä", "\ud800", "\x00", "a b", "+/+/", "%", "W10=", "W10==", "//8"],
)
def test_an_invalid_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        cursor.decode("list", text, [UUID])


@given(st.text(max_size=200))
def test_no_text_crashes_cursor_parsing(text: str) -> None:
    with pytest.raises(InvalidCursor):
        cursor.decode("list", text, [int, UUID])


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_no_json_crashes_cursor_parsing(content: Any) -> None:
    with pytest.raises(InvalidCursor):
        cursor.decode("list", forged(["list", content, ID, "more"]), [int, UUID])


def test_an_id_may_be_written_in_capitals() -> None:
    assert cursor.parse_id(ID) == cursor.parse_id(ID.upper()) == UUID(ID)


@given(st.uuids())
def test_an_id_is_read_back_unchanged(id_: UUID) -> None:
    assert cursor.parse_id(str(id_)) == id_


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "null",
        "../" + ID,
        f" {ID}",
        f"{ID}\n",
        f"{{{ID}}}",
        f"urn:uuid:{ID}",
        ID.replace("-", ""),
        ID.replace("-", "_"),
        ID[:-1],
        ID + "0",
        ID.replace("1", "\N{FULLWIDTH DIGIT ONE}"),
        ID.replace("0", "\N{ARABIC-INDIC DIGIT ZERO}"),
        "\x00" * 36,
        "\ud800" * 36,
        "01a20019-5118-71ac-a5b2-0eb365dea5cg",
    ],
)
def test_an_invalid_id_is_none(text: str) -> None:
    assert cursor.parse_id(text) is None


@pytest.mark.parametrize("id_", [f"{{{ID}}}", f"urn:uuid:{ID}", ID.replace("-", ""), ID.upper()])
def test_an_id_in_a_cursor_is_in_exactly_our_form(id_: str) -> None:
    with pytest.raises(InvalidCursor):
        cursor.decode("list", cursor.encode("list", [1, id_]), [int, UUID])


@pytest.mark.parametrize(
    "changed",
    [
        lambda told: told + "=" * (-len(told) % 4),
        lambda told: told + "====",
        lambda told: told[:-1] + chr(ord(told[-1]) + 1),
        lambda told: f" {told}",
        lambda told: f"{told}\n",
        lambda _: forged(["list", 10, ID]),
    ],
    ids=["padded", "padded too far", "other last bits", "blank", "line", "JSON with blanks"],
)
def test_a_cursor_that_was_rewritten_is_refused(changed: Callable[[str], str]) -> None:
    told = cursor.encode("list", [10, ID])
    assert len(told) % 4
    with pytest.raises(InvalidCursor):
        cursor.decode("list", changed(told), [int, UUID])
