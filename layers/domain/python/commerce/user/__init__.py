"""Users: accounts and scopes; `sessions` signs them in."""

from commerce.user.commands import SignUp
from commerce.user.errors import LoginIdTaken, UserNotFound, WeakPassword
from commerce.user.events import UserSignedUp
from commerce.user.facade import UserFacade
from commerce.user.views import Entrant, UserView

__all__ = [
    "Entrant", "LoginIdTaken", "SignUp", "UserFacade", "UserNotFound", "UserSignedUp", "UserView",
    "WeakPassword",
]  # fmt: skip
