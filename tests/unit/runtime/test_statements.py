"""Core statements become SQL with their parameters in the order PostgreSQL numbers them."""

import ast
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    MetaData,
    Select,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from commerce.runtime.db import statement
from commerce.runtime.db.core import insert_many, records, require
from commerce.runtime.db.statement import Statement, precompiled
from layers.domain import compile_statements

wall = Table(
    "wall",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("colour", Text),
    Column("height", BigInteger),
    Column("notes", JSONB),
)
ID = UUID("018f0000-0000-7000-8000-000000000001")


def one_line(sql: str) -> str:
    return re.sub(r"\s+", " ", sql)


def numbers(sql: str) -> set[int]:
    return {int(number) for number in re.findall(r"\$(\d+)", sql)}


def test_parameters_are_sent_in_the_order_of_their_numbers() -> None:
    query = Statement(
        update(wall)
        .values(colour=bindparam("new_colour"), height=bindparam("new_height"))
        .where(wall.c.id == bindparam("which"))
    )(which=ID, new_height=3, new_colour="red")
    assert one_line(query.sql) == (
        "UPDATE wall SET colour=$1::VARCHAR, height=$2::BIGINT WHERE wall.id = $3::UUID"
    )
    assert list(query.values) == ["red", 3, ID]


def test_a_repeated_parameter_is_sent_once() -> None:
    query = Statement(
        text("SELECT CAST(:a AS text), CAST(:b AS bigint), CAST(:a AS text), CAST(:b AS bigint)")
    )(b=2, a="one")
    assert one_line(query.sql) == (
        "SELECT CAST($1 AS text), CAST($2 AS bigint), CAST($1 AS text), CAST($2 AS bigint)"
    )
    assert list(query.values) == ["one", 2]


def test_constants_are_sent_as_parameters() -> None:
    query = Statement(insert(wall).values(id=bindparam("id"), colour="white", height=0))(id=ID)
    assert numbers(query.sql) == {1, 2, 3}
    assert list(query.values) == [ID, "white", 0]


def test_a_constant_can_be_none() -> None:
    query = Statement(
        select(wall.c.id).where(wall.c.colour == bindparam("colour", value=None, type_=Text))
    )()
    assert list(query.values) == [None]


def test_a_given_value_wins_over_the_statements_own() -> None:
    statement = Statement(select(wall.c.id).limit(bindparam("limit", value=10, type_=BigInteger)))
    assert list(statement().values) == [10]
    assert list(statement(limit=3).values) == [3]
    assert list(statement().values) == [10]


def test_a_missing_parameter_is_an_error() -> None:
    statement = Statement(select(wall.c.id).where(wall.c.id == bindparam("id")))
    with pytest.raises(KeyError, match="id"):
        statement()
    with pytest.raises(KeyError, match="id"):
        statement(ID=ID)


def test_a_statement_is_compiled_once_and_not_before_it_is_used() -> None:
    built: list[int] = []

    def build() -> Select[Any]:
        built.append(1)
        return select(wall.c.id).where(wall.c.id == bindparam("id"))

    statement = Statement(build)
    assert built == []
    first, second = statement(id=ID), statement(id=uuid4())
    assert built == [1]
    assert first.sql is second.sql


