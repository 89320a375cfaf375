"""The drop of a history on the real shop: its calls, its clock, its promote, and its rows."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from commerce.app import drops
from commerce.app.transactions import in_transaction
from commerce.drop import Draw, DropPromotion, Step
from commerce.runtime.db.connection import Contention
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query, Row
from commerce.shared.errors import CommerceError
from docs.verify_drop import verify
from tests.harness.histories.drop_model import SIGNATURE
from tests.harness.histories.history import DropSetup
from tests.support.drops import a_proof, drop_terms, entries
from tests.support.lambda_calls import Answer, call
from tests.support.shop import Person, rows

_CLOCK = {
    "begin_entries": """
        UPDATE product_drop SET entries_at = clock_timestamp()
        WHERE id = $1 AND state = 'PUBLISHED' AND entries_at > clock_timestamp() RETURNING id
    """,
    "reach_draw": """
        UPDATE product_drop SET draws_at = clock_timestamp()
        WHERE id = $1 AND state = 'PUBLISHED' AND entries_at < clock_timestamp()
            AND draws_at > clock_timestamp() RETURNING id
    """,
    "end_offers": """
        UPDATE product_drop
        SET offers_until = clock_timestamp() + make_interval(mins => claim_minutes)
        WHERE id = $1 AND state = 'OFFERING'
            AND offers_until > clock_timestamp() + make_interval(mins => claim_minutes)
        RETURNING id
    """,
}
_LOCK_DROP = "SELECT id FROM product_drop WHERE id = $1 FOR UPDATE"
# As a join and a seal do: a moment that comes is on one side of every entry.
_FREEZE = "SELECT pg_advisory_xact_lock(hashtextextended($1, 8))"
_LOCK_ORDERS = """
    SELECT id FROM orders
    WHERE drop_entry_id IN (SELECT id FROM drop_entry WHERE drop_id = $1) ORDER BY id FOR UPDATE
"""
_END_CLAIMS = """
    UPDATE drop_entry SET claim_until = clock_timestamp()
    WHERE drop_id = $1 AND status IN ('OFFERED', 'ORDERED') AND claim_until > clock_timestamp()
    RETURNING id
"""
_END_ORDERS = """
    UPDATE orders SET expires_at = clock_timestamp()
    WHERE status = 'PENDING' AND drop_entry_id IN (
        SELECT id FROM drop_entry WHERE drop_id = $1 AND claim_until <= clock_timestamp())
"""
_USER = """
    INSERT INTO user_account
        (id, login_id, password_hash, name, email, birth_date, gender, version, created_at)
    VALUES ($1, $2, '', 'Wile', $3, '1990-04-12', 'OTHER', 1, now()) RETURNING id
