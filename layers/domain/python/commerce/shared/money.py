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
        """Return an amount of zero."""
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
        """Split in proportion to the weights, by largest remainder; the parts add up to the whole.

        If the amount is at most the sum of the weights, no part exceeds its weight.

        Args:
            weights: not negative, and at least one positive. The amount is not negative either.
        """
        total = sum(weights)
        parts = [self.amount * weight // total for weight in weights]
        # Of equal remainders, the first weight gets the unit.
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
