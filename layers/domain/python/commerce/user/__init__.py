"""Users: accounts and scopes; `sessions` signs them in."""

from commerce.user.commands import EditMe, SignUp
from commerce.user.errors import EmailTaken, LoginIdTaken, UserNotFound, WeakPassword
from commerce.user.events import (
    EmailVerificationRequested,
    PasswordResetRequested,
    UserErased,
    UserSignedUp,
)
from commerce.user.facade import UserFacade
from commerce.user.views import Entrant, UserView, VersionedUser

__all__ = [
    "EditMe", "EmailTaken", "EmailVerificationRequested", "Entrant", "LoginIdTaken",
    "PasswordResetRequested", "SignUp", "UserErased", "UserFacade", "UserNotFound",
    "UserSignedUp", "UserView", "VersionedUser", "WeakPassword",
]  # fmt: skip
