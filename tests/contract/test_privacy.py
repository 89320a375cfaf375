"""docs/privacy.md decides about each column of the schema, and says what becomes of it."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from infra.template import ROOT

PAGE = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
COLUMN = re.compile(r"`(\w+)\.(\w+)`")


def section(heading: str) -> str:
    """The text below a heading of the page."""
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def personal() -> Iterator[tuple[str, str]]:
    """The columns in the table of what is kept about people."""
    for row in section("In the database").splitlines():
        if row.startswith("| `"):
            yield from COLUMN.findall(row.split("|")[1])


def impersonal() -> Iterator[tuple[str, str]]:
    """The columns in the list of what says nothing about anybody."""
    for table, columns in re.findall(
        r"^- `(\w+)`: (.+)$", section("No personal data"), re.MULTILINE
    ):
        yield from ((table, column) for column in re.findall(r"`(\w+)`", columns))


def test_every_column_of_the_migrated_schema_has_one_decision(database_url: str) -> None:
    engine = sa.create_engine(database_url.replace("postgresql://", "postgresql+pg8000://", 1))
    with engine.connect() as connection:
        found = sa.inspect(connection)
        columns = {
            (table, column["name"])
            for table in found.get_table_names()
            if table != "alembic_version"
            for column in found.get_columns(table)
        }
    engine.dispose()
    decided = Counter([*personal(), *impersonal()])
    assert set(decided) == columns
    assert [column for column, times in decided.items() if times > 1] == []


@pytest.mark.parametrize(
    "row", [row for row in section("In the database").splitlines() if row.startswith("| `")]
)
def test_every_decision_says_what_why_until_when_and_what_erasure_does(row: str) -> None:
    cells = [cell.strip() for cell in row.strip("| ").split(" | ")]
    assert len(cells) == 5
    assert all(cells)
