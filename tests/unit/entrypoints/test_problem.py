"""Errors as callers see them."""

import json
from collections.abc import Iterator
from typing import ClassVar

import pytest

import commerce.app.ordering
import commerce.entrypoints.http  # noqa: F401  (both together import every error)
from commerce.entrypoints.problem import STATUS, problem, unexpected
from commerce.runtime.health import NotHealthy
from commerce.shared.errors import Busy, CommerceError, Kind

NUMBERS = {
    Kind.MALFORMED: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.GONE: 410,
    Kind.TOO_LARGE: 413,
    Kind.INVALID: 422,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
}


def an_error(of_kind: Kind) -> CommerceError:
    class WallIsWet(CommerceError):
        """The wall is wet."""

        kind: ClassVar[Kind] = of_kind
        code = "WALL_IS_WET"

    return WallIsWet("Wait \N{HOURGLASS}.", errors=[{"wall": "north"}])


def every_error(above: type[CommerceError] = CommerceError) -> Iterator[type[CommerceError]]:
    for each in above.__subclasses__():
        if each.__module__.startswith("commerce."):
            yield each
        yield from every_error(each)


def test_every_error_kind_has_its_http_status() -> None:
    assert {kind: status.value for kind, status in STATUS.items()} == NUMBERS
    assert set(NUMBERS) == set(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_a_problem_has_title_detail_and_request_id(kind: Kind) -> None:
    answer = problem(an_error(kind), "request-1")
    assert answer.status_code == NUMBERS[kind]
    assert answer.content_type == "application/problem+json"
    assert answer.body is not None
    assert json.loads(answer.body) == {
        "type": "urn:lastunit:problem:wall-is-wet",
        "title": "The wall is wet",
        "status": NUMBERS[kind],
        "detail": "Wait \N{HOURGLASS}.",
        "code": "WALL_IS_WET",
        "request_id": "request-1",
        "errors": [{"wall": "north"}],
    }
    challenge = {"WWW-Authenticate": "Bearer"} if kind is Kind.UNAUTHENTICATED else {}
    assert answer.headers == {"Content-Type": "application/problem+json", **challenge}


def test_a_retryable_problem_has_retry_after() -> None:
    assert problem(Busy(), "r").headers["Retry-After"] == "1"


def test_a_problem_without_details_has_no_empty_list() -> None:
    body = problem(Busy(), "r").body
    assert body is not None
    assert "errors" not in json.loads(body)


def test_an_errors_facts_are_fields_of_the_problem() -> None:
    body = problem(NotHealthy("Wait.", facts={"version": "1"}), "r").body
    assert body is not None
    found = json.loads(body)
    assert (found["version"], found["code"], found["detail"]) == ("1", "NOT_HEALTHY", "Wait.")


def test_an_internal_error_shows_only_its_request_id() -> None:
    answer = unexpected("request-1")
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert answer.body is not None
    assert json.loads(answer.body) == {
        "type": "urn:lastunit:problem:internal-error",
        "title": "Something went wrong on our side",
        "status": 500,
        "detail": "It is logged under this request_id; trying again may help.",
        "code": "INTERNAL_ERROR",
        "request_id": "request-1",
    }


def test_every_error_has_a_kind_a_code_of_its_own_and_a_title() -> None:
    errors = set(every_error())
    assert len(errors) > 15
    # By status too: an access token and a mailed token are both TOKEN_EXPIRED (spec §3.2, §3.3).
    codes = [(error.code, error.kind) for error in errors if "code" in vars(error)]
    assert len(set(codes)) == len(codes)
    for error in errors:
        assert error.kind in NUMBERS
        assert error.code == error.code.upper().replace("-", "_")
        assert error.__doc__
        assert error.__doc__.splitlines()[0].endswith("."), error
