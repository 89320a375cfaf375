"""Requests made from the document, as it allows them and as it does not (schemathesis)."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeAlias

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from requests.structures import CaseInsensitiveDict
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzz.judge import Tally, complaint
from tests.fuzz.world import World
from tests.support.bridge import Bridge
from tests.support.shop import a_key

Operation: TypeAlias = APIOperation[Any, Any, Any, Any]

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
KEYS = [a_key() for _ in range(5)]
"""Few, so that some are used again."""
QUIET = [
    HealthCheck.too_slow,
    HealthCheck.filter_too_much,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
]


def operations() -> Iterator[Operation]:
    """Every operation of the served document, ready to be called in this process."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", Bridge())
    for each in schema.get_all_operations():
        assert isinstance(each, Ok), each
        yield each.ok()


def attacks() -> Iterator[tuple[Operation, GenerationMode]]:
    """Each operation with valid requests; and with invalid ones, where a schema could refuse any.

    Every text is an id or a header, as far as a schema can tell.
    """
    for each in operations():
        yield each, GenerationMode.POSITIVE
        if len(each.query) or len(each.body):
            yield each, GenerationMode.NEGATIVE


def attack(
    operation: Operation, mode: GenerationMode, world: World, cases: int, seeded: int
) -> Tally:
    """So many requests to one operation; each answer must be one that the document promises."""
    tally = Tally(f"{operation.label} {mode.value}")

    @seed(seeded)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=QUIET,
    )
    @given(operation.as_strategy(generation_mode=mode), st.data())
    def try_it(case: Case[Any], data: st.DataObject) -> None:
        _bring_in(case, world, data)
        response = case.call()
        tally.count(response.status_code)
        headers = {name.lower(): values[-1] for name, values in response.headers.items()}
        said = complaint(
            operation.method.upper(),
            operation.path,
            response.status_code,
            headers,
            response.content,
        )
        if said:
            tally.find(said, f"{case.as_curl_command()} -> {response.text}")
            return
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as failures:
            for each in failures.exceptions:
                tally.find(str(each), case.as_curl_command())

    with suppress(Unsatisfiable):  # there may be nothing about it that could be wrong
        try_it()
    return tally


def _bring_in(case: Case[Any], world: World, data: st.DataObject) -> None:
    """Often the ids exist and the caller may; else the surface is all that is tried."""
    draw = data.draw
    tokens = [world.token_for(case.path)] * 6 + [world.caller.token, "not.a.token", ""]
    headers: dict[str, Any] = {
        name: value
        for name, value in dict(case.headers or {}).items()
        if name.lower() != "authorization"
    }
    if token := draw(st.sampled_from(tokens)):
        headers["Authorization"] = f"Bearer {token}"
    if "Idempotency-Key" in headers and draw(st.booleans()):
        headers["Idempotency-Key"] = draw(st.sampled_from([*KEYS, *(a_key() for _ in range(20))]))
    case.headers = CaseInsensitiveDict(headers)
    for name in case.path_parameters or {}:
        if draw(st.integers(0, 3)):
            case.path_parameters[name] = world.ids[name]
    if isinstance(case.body, dict) and draw(st.integers(0, 3)):
        _name_what_exists(case.body, world)


def _name_what_exists(body: dict[str, Any], world: World) -> None:
    for name in body.keys() & world.ids.keys():
        body[name] = world.ids[name]
    lines = body.get("lines")
    for line in lines if isinstance(lines, list) else []:
        if isinstance(line, dict) and "product_id" in line:
            line["product_id"] = world.ids["product_id"]