"""


@dataclass
class DropShop:
    """The drop of one history, and the ids of the entries that clients know."""

    id: UUID
    admin: Person
    entries: dict[str, str] = field(default_factory=dict)
    awaited: Draw | None = None

    @classmethod
    def of(
        cls, setup: DropSetup, product: str, buyers: Sequence[Person], admin: Person
    ) -> "DropShop":
        """Draft the drop, and give its entrants the accounts that its terms ask about."""
        for buyer in buyers:
            id_ = UUID(str(buyer.user_id))
            rows(_USER, id_, f"h{id_.hex[-15:]}", f"{id_.hex}@example.com")
        terms = drop_terms(product, setup.units, mode=setup.mode, verified_only=False)
        drop = in_transaction(drops.create_drop, terms, by="test")
        return cls(UUID(drop.drop_id), admin)

    # --- calls -----------------------------------------------------------------------------------

    def answer(self, kind: str, args: Mapping[str, Any], buyer: Person | None) -> Answer:
        """Make a call of a client, of the schedule, or of the clock."""
        if kind in ("step", "take_round"):
            return self._promote(kind)
        if kind in _CLOCK:
            return self._comes(kind)
        if kind == "end_claims":
            return self._end_claims()
        if kind == "read_drop":
            return call("drop/get_drop", "GET", f"/drops/{self.id}")
        if buyer is None:
            return self._by_staff(kind, args)
        method, name, end = {
            "join": ("POST", "enter_drop", ""),
            "withdraw": ("DELETE", "withdraw_entry", "/me"),
            "read_entry": ("GET", "get_my_entry", "/me"),
        }[kind]
        path = f"/drops/{self.id}/entries{end}"
        entered: dict[str, Any] | None = {} if method == "POST" else None
        return call(f"drop/{name}", method, path, body=entered, token=buyer.token)

    def _by_staff(self, kind: str, args: Mapping[str, Any]) -> Answer:
        name, end = {
            "publish_drop": ("publish_drop", "publication"),
            "add_units": ("add_drop_units", "units"),
            "cancel_drop": ("cancel_drop", "cancellation"),
        }[kind]
        body: dict[str, Any] | None = {"reason": "Damaged"} if kind == "cancel_drop" else {**args}
        path = f"/admin/drops/{self.id}/{end}"
        return call(f"drop/{name}", "POST", path, body=body or None, token=self.admin.token)

    def _promote(self, kind: str) -> Answer:
        """Run one transaction of promote."""
        try:
            if kind == "take_round" and self.awaited is not None:
                step = in_transaction(DropPromotion.take_round, self.awaited, SIGNATURE)
                return _ok({"numbered": step.numbered})
            step = in_transaction(drops._step, self.id)
        except CommerceError:  # its connection was lost, or it lost a race three times
            return Answer(503, {"code": "UNAVAILABLE"}, {})
        except Exception as error:  # noqa: BLE001  (a failure of the history, which goes on)
            return Answer(500, {"code": repr(error)}, {})
        self.awaited = step.awaits or self.awaited
        return _ok(_counts(step))

    def _comes(self, kind: str) -> Answer:
        """Let a moment of the drop come; no join is under way meanwhile."""
        freeze = Query(_FREEZE, [str(self.id)])
        found = _settled([Query(_LOCK_DROP, [self.id]), freeze, Query(_CLOCK[kind], [self.id])])
        return _ok({"came": bool(found[2])})

    def _end_claims(self) -> Answer:
        """End the time of all offers, and of the orders that use them, under the usual locks."""
        sql = (_LOCK_DROP, _LOCK_ORDERS, _END_CLAIMS, _END_ORDERS)
        return _ok({"ended": len(_settled([Query(each, [self.id]) for each in sql])[2])})

    def read(self, kind: str, args: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
        """Return a good answer in the model's terms."""
        found = answer.json
        if kind in ("join", "withdraw", "read_entry"):
            self.entries.setdefault(args["buyer"], found["entry_id"])
            is_new = {"is_new": answer.status == 201} if kind == "join" else {}
            return {"status": found["status"], "position": found["position"], **is_new}
        if kind == "read_drop":
            [lot] = found["lots"]
            return {"state": found["state"], "units": lot["units"], "served": lot["served"]}
        return {"state": found["state"]} if "state" in found else dict(found)

    # --- the end ---------------------------------------------------------------------------------

    def end(self, names: Mapping[str, str]) -> dict[str, Any]:
        """Return the rows of the drop and its entries, and what the draw was made of."""
        [drop] = rows("SELECT state, terms_hash FROM product_drop WHERE id = $1", self.id)
        sql = "SELECT units, returned, numbered, served FROM drop_lot WHERE drop_id = $1"
        [lot] = rows(sql, self.id)
        found = {names[str(row.user_id)]: row for row in entries(self.id)}
        return {
            "rows": {
                "stage": drop.state,
                **lot._asdict(),
                "entries": {name: [row.status, row.position] for name, row in found.items()},
            },
            "terms_hash": drop.terms_hash,
            "ids": {name: str(row.id) for name, row in found.items()},
        }

    def false_claims(self) -> list[str]:
        """Return the claims of the drop's proof that do not hold; none before its seal."""
        sql = "SELECT FROM product_drop WHERE id = $1 AND entries_root IS NOT NULL"
        if not rows(sql, self.id):
            return []
        return [claim for claim, holds in verify(a_proof(self.id)) if not holds]


def _settled(queries: Sequence[Query]) -> list[list[Row]]:
    """Run the queries in one transaction, again where it lost a deadlock."""
    while True:
        with suppress(Contention):
            return database().run(queries)


def _counts(step: Step) -> dict[str, Any]:
    return {
        "lapsed": step.lapsed,
        "numbered": step.numbered,
        "offered": step.offered,
        "returned": sum(step.returned.values()),
        "awaits": step.awaits is not None,
    }


def _ok(found: dict[str, Any]) -> Answer:
    return Answer(200, found, {})
