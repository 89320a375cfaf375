"""The parts of the document that no function declares: headers, schemes, the gateway's answers."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from commerce.payment.signature import CALLBACK_HEADERS
from infra.openapi.examples import REQUEST_ID

DESCRIPTION = """\
Brands, products with stock, likes, points, coupons, orders, card payments and rankings.

- Sign up with `POST /users`, sign in with `POST /sessions`, and send the token as
  `Authorization: Bearer …`. What is below `/admin` wants a token with the operation's scope, or
  an API key with it in `X-Api-Key`.
- A request that has an effect takes an `Idempotency-Key`: new for each wish, the same for each
  retry. The first answer is replayed for at least 24 hours, with `Idempotency-Replayed: true`.
- Errors are `application/problem+json` (RFC 9457). `code` says which one it is; `request_id`
  leads to it in the logs.
- Ids are opaque. Times are RFC 3339, UTC. Money is in minor units.
- A list's `next_cursor` leads to its next page; null ends it.
"""

CONTACT = {"name": "The operators of this deployment"}

# A relative server is found from where the document was: the stage it is served by.
SERVERS = [{"url": ".", "description": "The deployment that serves this document"}]

TAGS = {
    "user": "Who users are, and how they prove it",
    "point": "What users have charged, and what they have spent of it",
    "brand": "Who makes the products",
    "product": "Products and their stock",
    "like": "Who likes which product",
    "coupon": "What is offered, and who was issued one",
    "order": "What somebody bought, and what became of it",
    "payment": "What is charged to cards through the gateway, and given back",
    "shipping": "Notices of orders to the delivery system",
    "ranking": "What is looked at, liked and bought most",
    "health": "Whether this deployment can serve",
    "operations": "What is wrong now, and what operators do about it",
    "drop": "What is sold to those whose turn it is, in an order that all can check",
    "docs": "This document, and a page to read it",
    "console": "The operators' page",
}

PATH = {
    "product_id": "The product's id",
    "brand_id": "The brand's id",
    "order_id": "The order's id",
    "payment_id": "The payment's id",
    "coupon_id": "The coupon's id",
    "charge_id": "The charge's id",
    "return_id": "The return's id",
    "user_id": "The user's id",
    "asset": "The file's name",
    "queue": "The queue's name, without the stack's",
    "event_id": "The event's id",
    "session_id": "The session's id",
    "api_key_id": "The API key's id",
    "address_id": "The address's id",
}

SUCCESS = {
    HTTPStatus.OK: "Done; or found",
    HTTPStatus.CREATED: "Made",
    HTTPStatus.ACCEPTED: "Taken; it is done soon, or goes on with further requests",
    HTTPStatus.NO_CONTENT: "Done",
    HTTPStatus.NOT_MODIFIED: "What If-None-Match names is what would be answered",
}

RETRIED = {
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Answers that may say when to ask again."""

ALWAYS = ("X-Request-Id", "Cache-Control", "X-Content-Type-Options")
"""The headers of every answer."""

HEADERS = {
    "X-Request-Id": {
        "description": "Names the request, in the logs and in every event that follows from it",
        "schema": {"type": "string"},
        "example": REQUEST_ID,
    },
    "Cache-Control": {
        "description": "no-store, or no-cache where an ETag tells whether it has changed",
        "schema": {"type": "string"},
        "example": "no-store",
    },
    "X-Content-Type-Options": {
        "description": "Keeps browsers from taking an answer for another type",
        "schema": {"type": "string", "enum": ["nosniff"]},
    },
    "ETag": {
        "description": "What was answered, for If-None-Match; its version, for If-Match",
        "schema": {"type": "string"},
        "example": '"1.1-0123456789abcdef"',
    },
    "Idempotency-Replayed": {
        "description": "Here where the answer is the first one to this Idempotency-Key, again",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Retry-After": {
        "description": "Seconds after which to ask again, where that may help",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "1",
    },
    "WWW-Authenticate": {
        "description": "How to prove who is asking",
        "schema": {"type": "string"},
        "example": "Bearer",
    },
}

SECURITY_SCHEMES = {
    "user": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access_token of POST /sessions",
    },
    "staff": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token with the operation's scope, or with `admin`",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "A key of POST /admin/api-keys with the operation's scope",
    },
    "gatewaySignature": {
        "type": "apiKey",
        "in": "header",
        "name": CALLBACK_HEADERS.signature,
        "description": (
            f"The hexadecimal HMAC-SHA256 of {CALLBACK_HEADERS.timestamp}, a full stop and the "
            "body, under the secret shared with the gateway."
        ),
    },
}

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "New for each wish, the same for each retry: 8 to 64 visible ASCII characters",
    "schema": {"type": "string", "pattern": "^[!-~]{8,64}$"},
    "example": "3f6c1f0e9b2d4c5a",
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag that was seen: it is changed only where that is still its version",
    "schema": {"type": "string"},
    "example": '"1.1-0123456789abcdef"',
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of what is had already",
    "schema": {"type": "string"},
    "example": '"1.1-0123456789abcdef"',
}
GATEWAY_TIMESTAMP = {
    "name": CALLBACK_HEADERS.timestamp,
    "in": "header",
    "required": True,
    "description": "When it was signed, in seconds since the epoch; good for five minutes",
    "schema": {"type": "string", "pattern": "^[0-9]{1,12}$"},
    "example": "1769851800",
}

