"""The errors of the user context."""

from commerce.shared.errors import CommerceError, Kind


class LoginIdTaken(CommerceError):
    """Somebody else has this login id."""

    kind = Kind.CONFLICT
    code = "LOGIN_ID_TAKEN"

    def __init__(self) -> None:
        super().__init__("Choose another login_id; capitals make no difference.")


class UserNotFound(CommerceError):
    """There is no such user."""

    kind = Kind.NOT_FOUND
    code = "USER_NOT_FOUND"


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
