"""Scope and result of a reconciliation."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from commerce.shared.schemas import View


@dataclass(frozen=True, slots=True)
class Scope:
    """The products, users, orders, coupons and drops to check, and nothing else."""

    products: Collection[UUID] = ()
    users: Collection[UUID] = ()
    orders: Collection[UUID] = ()
    coupons: Collection[UUID] = ()
    drops: Collection[UUID] = ()

    def by_book(self) -> dict[str, Collection[UUID]]:
        """Return the ids by the name of their book."""
        return {
            "products": self.products,
            "accounts": self.users,
            "orders": self.orders,
            "coupons": self.coupons,
            "drops": self.drops,
        }


class Finding(View):
    """A broken rule: `facts` has the ids that break it, and the two values that differ."""

    rule: str
    facts: dict[str, str | int | None]

    def __str__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        return f"{self.rule}: {facts}"


class Reconciliation(View):
    """The number of things checked, and the findings; incomplete if there are too many."""

    products: int
    accounts: int
    orders: int
    coupons: int
    drops: int
    findings: list[Finding]
    is_complete: bool

    @property
    def holds(self) -> bool:
        """True if every unit, point and coupon is accounted for."""
        return self.is_complete and not self.findings