def test_calls_do_not_share_their_values() -> None:
    statement = Statement(
        select(wall.c.id).where(wall.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
    )
    first, second = statement(ids=[ID]), statement(ids=[])
    assert list(first.values) == [[ID]]
    assert list(second.values) == [[]]


def a_note(document: Any) -> Any:
    """The value with which a row of this document is written."""
    statement = Statement(
        insert(wall).values(id=bindparam("id"), notes=bindparam("notes", type_=JSONB))
    )
    return statement(id=ID, notes=document).values[1]


@pytest.mark.parametrize("document", [[], {}, {"a": ["\u00e9", None, 1.5]}, "text", [{"a": 1}] * 3])
def test_documents_are_sent_as_json(document: Any) -> None:
    assert json.loads(a_note(document)) == document


def test_no_document_is_null_and_not_the_json_text_of_null() -> None:
    assert a_note(None) is None


def test_many_rows_are_one_parameter() -> None:
    statement = insert_many(wall, "id", "colour")
    none, many = statement(rows=[]), statement(rows=[{"id": str(ID), "colour": "red"}] * 50)
    assert none.sql is many.sql
    assert one_line(many.sql) == (
        "INSERT INTO wall (id, colour) SELECT rows.id, rows.colour "
        "FROM jsonb_to_recordset($1::JSONB) AS rows(id UUID, colour TEXT)"
    )
    assert [json.loads(value) for value in many.values] == [[{"id": str(ID), "colour": "red"}] * 50]


def test_records_join_like_a_table() -> None:
    fresh = records("fresh", wall.c.id, wall.c.height)
    query = Statement(update(wall).values(height=fresh.c.height).where(wall.c.id == fresh.c.id))(
        fresh=[{"id": str(ID), "height": 2}]
    )
    assert "FROM jsonb_to_recordset($1::JSONB) AS fresh(id UUID, height BIGINT)" in one_line(
        query.sql
    )
    assert len(query.values) == 1


def test_a_guard_compares_with_what_is_expected() -> None:
    query = Statement(select(require(func.count(wall.c.id), "expected", "walls_stand")))(expected=2)
    assert one_line(query.sql).startswith("SELECT require(count(wall.id) = $1::BIGINT, $2::")
    assert list(query.values) == [2, "walls_stand"]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Return the file that the domain layer's build writes, put where it is read."""
    file = tmp_path / "statements.json"
    compile_statements.write_compiled(file)
    monkeypatch.setattr(statement, "COMPILED", file)
    statement._compiled.cache_clear()
    yield file
    statement._compiled.cache_clear()


def test_every_module_of_statements_is_compiled_by_the_build(compiled: Path) -> None:
    kept = json.loads(compiled.read_text(encoding="utf-8"))
    assert list(kept) == compile_statements.modules()
    assert len(kept) >= 13


def test_all_that_is_read_of_statements_is_compiled_by_the_build(compiled: Path) -> None:
    kept = json.loads(compiled.read_text(encoding="utf-8"))
    read = {use for file in Path(statement.__file__).parents[2].rglob("*.py") for use in uses(file)}
    assert len(read) > 300
    assert {(module, name) for module, name in read if name not in kept[module]} == set()


def uses(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the module and the attribute of each use of precompiled statements in a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    modules: dict[str, str] = {}
    for each in ast.walk(tree):
        match each:
            case ast.Assign([ast.Name(alias)], ast.Call(ast.Name("precompiled"), [module])):
                modules[alias] = ast.literal_eval(module)
            case ast.ImportFrom("commerce.runtime.db.sql"):
                modules["sql"] = "commerce.runtime.db.statements"
    for each in ast.walk(tree):
        match each:
            case ast.Attribute(ast.Name(alias), name) if alias in modules:
                yield modules[alias], name


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("name", ["REVISION", "CLAIM", "TAKE"])
def test_a_precompiled_statement_is_sent_like_a_fresh_one(name: str) -> None:
    module = "commerce.runtime.db.statements"
    kept, fresh = getattr(precompiled(module), name), getattr(import_module(module), name)
    assert kept is not fresh
    values = dict.fromkeys(fresh.compiled.names, "a value")
    assert kept(**values) == fresh(**values)


@pytest.mark.usefixtures("compiled")
def test_statements_in_a_dictionary_are_precompiled_by_key() -> None:
    module = "commerce.product.statements"
    kept, fresh = precompiled(module).PAGES, import_module(module).PAGES
    assert {key: each.compiled for key, each in kept.items()} == {
        key: each.compiled for key, each in fresh.items()
    }


def test_without_a_build_a_statement_is_compiled_when_it_is_used() -> None:
    module = "commerce.runtime.db.statements"
    assert precompiled(module).CLAIM is import_module(module).CLAIM


@given(st.permutations(["a", "b", "c", "d"]), st.lists(st.sampled_from("abcd"), min_size=4))
def test_every_parameter_number_gets_its_value_in_any_order(
    given_in: list[str], used: list[str]
) -> None:
    sql = "SELECT " + ", ".join(f"CAST(:{name} AS text)" for name in used)
    query = Statement(text(sql))(**{name: f"value of {name}" for name in given_in})
    sent = [query.values[int(number) - 1] for number in re.findall(r"\$(\d+)", query.sql)]
    assert sent == [f"value of {name}" for name in used]
    assert len(query.values) == len(set(used))
