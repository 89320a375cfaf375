"""Points through the functions' handlers, and what the database has of them."""

from typing import Any
from uuid import UUID

from commerce.runtime import tokens
from tests.support.lambda_calls import Answer, call
from tests.support.sessions import an_account
from tests.support.shop import Person, a_key, an_admin, rows

CHARGES = "/users/me/points/charges"


def a_user(points: int = 0) -> Person:
    """Somebody who has signed up, with so many points."""
    user_id = an_account().user_id
    user = Person(user_id, tokens.sign(user_id))
    if points:
        assert post_charge(user, points).status == 201
    return user


def post_charge(buyer: Person, amount: object, key: str | None = None, **card: str) -> Answer:
    """POST /users/me/points/charges, with a card where its fields are given."""
    return call(
        "point/charge_points", "POST", CHARGES,
        body={"amount": amount, **card}, token=buyer.token, key=key or a_key(),
    )  # fmt: skip


def charge_seen(buyer: Person, charge_id: str) -> Answer:
    """GET /users/me/points/charges/{charge_id}."""
    return call("point/get_charge", "GET", f"{CHARGES}/{charge_id}", token=buyer.token)


def status_of_charge(buyer: Person, charge_id: str) -> str:
    """Return the status that the buyer sees."""
    return str(charge_seen(buyer, charge_id).json["status"])


def entries_of(user: Person, query: str = "") -> Answer:
    """GET /users/me/points/entries."""
    path = f"/users/me/points/entries{query}"
    return call("point/list_point_entries", "GET", path, token=user.token)


def grant(
    user_id: UUID | str,
    amount: object,
    *,
    by: Person | None = None,
    key: str | None = None,
    **more: Any,
) -> Answer:
    """POST /admin/users/{user_id}/points."""
    return call(
        "point/grant_points", "POST", f"/admin/users/{user_id}/points",
        body={"amount": amount, "reason": "An apology", **more},
        token=(by or an_admin()).token, key=key or a_key(),
    )  # fmt: skip


def ledger_of(user_id: UUID) -> list[tuple[int, str, int]]:
    """(amount, reason, balance) of each entry, in the ledger's order."""
    sql = """
        SELECT amount, reason, balance_after FROM point_ledger
        WHERE user_id = $1 ORDER BY position
    """
    return [tuple(row) for row in rows(sql, user_id)]
