"""A user as staff are managed: with scopes, or suspended."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from commerce.shared.scopes import Scope


@dataclass(slots=True, kw_only=True)
class Member:
    """An account with its rights. Whatever takes one away raises the epoch."""

    id: UUID
    login_id: str
    scopes: frozenset[str]
    epoch: int
    suspended_at: datetime | None
    suspension_reason: str | None

    @property
    def is_acting_admin(self) -> bool:
        """True where the account may grant scopes now."""
        return Scope.ADMIN in self.scopes and self.suspended_at is None

    def set_scopes(self, scopes: frozenset[str]) -> bool:
        """Replace the scopes; return False where they are these already."""
        if scopes == self.scopes:
            return False
        self.scopes = scopes
        self.epoch += 1
        return True

    def suspend(self, reason: str, at: datetime) -> bool:
        """Suspend the account; return False where it is suspended, whatever the reason."""
        if self.suspended_at is not None:
            return False
        self.suspended_at, self.suspension_reason = at, reason
        self.epoch += 1
        return True

    def lift_suspension(self) -> bool:
        """Let the account sign in again; return False where it is not suspended."""
        if self.suspended_at is None:
            return False
        self.suspended_at = self.suspension_reason = None
        return True
