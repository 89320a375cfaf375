"""Events generated from their contracts (events/contracts): valid and invalid."""

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from commerce.shared import clock
from infra.template import ROOT

Schema: TypeAlias = dict[str, Any]
Envelope: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]

MOMENTS = (
    "0001-01-01T00:00:00.000000Z",
    "1969-12-31T23:59:59.999999Z",
    "2026-11-22T14:59:59.999999Z",
    "2026-11-22T15:00:00.000000Z",
    "2038-01-19T03:14:08.000000Z",
    "9999-12-31T23:59:59.999999Z",
)
CORRUPT_VALUES: tuple[Any, ...] = (
    None,
    True,
    "2",
    "",
    "\x00",
    "\ud800",
    0,
    -1,
    1.0,
    1.5,
    1e308,
    2**31,
    2**63,
    10**400,
    [],
    {},
    [[]],
    {"$ne": 1},
    "0001-01-01",
    "2026-11-22T15:00:00",
    "not-an-id",
)


_UNREAD = {
    "additionalProperties",
    "pattern",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
}
"""Requirements of a contract beyond those that a reader checks."""


@cache
def contract(event_type: str) -> Schema:
    """The contract of a type of event. Raises KeyError."""
    return _all_contracts()[event_type]


@cache
def _all_contracts() -> Mapping[str, Schema]:
    files = (ROOT / "events" / "contracts").glob("*.json")
    schemas = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return {each["title"]: each for each in schemas}


def envelopes(event_type: str) -> st.SearchStrategy[Envelope]:
    """Valid events of this type about unknown ids, at any time."""
    schema = contract(event_type)
    made: st.SearchStrategy[Envelope] = _made(schema, schema["$defs"])
    return made


def later_versions(envelopes: st.SearchStrategy[Envelope]) -> st.SearchStrategy[Envelope]:
    """The same events with additional fields, as a newer producer may send them."""
    names = st.sampled_from(["version", "schema", "é", "__class__", "aggregate", "x" * 300])
    values = [
        each for each in CORRUPT_VALUES if each != "\ud800"
    ]  # which no producer can send as UTF-8
    more = st.dictionaries(names, st.sampled_from(values), min_size=1, max_size=3)

    def extended(envelope: Envelope, outside: Envelope, inside: Envelope) -> Envelope:
        return {**outside, **envelope, "data": {**inside, **envelope["data"]}}

    return st.builds(extended, envelopes, more, more)


def broken(envelopes: st.SearchStrategy[Envelope]) -> st.SearchStrategy[Envelope]:
    """The same events with one value that a reader needs broken or missing."""
    return (
        st.tuples(envelopes, st.data()).map(_corrupted).filter(lambda each: not is_readable(each))
    )


def is_readable(envelope: Any) -> bool:
    """Return whether a reader finds all it needs; formats and unknown fields are not checked."""
    event_type = envelope.get("type")
    if not isinstance(event_type, str) or event_type not in _all_contracts():
        return False
    return not any(_reader(event_type).iter_errors(envelope))


@cache
def _reader(event_type: str) -> Draft202012Validator:
    checker = Draft202012Validator.FORMAT_CHECKER
    schema = _as_read(contract(event_type))
    schema["properties"] |= {"source": {}, "trace_id": {}}  # for the log alone
    schema["required"].remove("source")
    if money := schema["$defs"].get("money"):
        money["required"].remove("currency")  # KRW by default
    return Draft202012Validator(schema, format_checker=checker)


def _as_read(schema: Any) -> Any:
    if isinstance(schema, dict):
        read = {name: _as_read(each) for name, each in schema.items() if name not in _UNREAD}
        if isinstance(properties := read.get("properties"), dict):
            # Readers take null for a field that may be absent, and mean the same by it.
            for name in properties.keys() - set(read.get("required", ())):
                properties[name] = {"anyOf": [properties[name], {"type": "null"}]}
        return read
    return [_as_read(each) for each in schema] if isinstance(schema, list) else schema


def _corrupted(drawn: tuple[Envelope, st.DataObject]) -> Envelope:
    envelope, data = copy.deepcopy(drawn[0]), drawn[1]
    *way, last = data.draw(st.sampled_from(sorted(_places(envelope), key=str)))
    inner: Any = envelope
    for step in way:
        inner = inner[step]
    if data.draw(st.integers(0, 4)):
        inner[last] = data.draw(st.sampled_from(CORRUPT_VALUES))
    else:
        del inner[last]
    return envelope


def _places(value: Any, above: Path = ()) -> Iterator[Path]:
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for name, each in inner:
        yield (*above, name)
        yield from _places(each, (*above, name))


def _made(schema: Schema, definitions: Mapping[str, Schema]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _made(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "const" in schema or "enum" in schema:
        return st.sampled_from([schema["const"]] if "const" in schema else schema["enum"])
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    return st.one_of(*(_BY_TYPE[each](schema, definitions) for each in types))


def _object(schema: Schema, definitions: Mapping[str, Schema]) -> st.SearchStrategy[Any]:
    names = schema.get("properties", {})
    return st.fixed_dictionaries({name: _made(each, definitions) for name, each in names.items()})


def _array(schema: Schema, definitions: Mapping[str, Schema]) -> st.SearchStrategy[Any]:
    return st.lists(_made(schema["items"], definitions), min_size=1, max_size=3)


def _integer(schema: Schema, _: Mapping[str, Schema]) -> st.SearchStrategy[int]:
    least, most = schema.get("minimum", 0), schema.get("maximum", 10**30)
    edges = [each for each in (least, 2**31, 2**53, 2**63 - 1, 2**63, most) if each <= most]
    return st.one_of(st.integers(least, min(most, 1_000_000)), st.sampled_from(edges))


def _string(schema: Schema, _: Mapping[str, Schema]) -> st.SearchStrategy[str]:
    if schema.get("format") == "uuid":
        return st.builds(lambda: str(clock.new_id()))
    if schema.get("format") == "date-time":
        return st.sampled_from(MOMENTS)
    if "pattern" in schema:  # a currency, or a line of text
        return st.just("KRW" if schema["pattern"] == "^[A-Z]{3}$" else "Acme")
    return st.text(min_size=max(schema.get("minLength", 0), 1), max_size=20)


_BY_TYPE = {
    "object": _object,
    "array": _array,
    "integer": _integer,
    "string": _string,
    "boolean": lambda *_: st.booleans(),
    "null": lambda *_: st.none(),
}
