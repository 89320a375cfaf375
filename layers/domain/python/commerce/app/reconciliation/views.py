"""What is asked of a reconciliation, and what it finds."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from commerce.shared.schemas import View


@dataclass(frozen=True, slots=True)
class Scope:
    """The books of these products, users, orders and coupons only."""

    products: Collection[UUID] = ()
    users: Collection[UUID] = ()
    orders: Collection[UUID] = ()
    coupons: Collection[UUID] = ()


class Finding(View):
    """A rule that does not hold: `facts` has the ids it does not hold for, and both its sides."""

    rule: str
    facts: dict[str, str | int | None]

    def __str__(self) -> str:
        told = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        return f"{self.rule}: {told}"


class Reconciliation(View):
    """How much was looked at, and what was found; not complete where there was too much of it."""

    products: int
    accounts: int
    orders: int
    coupons: int
    findings: list[Finding]
    is_complete: bool

    @property
    def holds(self) -> bool:
        """Whether every unit, point and coupon is accounted for."""
        return self.is_complete and not self.findings
