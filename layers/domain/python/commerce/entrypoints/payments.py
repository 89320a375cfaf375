"""What the functions around card payments read from the environment and the request."""

from collections.abc import Mapping
from typing import Any

from commerce.payment import verify
from commerce.runtime import settings
from commerce.shared import clock

_CALLBACK_URL = "https://{domainName}/{stage}/payments/callbacks"


def callback_url(request_context: Mapping[str, Any]) -> str:
    """Where the gateway tells results: this very API, as the request that is served came to it.

    GATEWAY_CALLBACK_URL says it otherwise (a proxy in front, an emulator); {domainName}, {stage}
    and {apiId} are filled in. They are API Gateway's own words, never a header of the caller's.
    """
    url = settings.text("GATEWAY_CALLBACK_URL", _CALLBACK_URL)
    for name in ("domainName", "stage", "apiId"):
        url = url.replace(f"{{{name}}}", str(request_context.get(name, "")))
    return url


def fingerprint_key() -> bytes:
    """The key under which requests that hold a card number are remembered."""
    given = settings.text("FINGERPRINT_KEY", "")
    return (given or settings.secret(settings.text("FINGERPRINT_SECRET_ARN"))["key"]).encode()


def require_signature(headers: Mapping[str, str], body: bytes) -> None:
    """Let only the gateway in. Raises what `verify` raises."""
    verify(headers, body, _gateway_secrets(), clock.now())


def _gateway_secrets() -> list[str]:
    """The shared secrets, the current one first; while one is replaced there are two."""
    given = settings.text("GATEWAY_SECRET", "")
    kept = {"current": given} if given else settings.secret(settings.text("GATEWAY_SECRET_ARN"))
    return [secret for name in ("current", "previous") if (secret := kept.get(name))]
