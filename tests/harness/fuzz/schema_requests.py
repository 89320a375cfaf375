"""Valid and invalid requests generated from the document (schemathesis)."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BytesIO
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

from commerce.payment.signature import CALLBACK_HEADERS
from infra.openapi.examples import BRAND_ID, COUPON_ID, ISSUED_COUPON_ID, ORDER_ID, PRODUCT_ID
from tests.harness.fuzz import valid_requests as ours
from tests.harness.fuzz.conformance import AttackResult, problem_with
from tests.harness.fuzz.modes import modes_of
from tests.harness.fuzz.valid_requests import Ready, Words, signature_headers
from tests.harness.fuzz.world import World
from tests.support.api_gateway import ApiGateway, Environ, Start
from tests.support.payments import CALLBACKS
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
SIGN_HEADER = "X-To-Be-Sealed"
"""A header of the attack's own: the body goes on with the gateway's signature."""
_IN_ENVIRON = "HTTP_X_TO_BE_SEALED"
_OURS = {each.label: each for each in ours.operations()}
_NAMED = {
    "product_id": PRODUCT_ID,
    "brand_id": BRAND_ID,
    "order_id": ORDER_ID,
    "coupon_id": COUPON_ID,
    "issued_coupon_id": ISSUED_COUPON_ID,
    "orderId": ORDER_ID,
    "transactionKey": "TX-1",
}
QUIET = [
    HealthCheck.too_slow,
    HealthCheck.filter_too_much,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
]


def operations() -> Iterator[Operation]:
    """Every operation of the served document, ready to be called in this process."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", SigningApplication())
    for each in schema.get_all_operations():
        assert isinstance(each, Ok), each
        yield each.ok()


def attacks() -> Iterator[tuple[Operation, GenerationMode]]:
    """Each operation with valid requests, and with invalid ones where there are any."""
    for each in operations():
        for mode in modes_of(each):
            yield each, mode


def attack(
    operation: Operation, mode: GenerationMode, world: World, cases: int, seeded: int
) -> AttackResult:
    """Send generated requests to one operation; each answer must conform to the document."""
    result = AttackResult(f"{operation.label} {mode.value}")
    ready = Ready(world, _OURS[operation.label])

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
        _use_real_ids(case, ready, data)
        response = case.call()
        result.count(response.status_code, operation.label)
        ready.answered(response.status_code)
        headers = {name.lower(): values[-1] for name, values in response.headers.items()}
        said = problem_with(
            operation.method.upper(),
            operation.path,
            response.status_code,
            headers,
            response.content,
        )
        if said:
            result.find(said, f"{case.as_curl_command()} -> {response.text}")
            return
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as failures:
            for each in failures.exceptions:
                result.find(str(each), case.as_curl_command())

    with suppress(Unsatisfiable):  # there may be nothing about it that could be wrong
        try_it()
    return result


def _use_real_ids(case: Case[Any], ready: Ready, data: st.DataObject) -> None:
    """Mostly use existing ids, a permitted caller and a signature, so that requests go deep.

    Now and then all but the headers and the query is valid.
    """
    draw, valid = data.draw, ready.attempt()
    token = valid.request["token"]
    headers: dict[str, Any] = {
        name: value
        for name, value in dict(case.headers or {}).items()
        if name.lower() not in ("authorization", CALLBACK_HEADERS.timestamp.lower())
    }
    if token := draw(st.sampled_from([token] * 12 + [ready.others_token, "not.a.token", ""])):
        headers["Authorization"] = f"Bearer {token}"
    if "Idempotency-Key" in headers and draw(st.integers(0, 3)):
        headers["Idempotency-Key"] = draw(st.sampled_from([*KEYS, *(a_key() for _ in range(20))]))
    if draw(st.integers(0, 7)):
        headers[SIGN_HEADER] = "please"
    case.headers = CaseInsensitiveDict(headers)
    for name in case.path_parameters or {}:
        if draw(st.integers(0, 7)):
            case.path_parameters[name] = valid.ids[name]
    if isinstance(case.body, dict) and draw(st.integers(0, 7)):
        _substitute_ids(case.body, valid.request["body"], ready.words)
    if valid.request["body"] is not None and draw(st.integers(0, 4)) == 0:
        case.body, case.media_type = valid.request["body"], "application/json"


def _substitute_ids(body: dict[str, Any], valid: Any, words: Words) -> None:
    for name in body.keys() & _NAMED.keys():
        body[name] = words[_NAMED[name]]
    if "login_id" in valid and "email" not in valid:
        body.update(valid)
    lines = body.get("lines")
    if isinstance(lines, list) and lines and isinstance(lines[0], dict):
        del lines[1:]  # there is one product, and each may be named once
        lines[0]["product_id"] = words[PRODUCT_ID]


class SigningApplication:
    """The application, with a signature added to callbacks that ask for one."""

    def __init__(self) -> None:
        self._application = ApiGateway()

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        """Serve a request (PEP 3333)."""
        if environ.pop(_IN_ENVIRON, None) and environ["PATH_INFO"].endswith(CALLBACKS.lstrip("/")):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = BytesIO(body)
            for name, value in signature_headers(body).items():
                environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        return self._application(environ, start_response)
