"""Users: accounts, sign-in and scopes."""

from commerce.user.commands import OpenSession, SignUp
from commerce.user.errors import BadCredentials, LoginIdTaken, TooManyAttempts, UserNotFound
from commerce.user.events import UserSignedUp
from commerce.user.facade import Login, UserFacade
from commerce.user.views import Entrant, SessionView, UserView

__all__ = [
    "BadCredentials", "Entrant", "Login", "LoginIdTaken", "OpenSession", "SessionView",
    "SignUp", "TooManyAttempts", "UserFacade", "UserNotFound", "UserSignedUp", "UserView",
]  # fmt: skip
