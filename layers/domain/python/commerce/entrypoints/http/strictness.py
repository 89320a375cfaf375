"""Refusals of what a route would ignore or read leniently: parameters, numbers, a body."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

from commerce.shared.errors import CommerceError, Kind

_DIGITS = re.compile("[0-9]+")


class ValidationFailed(CommerceError):
    """A field does not validate."""

    kind = Kind.INVALID
    code = "VALIDATION_FAILED"


class UnknownParameter(CommerceError):
    """The query has a parameter that this path does not take."""

    kind = Kind.INVALID
    code = "UNKNOWN_PARAMETER"
    default_detail = "See errors."


def refuse_what_is_ignored(
    app: APIGatewayRestResolver, next_middleware: NextMiddleware
) -> Response[Any]:
    """Call the route unless the request has more than it reads.

    Raises UnknownParameter, ValidationFailed.
    """
    route = app.context["_route"]
    if route.rule.match(""):  # the route of all paths that have none: not found, whatever is sent
        return next_middleware(app)
    event, dependant = app.current_event.raw_event, route.dependant
    query = _query(event)
    taken = {each.alias: each.type_ for each in dependant.query_params}
    unknown = [_error(name, "There is no parameter of this name.") for name in query.keys() - taken]
    if unknown:
        raise UnknownParameter(errors=sorted(unknown, key=lambda each: each["field"]))
    errors = [each for name in query for each in _lenient(name, query[name], taken[name])]
    if event.get("body") and not dependant.body_params:
        errors.append(_error("body", "This path takes no body.", "body_not_taken"))
    if errors:
        raise ValidationFailed("See errors.", errors=errors)
    return next_middleware(app)


def _query(event: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    single = {name: [each] for name, each in (event.get("queryStringParameters") or {}).items()}
    return single | (event.get("multiValueQueryStringParameters") or {})


def _lenient(name: str, values: Sequence[str], kind: object) -> Iterator[dict[str, str]]:
    if not values[0] and name != "cursor":  # an empty cursor is the first page's
        yield _error(name, "Must not be empty.", "empty")
    elif kind is int and not _DIGITS.fullmatch(values[0]):
        yield _error(name, "Must be a whole number.", "int_parsing")


def _error(name: str, message: str, code: str = "unknown_parameter") -> dict[str, str]:
    return {"field": name, "message": message, "code": code}
