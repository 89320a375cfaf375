"""Settings and checks of the functions for card payments."""

import re
from collections.abc import Mapping
from typing import Any

from commerce.payment import verify
from commerce.runtime import settings
from commerce.shared import clock

_CALLBACK_URL = "https://{domainName}{basePath}/payments/callbacks"
_BASE_PATH = re.compile(r"(/[\w$.+!*'()~-]+)*", re.ASCII)


def callback_url(request_context: Mapping[str, Any]) -> str:
    """Return the URL to which the gateway sends results: the API that serves this request.

    GATEWAY_CALLBACK_URL replaces it, for a proxy or an emulator. {domainName}, {basePath}, {stage}
    and {apiId} are filled in from API Gateway's request context, never from a header of the caller.
    """
    url = settings.text("GATEWAY_CALLBACK_URL", _CALLBACK_URL)
    known = {**request_context, "basePath": _base_path(request_context)}
    for name in ("domainName", "basePath", "stage", "apiId"):
        url = url.replace(f"{{{name}}}", str(known.get(name, "")))
    return settings.outside(url)


def _base_path(request_context: Mapping[str, Any]) -> str:
    """Return what the domain serves the API below.

    That is the stage on API Gateway's own domain; on a custom domain it is the base path, or
    nothing. The context's path begins with it, and ends with the resource's path.
    """
    path = str(request_context.get("path") or "").rstrip("/")
    resource = str(request_context.get("resourcePath") or "")
    base = path.removesuffix(resource)
    if resource and path.endswith(resource) and _BASE_PATH.fullmatch(base):
        return base
    return f"/{request_context.get('stage', '')}"


def require_signature(headers: Mapping[str, str], body: bytes) -> None:
    """Refuse requests that the gateway did not sign. Raises what `verify` raises."""
    verify(headers, body, settings.signing_secrets("GATEWAY_SECRET"), clock.now())
