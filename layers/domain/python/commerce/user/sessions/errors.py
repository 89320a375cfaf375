"""The errors of sessions."""

from commerce.shared.errors import CommerceError, Kind


class SessionNotFound(CommerceError):
    """You have no such session."""

    kind = Kind.NOT_FOUND
    code = "SESSION_NOT_FOUND"