FIELD = {"field": "amount", "message": "Must be a whole number.", "code": "int_type"}

_MOMENT = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A refusal, as RFC 9457 has it. Members that are not required come with codes.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {
            "type": "string",
            "pattern": "^urn:lastunit:problem:",
            "description": "The code as a URN",
        },
        "title": {"type": "string", "description": "The same for every problem of its code"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What to do, in this case"},
        "code": {
            "description": "Which refusal it is; a later version may have codes that are not here",
            "anyOf": [
                {"$ref": "#/components/schemas/ProblemCode"},
                {"type": "string", "pattern": "^[A-Z][A-Z0-9_]+$"},
            ],
        },
        "request_id": {"type": "string", "description": "What to ask by"},
        "errors": {
            "type": "array",
            "description": "One for each field or line that is wrong",
            "items": {"$ref": "#/components/schemas/ProblemError"},
        },
        "already": {"type": "integer", "description": "Units that the buyer has already"},
        "by": {"type": "integer", "description": "Units that are sold and not there"},
        "charge_ids": {"type": "array", "items": {"type": "string"}},
        "claim_until": _MOMENT | {"description": "Until when the offer could be used"},
        "drop_id": {"type": "string", "description": "The drop to enter"},
        "entry_status": {"type": "string", "description": "What became of the entry"},
        "expected_schema_revision": {"type": "string", "description": "What this code needs"},
        "limit": {"type": "integer", "description": "How many are allowed"},
        "order_ids": {"type": "array", "items": {"type": "string"}},
        "product_id": {"type": "string"},
        "promised": {"type": "integer", "description": "Units that the published terms promise"},
        "reason": {"type": "string", "description": "Why, as a sentence for the user"},
        "requested": {"type": "integer", "description": "Units that were asked for"},
        "sale_from": _MOMENT | {"description": "From when it is sold"},
        "sale_until": _MOMENT | {"description": "Until when it is sold"},
        "scope": {"type": "string", "description": "The scope that the caller lacks"},
        "schema_revision": {"type": "string", "description": "What the database has"},
        "left": {
            "$ref": "#/components/schemas/MoneyView",
            "description": "What is left of what was paid",
        },
        "total": {
            "$ref": "#/components/schemas/MoneyView",
            "description": "What the order costs now, after its discount",
        },
        "version": {"type": "string", "description": "The version of this deployment"},
    },
}

PROBLEM_ERROR: dict[str, Any] = {
    "type": "object",
    "description": "A wrong field (field, message, code), or a line of an order (product_id, …).",
    "properties": {
        "field": {"type": "string", "description": "The field's path: lines.0.quantity"},
        "message": {"type": "string", "description": "One sentence"},
        "code": {"type": "string", "description": "Which rule it breaks"},
        "product_id": {"type": "string"},
        "requested": {"type": "integer"},
        "required": {"type": "integer"},
        "available": {"type": "integer"},
        "already": {"type": "integer"},
        "limit": {"type": "integer"},
        "left": {"type": "integer"},
        "sale_from": _MOMENT,
        "sale_until": _MOMENT,
    },
}


def problem_schemas(codes: Iterable[str]) -> dict[str, Any]:
    """Return the schema of every refusal, and those that it refers to."""
    code = {"type": "string", "description": "The codes of this version", "enum": sorted(codes)}
    return {"Problem": PROBLEM, "ProblemCode": code, "ProblemError": PROBLEM_ERROR}


def _of_the_door(status: HTTPStatus, code: str, title: str, detail: str) -> dict[str, Any]:
    return {
        "type": f"urn:lastunit:problem:{code.lower().replace('_', '-')}",
        "title": title,
        "status": status.value,
        "detail": detail,
        "code": code,
        "request_id": REQUEST_ID,
    }


OF_THE_DOOR = {
    status: _of_the_door(status, code, title, detail)
    for status, code, title, detail in (
        (
            HTTPStatus.BAD_REQUEST,
            "BAD_REQUEST",
            "Bad Request",
            "The request was refused before it reached the service.",
        ),
        (
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "REQUEST_TOO_LARGE",
            "Content Too Large",
            "The request is larger than the service takes.",
        ),
        (
            HTTPStatus.TOO_MANY_REQUESTS,
            "THROTTLED",
            "Too Many Requests",
            "Too many requests at once. Try again in a second.",
        ),
    )
}
"""Answers of API Gateway itself: the template's GatewayResponses."""
