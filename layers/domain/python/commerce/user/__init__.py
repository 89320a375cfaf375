"""Users: accounts and scopes; `sessions` signs them in."""

from commerce.user.commands import EditMe, SignUp
from commerce.user.errors import (
    EmailTaken,
    LoginIdTaken,
    TooManyAttempts,
    UserNotFound,
    WeakPassword,
)
from commerce.user.events import (
    EmailChanged,
    EmailVerificationRequested,
    PasswordChanged,
    PasswordResetRequested,
    UserErased,
    UserSignedUp,
)
from commerce.user.facade import Edited, UserFacade
from commerce.user.views import Entrant, Recipient, UserView, VersionedUser

__all__ = [
    "EditMe", "Edited", "EmailChanged", "EmailTaken", "EmailVerificationRequested", "Entrant",
    "LoginIdTaken", "PasswordChanged", "PasswordResetRequested", "Recipient", "SignUp",
    "TooManyAttempts", "UserErased", "UserFacade", "UserNotFound", "UserSignedUp", "UserView",
    "VersionedUser", "WeakPassword",
]  # fmt: skip
