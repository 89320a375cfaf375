"""One function's route as the document tells it: what follows from its file, and nothing else."""

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from types import ModuleType, NoneType
from typing import Any, get_args, get_origin, get_type_hints

from aws_lambda_powertools.event_handler import Response

from commerce.app.api_keys import InvalidApiKey, TooManyRequests
from commerce.entrypoints.http import (
    ANYONE,
    BodyTooLarge,
    BootstrapOnly,
    HttpApi,
    MalformedJson,
    PathNotFound,
    PeopleOnly,
    Rules,
    Scope,
    UnknownParameter,
    ValidationFailed,
)
from commerce.entrypoints.http.request_keys import IdempotencyKeyInvalid, IdempotencyKeyMissing
from commerce.runtime.idempotency import IdempotencyKeyReused, RequestInProgress
from commerce.runtime.tokens import (
    InvalidToken,
    NotSignedIn,
    SessionEnded,
    TokenExpired,
)
from commerce.shared.cursor import InvalidCursor
from commerce.shared.errors import Busy, CommerceError, Unavailable
from commerce.shared.etag import StaleVersion
from commerce.shared.scopes import MissingScope
from infra.template import ROOT, Function

sys.path.append(str(ROOT / "functions"))


@dataclass(frozen=True, slots=True)
class Operation:
    """A route with its rules, and what Powertools says of its parameters and shapes."""

    name: str
    tag: str
    method: str
    path: str
    docstring: str
    rules: Rules
    media_type: str
    parameters: list[dict[str, Any]]
    body: dict[str, Any] | None
    answer_schema: dict[str, Any]
    schemas: dict[str, Any]
    shape: Any
    is_tagged: bool
    takes_version: bool
    sample: dict[str, Any]

    @classmethod
    def all_of(cls, function: Function) -> Iterator["Operation"]:
        """Read the routes of a function's file: mostly one, which is called like the file."""
        module = importlib.import_module(".".join(function.source.with_suffix("").parts[1:]))
        schema = json.loads(_api(module).get_openapi_json_schema())
        sample = json.loads((ROOT / function.event_file).read_text(encoding="utf-8"))
        for path, methods in schema["paths"].items():
            [(method, found)] = methods.items()
            name = _function_name(found["operationId"], path, method)
            hints = get_type_hints(getattr(module, name))
            shape = hints["return"]
            is_answer = get_origin(shape) is Response
            [(media_type, content)] = found["responses"]["200"]["content"].items()
            yield cls(
                name=name,
                tag=found.get("tags", [function.source.parent.name])[0],
                method=method,
                path=path,
                docstring=inspect.cleandoc(getattr(module, name).__doc__ or module.__doc__ or ""),
                rules=_api(module).rules,
                media_type=media_type,
                parameters=found.get("parameters", []),
                body=found.get("requestBody"),
                answer_schema=content["schema"],
                schemas=schema["components"]["schemas"],
                shape=get_args(shape)[0] if is_answer or get_origin(shape) is tuple else shape,
                is_tagged=is_answer and get_args(shape) != (NoneType,),
                takes_version="if_match" in hints,
                sample=sample,
            )

    @property
    def summary(self) -> str:
        """The first line of the route's docstring or the file's, without method and path."""
        said = self.docstring.splitlines()[0].rpartition(f"{self.path}: ")[2].rstrip(".")
        return said[:1].upper() + said[1:]

    @property
    def description(self) -> str:
        """The first line again, and what is asked of the request, in sentences."""
        return " ".join([f"{self.summary}.", *self._asked()])

    def _asked(self) -> Iterator[str]:
        yield from self._asked_of_callers()
        if self.rules.idempotent is True:
            yield "Needs an Idempotency-Key: repeated with it, the first answer is replayed."
        elif self.rules.idempotent:
            yield "With an Idempotency-Key the first answer is replayed; without, each counts."
        if self.takes_version:
            yield "With If-Match it is done only where nobody changed it since."
        if self.is_tagged and self.method == "get":
            yield "With If-None-Match, 304 where nothing has changed since."
        if self.rules.refusals:
            yield f"Refuses with {', '.join(each.code for each in self.rules.refusals)}."

    def _asked_of_callers(self) -> Iterator[str]:
        if self.scope is not None:
            key = "" if self.rules.people_only else ", or an API key with it"
            yield f"Needs an access token with the scope `{self.scope}`{key}."
        elif self.rules.access is not ANYONE:
            yield "Needs a user's access token."
        if self.rules.require is not None:
            yield "Needs the payment gateway's signature over the moment and the very bytes."

    @property
    def refusals(self) -> Iterator[type[CommerceError]]:
        """Every refusal: those that the file names, and those that follow from its rules."""
        yield from self.rules.refusals
        yield from self._refused_callers()
        yield from (MalformedJson, BodyTooLarge)  # whoever sends one, also where none is asked for
        yield from (UnknownParameter, ValidationFailed)  # also where the path takes no field
        if "{" in self.path:  # what cannot be a part of a path leads nowhere
            yield PathNotFound
        if any(each["name"] == "cursor" for each in self.parameters):
            yield InvalidCursor
        yield from self._refused_repeats()
        if self.shape is not str:  # it asks the database
            yield from (Busy, Unavailable)

    def _refused_callers(self) -> Iterator[type[CommerceError]]:
        if self.rules.access is not ANYONE:
            yield from (NotSignedIn, InvalidToken, TokenExpired, SessionEnded)
        if self.scope is not None:
            yield from (MissingScope, InvalidApiKey, TooManyRequests)
            if not self.rules.bootstraps:
                yield BootstrapOnly
        if self.rules.people_only:
            yield PeopleOnly

    def _refused_repeats(self) -> Iterator[type[CommerceError]]:
        if self.rules.idempotent is True:
            yield IdempotencyKeyMissing
        if self.rules.idempotent:
            yield from (IdempotencyKeyInvalid, RequestInProgress)
            yield IdempotencyKeyReused
        if self.takes_version:
            yield StaleVersion

    @property
    def scope(self) -> Scope | None:
        """The scope that staff need for it; None where it is not only for staff."""
        return self.rules.access if isinstance(self.rules.access, Scope) else None

    @property
    def success(self) -> list[HTTPStatus]:
        """Its statuses of success, without 304."""
        return [HTTPStatus(each) for each in self.rules.success]


def _function_name(operation_id: str, path: str, method: str) -> str:
    """Return the name of a route's function: Powertools makes the operation's id of it."""
    return operation_id.removesuffix(re.sub(r"\W", "_", f"{path}_{method}"))


def _api(module: ModuleType) -> HttpApi:
    api = module.api
    assert isinstance(api, HttpApi), f"{module.__name__} has no HttpApi"  # noqa: S101
    return api
