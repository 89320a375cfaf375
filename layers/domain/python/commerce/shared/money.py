"""Money: integer minor units and an ISO 4217 currency."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

DEFAULT_CURRENCY = "KRW"


class CurrencyMismatch(ValueError):
    """Amounts of different currencies do not mix."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (whole won for KRW). Immutable; currencies never mix."""

    amount: int
    currency: str = DEFAULT_CURRENCY

    @classmethod
    def zero(cls, currency: str = DEFAULT_CURRENCY) -> Self:
        """No money at all."""
        return cls(0, currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other).amount, self.currency)

    def __mul__(self, quantity: int) -> "Money":
        return Money(self.amount * quantity, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def allocate(self, weights: Sequence[int]) -> "list[Money]":
        """Split in proportion to the weights, by largest remainder: the parts sum to the whole.

        Where the whole is not more than the weights together, no part is more than its weight.
        Weights and amount are not negative, and at least one weight is positive.
        """
        total = sum(weights)
        parts = [self.amount * weight // total for weight in weights]
        # Equal remainders are served in their order.
        by_remainder = sorted(
            range(len(weights)), key=lambda n: -(self.amount * weights[n] % total)
        )
        for number in by_remainder[: self.amount - sum(parts)]:
            parts[number] += 1
        return [Money(part, self.currency) for part in parts]

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other).amount

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._same(other).amount

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
        return other
