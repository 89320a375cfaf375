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
