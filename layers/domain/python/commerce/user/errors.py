"""The errors of the user context."""

from commerce.shared.errors import CommerceError, Kind


class LoginIdTaken(CommerceError):
    """Somebody else has this login id."""

    kind = Kind.CONFLICT
    code = "LOGIN_ID_TAKEN"

    def __init__(self) -> None:
        super().__init__("Choose another login_id; capitals make no difference.")


class EmailTaken(CommerceError):
    """Another account has this email address."""

    kind = Kind.CONFLICT
    code = "EMAIL_TAKEN"
    default_detail = "Use another email, or sign in to the account that has it."


class UserNotFound(CommerceError):
    """There is no such user."""

    kind = Kind.NOT_FOUND
    code = "USER_NOT_FOUND"


class WeakPassword(CommerceError):
    """The password is too easy to guess."""

    kind = Kind.INVALID
    code = "WEAK_PASSWORD"
    default_detail = (
        "Choose one that is on no list of common passwords, is no simple pattern, "
        "and is not made of your login_id, name or email; several unrelated words are good."
    )


class BadCredentials(CommerceError):
    """No user has this login id and this password."""

    kind = Kind.UNAUTHENTICATED
    code = "BAD_CREDENTIALS"


class TooManyAttempts(CommerceError):
    """Too many attempts have failed."""

    kind = Kind.TOO_MANY
    code = "TOO_MANY_ATTEMPTS"

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(
            f"Try again in {wait_seconds} s; until then no attempt is looked at, right or wrong.",
            retry_after_seconds=wait_seconds,
        )


class AccountSuspended(CommerceError):
    """This account is suspended."""

    kind = Kind.FORBIDDEN
    code = "ACCOUNT_SUSPENDED"
    default_detail = "Ask the shop; its staff can lift the suspension."
