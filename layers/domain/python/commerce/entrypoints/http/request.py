"""The request as API Gateway delivers it, read before the route is."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from commerce.entrypoints.telemetry import LambdaEvent
from commerce.shared.errors import CommerceError, Kind

MAX_BODY_BYTES = 256 * 1024  # spec §3.1
MAX_DEPTH = 20  # no body of this API nests deeper than 4


class MalformedJson(CommerceError):
    """The body is not JSON."""

    kind = Kind.MALFORMED
    code = "MALFORMED_JSON"


class BodyTooLarge(CommerceError):
    """The body is larger than 256 KB."""

    kind = Kind.TOO_LARGE
    code = "BODY_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """A request of API Gateway's; header names are in lower case."""

    event: LambdaEvent
    context: LambdaContext
    id: str
    operation: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, event: LambdaEvent, context: LambdaContext) -> "IncomingRequest":
        """Read the event's id, operation and headers."""
        gateway = event.get("requestContext") or {}
        headers = _headers(event)
        # Bodies are always read as JSON, whatever a client's default is (curl's is a form).
        headers["content-type"] = "application/json"
        return cls(
            event={**event, "headers": headers, "path": _path(event)},
            context=context,
            id=str(gateway.get("requestId") or context.aws_request_id),
            operation=f"{event['httpMethod']} {event.get('resource', event['path'])}",
            headers=headers,
        )

    @property
    def source_ip(self) -> str:
        """The caller's address as API Gateway saw it, never as a header of theirs says."""
        identity = (self.event.get("requestContext") or {}).get("identity") or {}
        return str(identity.get("sourceIp") or "")

    def body(self) -> Any:
        """Parse the body. Raises MalformedJson or BodyTooLarge."""
        raw = self.raw_body()
        if not raw:
            return None
        try:
            parsed = json.loads(
                raw.decode(), parse_constant=_refuse_constant, object_pairs_hook=_unambiguous
            )
        except (ValueError, RecursionError) as error:
            raise MalformedJson from error
        if _is_deeper_than(MAX_DEPTH, parsed):
            raise MalformedJson(f"The body nests deeper than {MAX_DEPTH} levels.")
        return parsed

    def raw_body(self) -> bytes:
        """Return the body as it was sent. Raises MalformedJson (not base64) or BodyTooLarge."""
        body: str = self.event.get("body") or ""
        try:
            raw = body.encode()
            if len(raw) > MAX_BODY_BYTES * (2 if self.event.get("isBase64Encoded") else 1):
                raise BodyTooLarge
            if self.event.get("isBase64Encoded"):
                raw = base64.b64decode(raw, validate=True)
        except ValueError as error:  # not base64, or not encodable
            raise MalformedJson from error
        if len(raw) > MAX_BODY_BYTES:
            raise BodyTooLarge
        return raw


def _path(event: LambdaEvent) -> str:
    """Return the path as the template has it, without the base path of a custom domain.

    Resource and parameters say what API Gateway matched. A path that does not end like them is
    left alone: an encoded slash in a parameter must not move where the resource begins.
    """
    parameters = event.get("pathParameters") or {}
    path: str = event["path"]
    matched = str(event.get("resource") or path)
    for name, value in parameters.items():
        matched = matched.replace(f"{{{name}}}", str(value))
    return matched if path.rstrip("/").endswith(matched) else path


def _headers(event: LambdaEvent) -> dict[str, str]:
    """Join repeated headers into a list (RFC 9110 §5.3).

    A list is not a valid key, token or signature, so a request with two of them is refused: a proxy
    before us might have checked the other one.
    """
    several: dict[str, list[str]] = {}
    for name, values in (event.get("multiValueHeaders") or {}).items():
        several.setdefault(name.lower(), []).extend(values)
    lists = {name: ", ".join(dict.fromkeys(values)) for name, values in several.items()}
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()} | lists


def _is_deeper_than(levels: int, value: Any) -> bool:
    # Level by level, because deep JSON is made to exhaust recursion.
    level = [value]
    for _ in range(levels):
        level = [
            each
            for outer in level
            if isinstance(outer, dict | list)
            for each in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse repeated names, of which another reader of the body might use the other value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise MalformedJson("Each name may come once in an object.")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
