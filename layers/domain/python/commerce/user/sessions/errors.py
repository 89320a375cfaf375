"""The errors of sessions."""

from commerce.shared.errors import CommerceError, Kind


class BadCredentials(CommerceError):
    """No user has this login id and this password."""

    kind = Kind.UNAUTHENTICATED
    code = "BAD_CREDENTIALS"


class TooManyAttempts(CommerceError):
    """Too many sign-ins have failed."""

    kind = Kind.TOO_MANY
    code = "TOO_MANY_ATTEMPTS"

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(
            f"Try again in {wait_seconds} s; until then even the right password is refused.",
            retry_after_seconds=wait_seconds,
        )


class AccountSuspended(CommerceError):
    """This account is suspended."""

    kind = Kind.FORBIDDEN
    code = "ACCOUNT_SUSPENDED"
    default_detail = "Ask the shop; its staff can lift the suspension."


class SessionNotFound(CommerceError):
    """You have no such session."""

    kind = Kind.NOT_FOUND
    code = "SESSION_NOT_FOUND"
