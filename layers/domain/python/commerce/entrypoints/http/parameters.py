"""Parameters that a route's function can take, beside path parameters and a body."""

from collections.abc import Callable
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Depends, Request
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from commerce.entrypoints.http.viewer import Viewer
from commerce.runtime.audit import StaffAct
from commerce.runtime.idempotency import Claim
from commerce.runtime.tokens import Identity
from commerce.shared import etag
from commerce.shared.languages import Language


def _from_context(name: str) -> Callable[[Request], Any]:
    def find(request: Request) -> Any:
        return request.context[name]

    return find


Buyer = Annotated[Identity, Depends(_from_context("identity"))]
"""The signed-in user."""

Staff = Annotated[Identity, Depends(_from_context("identity"))]
"""The signed-in member of staff, who has the operation's scope."""

ThisAct = Annotated[StaffAct, Depends(_from_context("act"))]
"""The act of the caller, as the audit has it; of writes of staff alone."""

RequestKey = Annotated[Claim, Depends(_from_context("claim"))]
"""The request's Idempotency-Key, scoped to its user and operation."""

OptionalRequestKey = Annotated[Claim | None, Depends(_from_context("claim"))]
"""The request's Idempotency-Key; None where it has none, and is never a repetition."""

IfMatch = Annotated[etag.IfMatch, Depends(_from_context("if_match"))]
"""The versions in the request's If-Match header."""

AnyViewer = Annotated[Viewer, Depends(_from_context("viewer"))]
"""The caller, signed in or not."""

SourceIp = Annotated[str, Depends(_from_context("source_ip"))]
"""The caller's address, by API Gateway."""

UserAgent = Annotated[str, Depends(_from_context("user_agent"))]
"""The client, as it names itself; empty where it does not."""

PreferredLanguage = Annotated[Language, Depends(_from_context("language"))]
"""The first language of the request's Accept-Language header that mails are written in."""

Limit = Annotated[int, Query(ge=1, le=100, description="How many items, 1 to 100")]
Cursor = Annotated[
    str | None, Query(max_length=512, description="next_cursor of the page before, as it came")
]
Text = Annotated[str, Field(max_length=64)]
