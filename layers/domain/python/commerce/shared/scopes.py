"""The scopes of staff and of API keys: what they may do."""

from collections.abc import Collection
from enum import StrEnum

from commerce.shared.errors import CommerceError, Kind


class Scope(StrEnum):
    """A right that staff are granted (spec §3.2); `admin` includes all others, and granting."""

    CATALOGUE = "catalogue"
    STOCK = "stock"
    ORDERS_READ = "orders:read"
    ORDERS_FULFIL = "orders:fulfil"
    REFUNDS = "refunds"
    COUPONS = "coupons"
    DROPS = "drops"
    USERS_READ = "users:read"
    OPS = "ops"
    ADMIN = "admin"


class MissingScope(CommerceError):
    """You lack the scope that this needs."""

    kind = Kind.FORBIDDEN
    code = "MISSING_SCOPE"

    def __init__(self, scope: Scope) -> None:
        super().__init__(
            f"It needs the scope {scope.value}, which an admin can grant.",
            facts={"scope": scope.value},
        )


def require(scope: Scope, held: Collection[str]) -> None:
    """Refuse a caller whose scopes do not include this one. Raises MissingScope."""
    if scope not in held and Scope.ADMIN not in held:
        raise MissingScope(scope)
