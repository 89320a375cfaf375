"""Identifiers and docstrings use the field's words, not those of the project's old dialect."""

import re
from pathlib import Path

import pytest

from infra.template import ROOT
from tests.support.sources import parsed, source

SOURCES = sorted(
    file
    for folder in ("functions", "infra", "layers/domain/python/commerce")
    for file in (ROOT / folder).rglob("*.py")
    if "versions" not in file.parts  # a migration that has run is not rewritten
)
DIALECT = {
    "bring_on": "advance",
    "call_off": "cancel",
    "called_off": "cancelled",
    "give_back": "refund",
    "hear": "handle",
    "heard": "received",
    "insistent": "strict",
    "last_try": "final attempt",
    "look_for": "find",
    "passing": "best effort",
    "put_back": "requeue",
    "rush": "sales spike",
    "rushes": "sales spikes",
    "set_aside": "quarantine",
    "shelf": "cache region",
    "standing": "snapshot",
    "take_back": "restock",
    "tallies": "metric deltas",
    "tally": "metric delta",
    "tell": "record, send or notify",
    "telling": "recording, sending or notifying",
    "tells": "records, sends or notifies",
    "told": "recorded, sent or notified",
    "walk": "sort order, or iterate",
    "walks": "sort orders",
    "weigh": "rescore",
    "weighed": "rescored",
}
# The API's fields, the tools' output and what files hold keep the names that they were given.
KEPT = {
    "is_told",  # in the simulated gateway's state file
    "put_back",  # field of the answer to POST /admin/set-aside/{event_id}/put-back
    "set_aside",  # field of GET /admin/overview
    "set_aside_at",  # column of outbox_set_aside; field of GET /admin/overview
    "set_aside_count",  # field of GET /admin/overview
    "told_amount_is_off_by",  # in the simulated gateway's state file
    "told_meanwhile",  # field of the output of make ops ranking rebuild
}
QUESTION = re.compile(
    r"(what|whether|how|where|who|whose|whom|whoever|whatever|when|why|which)\b", re.IGNORECASE
)


def dialect_words(identifier: str) -> list[str]:
    """Return the dialect's words in an identifier, in snake_case or CamelCase."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", identifier).lower()
    return [word for word in DIALECT if f"_{word}_" in f"_{snake.strip('_')}_"]


def place(file: Path, line: int) -> str:
    return f"{file.relative_to(ROOT)}:{line}"


def test_no_identifier_uses_the_old_dialect() -> None:
    assert len(SOURCES) > 100
    found = [
        f"{place(file, line)}: the name {name}: for {word!r} say {DIALECT[word]!r}"
        for file in SOURCES
        for line, name in [(1, file.stem), *source(file).identifiers]
        if name not in KEPT
        for word in dialect_words(name)
    ]
    assert found == []


def test_every_kept_name_is_in_use() -> None:
    named = {name for file in SOURCES for _, name in source(file).identifiers}
    assert named >= KEPT


def test_no_docstring_opens_with_a_question_word() -> None:
    found = [
        f"{place(file, line)}: say what it does or is, not {text.split()[0]!r}: {text!r}"
        for file in [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]
        for line, text in source(file).docstrings
        if QUESTION.match(text)
    ]
    assert found == []


@pytest.mark.parametrize("name", ["tell", "_tell", "tell_all", "has_told", "SetAside", "LastTry"])
def test_a_dialect_word_is_found_in_any_spelling(name: str) -> None:
    assert dialect_words(name)
    assert [found for _, found in parsed(f"{name} = 1").identifiers] == [name]


@pytest.mark.parametrize("name", ["outstanding", "walker", "bypassing", "teller", "rushed"])
def test_a_longer_word_that_contains_one_is_accepted(name: str) -> None:
    assert dialect_words(name) == []
