"""Reconciliation of charges: each is credited once, for what its card paid."""

from typing import Any
from uuid import UUID

import pytest

from commerce.app.reconciliation import reconcile
from tests.support.points import post_charge
from tests.support.shop import Person, a_buyer, rows

pytestmark = pytest.mark.usefixtures("own_shop")


@pytest.fixture
def buyer(own_shop: str) -> Person:
    return a_buyer()


def a_charge(buyer: Person, amount: int = 700) -> UUID:
    return UUID(post_charge(buyer, amount).json["charge_id"])


def a_payment(buyer: Person, charge_id: UUID, status: str = "SUCCEEDED", **more: Any) -> None:
    values = {"amount": 700, "is_extra": False, "age": 0, **more}
    rows(
        "INSERT INTO payment (id, charge_id, buyer_id, status, amount, currency, card_type,"
        " transaction_key, is_extra, requested_at, changed_at, asked_at, version)"
        " SELECT gen_random_uuid(), $1, $2, $3, $4, 'KRW', 'KB', gen_random_uuid()::text, $5,"
        " at, at, at, 1 FROM (SELECT now() - $6 * interval '1 minute' AS at) AS moment",
        charge_id, buyer.user_id, status, values["amount"], values["is_extra"], values["age"],
    )  # fmt: skip


def broken() -> list[str]:
    return [each.rule for each in reconcile().findings]


def test_charges_with_and_without_a_payment_hold(buyer: Person) -> None:
    free, paid = a_charge(buyer), a_charge(buyer)
    a_payment(buyer, paid)
    a_payment(buyer, paid, "REFUNDED", is_extra=True)
    assert (broken(), free != paid) == ([], True)


def test_a_charge_that_is_credited_without_an_entry_is_found(buyer: Person) -> None:
    charge_id = a_charge(buyer)
    rows("UPDATE point_ledger SET charge_id = NULL WHERE charge_id = $1", charge_id)
    [finding] = reconcile().findings
    assert (finding.rule, finding.facts) == (
        "CHARGE_IS_CREDITED_ONCE",
        {
            "user_id": str(buyer.user_id),
            "charge_id": str(charge_id),
            "status": "CREDITED",
            "amount": 700,
            "credited": 0,
        },
    )


@pytest.mark.parametrize("status", ["PENDING", "FAILED"])
def test_an_entry_of_a_charge_that_is_not_credited_is_found(buyer: Person, status: str) -> None:
    rows("UPDATE point_charge SET status = $2 WHERE id = $1", a_charge(buyer), status)
    assert broken() == ["CHARGE_IS_CREDITED_ONCE"]


def test_an_entry_of_an_unknown_charge_is_found(buyer: Person) -> None:
    rows("DELETE FROM point_charge WHERE id = $1", a_charge(buyer))
    assert broken() == ["CHARGE_IS_CREDITED_ONCE"]


def test_a_credited_charge_whose_card_paid_nothing_is_found(buyer: Person) -> None:
    a_payment(buyer, a_charge(buyer), "REFUNDED")
    assert broken() == ["CHARGE_HAS_ITS_PAYMENT"]


def test_a_charge_that_a_card_paid_in_vain_is_found_after_ten_minutes(buyer: Person) -> None:
    new, old = a_charge(buyer), a_charge(buyer)
    rows("UPDATE point_ledger SET charge_id = NULL")
    rows("UPDATE point_charge SET status = 'FAILED'")
    a_payment(buyer, new, age=9)
    a_payment(buyer, old, age=11)
    [finding] = reconcile().findings
    assert (finding.rule, finding.facts["charge_id"]) == ("CHARGE_HAS_ITS_PAYMENT", str(old))


def test_a_payment_of_another_amount_or_an_extra_one_that_is_kept_is_found(buyer: Person) -> None:
    a_payment(buyer, a_charge(buyer), "FAILED", amount=699)
    twice = a_charge(buyer)
    a_payment(buyer, twice, is_extra=True)
    assert broken() == ["CHARGE_HAS_ITS_PAYMENT"] * 2


@pytest.mark.parametrize(
    "change", ["balance_after = balance_after + 1", "position = position + 9", "balance_after = -1"]
)
def test_an_entry_that_does_not_lead_to_its_balance_is_found(buyer: Person, change: str) -> None:
    for amount in (1, 20, 300):
        a_charge(buyer, amount)
    rows(f"UPDATE point_ledger SET {change} WHERE amount = 300")
    assert broken() == ["ENTRY_LEADS_TO_ITS_BALANCE"]
