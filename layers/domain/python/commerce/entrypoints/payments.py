"""Settings and checks of the functions for card payments."""

from collections.abc import Mapping
from typing import Any

from commerce.payment import verify
from commerce.runtime import settings
from commerce.shared import clock

_CALLBACK_URL = "https://{domainName}/{stage}/payments/callbacks"


def callback_url(request_context: Mapping[str, Any]) -> str:
    """Return the URL to which the gateway sends results: the API that serves this request.

    GATEWAY_CALLBACK_URL replaces it, for a proxy or an emulator. {domainName}, {stage} and {apiId}
    are filled in from API Gateway's request context, never from a header of the caller.
    """
    url = settings.text("GATEWAY_CALLBACK_URL", _CALLBACK_URL)
    for name in ("domainName", "stage", "apiId"):
        url = url.replace(f"{{{name}}}", str(request_context.get(name, "")))
    return url


def fingerprint_key() -> bytes:
    """Return the HMAC key for fingerprints of requests that have a card number."""
    given = settings.text("FINGERPRINT_KEY", "")
    return (given or settings.secret(settings.text("FINGERPRINT_SECRET_ARN"))["key"]).encode()


def require_signature(headers: Mapping[str, str], body: bytes) -> None:
    """Refuse requests that the gateway did not sign. Raises what `verify` raises."""
    verify(headers, body, _gateway_secrets(), clock.now())


def _gateway_secrets() -> list[str]:
    """Return the current secret, and during a rotation the previous one."""
    given = settings.text("GATEWAY_SECRET", "")
    found = {"current": given} if given else settings.secret(settings.text("GATEWAY_SECRET_ARN"))
    return [secret for name in ("current", "previous") if (secret := found.get(name))]
