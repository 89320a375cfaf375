"""Sessions: how users sign in, stay signed in, and sign out."""

from commerce.user.confirmation import Attempt
from commerce.user.errors import AccountSuspended, BadCredentials, TooManyAttempts
from commerce.user.sessions.commands import ChangePassword, OpenSession, RefreshSession
from commerce.user.sessions.errors import SessionNotFound
from commerce.user.sessions.facade import Opened, Refreshed, SessionFacade
from commerce.user.sessions.repository import SessionRepository, SqlSessionRepository
from commerce.user.sessions.views import NewSessionView, SessionView, TokensView

__all__ = [
    "AccountSuspended", "Attempt", "BadCredentials", "ChangePassword", "NewSessionView",
    "OpenSession", "Opened",
    "RefreshSession", "Refreshed", "SessionFacade", "SessionNotFound", "SessionRepository",
    "SessionView", "SqlSessionRepository", "TokensView", "TooManyAttempts",
]  # fmt: skip
