"""The HTTP entrypoint, shared by all functions behind the API.

api: a function's route and its handler. request: the request as it arrives. access: who may call.
acts: the audit of staff.
parameters: what a route's function can take. viewer: who is shown an answer.
responses: ETags, files, and answers without a route. field_errors: the sentences about refused
fields. strictness: refusals of what a route would ignore.
"""

from commerce.entrypoints.http.access import ANYONE, USER, Access, BootstrapOnly, PeopleOnly
from commerce.entrypoints.http.api import (
    HttpApi,
    PathNotFound,
    Rules,
    http_api,
    lambda_handler,
)
from commerce.entrypoints.http.parameters import (
    AnyViewer,
    Buyer,
    Cursor,
    IfMatch,
    Limit,
    OptionalRequestKey,
    PreferredLanguage,
    RequestKey,
    SourceIp,
    Staff,
    Text,
    ThisAct,
    UserAgent,
)
from commerce.entrypoints.http.request import BodyTooLarge, MalformedJson
from commerce.entrypoints.http.responses import JSON, no_content, static_file, with_etag
from commerce.entrypoints.http.strictness import UnknownParameter, ValidationFailed
from commerce.shared.scopes import Scope

__all__ = [
    "ANYONE", "JSON", "USER", "Access", "AnyViewer", "BodyTooLarge", "BootstrapOnly",
    "Buyer",
    "Cursor", "HttpApi", "IfMatch", "Limit", "MalformedJson", "OptionalRequestKey",
    "PathNotFound", "PeopleOnly", "PreferredLanguage", "RequestKey", "Rules", "Scope", "SourceIp",
    "Staff", "Text", "ThisAct", "UnknownParameter", "UserAgent", "ValidationFailed", "http_api",
    "lambda_handler", "no_content", "static_file", "with_etag",
]  # fmt: skip
