"""The fingerprint tells whether a repeated request is the same request."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.runtime.idempotency import fingerprint

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(documents)
def test_a_fingerprint_ignores_spacing_and_field_order(document: Any) -> None:
    spaced = json.loads(json.dumps(document, indent=3, ensure_ascii=False))
    assert fingerprint(spaced) == fingerprint(document)
    if isinstance(document, dict):
        assert fingerprint(dict(reversed(document.items()))) == fingerprint(document)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"quantity": 1}, {"quantity": 2}),
        ({"quantity": 1}, {"quantity": "1"}),
        ({"quantity": 1}, {"quantity": 1.0}),
        ({"quantity": 1}, {"quantity": True}),
        ({"a": 1}, {"a": 1, "b": None}),
        ({"a": {"b": 1}}, {"a": {}, "b": 1}),
        ([1, 2], [2, 1]),
        ([[1], 2], [1, [2]]),
        (["a,b"], ["a", "b"]),
        ("\u00e9", "e\u0301"),
        (None, {}),
        (None, "null"),
        ([], {}),
        ("\ud800", "\ud801"),
    ],
)
def test_another_document_has_another_fingerprint(one: Any, other: Any) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_a_fingerprint_is_short_and_the_same_in_every_process() -> None:
    expected = hashlib.sha256(rb'{"a":"\u00e9","b":[1]}').hexdigest()
    assert fingerprint({"b": [1], "a": "\u00e9"}) == expected
