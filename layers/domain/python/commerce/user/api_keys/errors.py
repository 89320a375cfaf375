"""The errors of API keys."""

from commerce.shared.errors import CommerceError, Kind


class ApiKeyNotFound(CommerceError):
    """There is no such API key."""

    kind = Kind.NOT_FOUND
    code = "API_KEY_NOT_FOUND"


class ExpiresTooEarly(CommerceError):
    """The key would have expired already."""

    kind = Kind.INVALID
    code = "EXPIRES_TOO_EARLY"
    default_detail = "Send a later expires_at, or none."
