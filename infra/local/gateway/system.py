"""The state of the simulated gateway: payments, refunds, requests and behaviour."""

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TypeAlias

import urllib3

from infra.local.gateway.agenda import Agenda
from infra.local.gateway.behaviour import Behaviour, Draw, Odds, Settlement, Subject
from infra.local.json_server import Json, Refused, is_integer, now
from infra.local.signatures import signature

CALLBACK_TIMEOUT_SECONDS = 10
TOKEN_SECONDS = 15 * 60  # spec §6
Card: TypeAlias = tuple[str, str]
"""A card's type and its masked number."""
HEALTHY = Behaviour("healthy")


class GatewayRefused(Refused):
    """A request that the gateway does not accept: a status, its error code, the reason."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(status, detail)
        self.code = code


@dataclass(slots=True)
class Token:
    """A card as browsers hand it to shops: good for one payment, until this moment."""

    card: Card
    good_until: float
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """A requested payment; only the end of the card number is kept."""

    user_id: str
    order_id: str
    card_type: str
    masked_card_no: str
    amount: int
    callback_url: str


@dataclass(slots=True)
class Transaction:
    """A payment that the gateway has taken."""

    transaction_key: str
    request: PaymentRequest
    settlement: Settlement
    created_at: str
    status: str = "PENDING"
    reason: str | None = None
    charged_at: str | None = None
    refunds: list[Json] = field(default_factory=list)
    callbacks: list[Json] = field(default_factory=list)
    is_told: bool = False

    @property
    def brief(self) -> Json:
        """Return its representation in the list of an order: without an amount."""
        return {
            "transactionKey": self.transaction_key,
            "status": self.status,
            "reason": self.reason,
        }

    @property
    def shown(self) -> Json:
        """Return its representation in the gateway's API."""
        return {
            **self.brief,
            "orderId": self.request.order_id,
            "cardType": self.request.card_type,
            "cardNo": self.request.masked_card_no,
            "amount": self.request.amount,
            "refunds": [dict(each) for each in self.refunds],
        }

    @property
    def known(self) -> Json:
        """Return everything that the simulator knows of it."""
        return {
            **self.shown,
            "userId": self.request.user_id,
            "created_at": self.created_at,
            "charged_at": self.charged_at,
            "refunded_at": self.refunds[-1]["refundedAt"] if self.is_refunded else None,
            "callbacks": list(self.callbacks),
        }

    @property
    def is_refunded(self) -> bool:
        """True once all that was charged is refunded."""
        return bool(sum(each["amount"] for each in self.refunds) == self.request.amount)

    @classmethod
    def stored(cls, line: str) -> "Transaction | None":
        """Read it from a line of the state file."""
        try:
            kept = json.loads(line)
            request = PaymentRequest(**kept.pop("request"))
            return cls(request=request, settlement=Settlement(**kept.pop("settlement")), **kept)
        except (ValueError, TypeError, KeyError):
            return None  # the last line of a file whose writer was killed


class Gateway:
    """The payments taken, the requests seen and the behaviour; safe to use by many threads."""

    def __init__(
        self, secret: str, *, state_file: Path | None = None, time_scale: float = 1.0
    ) -> None:
        self.behaviour = Behaviour()
        self.time_scale = time_scale
        self._secret = secret
        self._state_file = state_file
        self._default_behaviour = self.behaviour
        self._odds = Odds()
        self._transactions: dict[str, Transaction] = {}
        self.token_seconds = TOKEN_SECONDS
        self._tokens: dict[str, Token] = {}
        self._requests: list[Json] = []
        self._changed = threading.Condition()
        self._generation = 0
        self._agenda = Agenda()
        self._http = urllib3.PoolManager(
            retries=False, timeout=CALLBACK_TIMEOUT_SECONDS, maxsize=32
        )
        self._load()

    def close(self) -> None:
        """Drop what hangs and forget callbacks that are still due, as a killed gateway does."""
        self.change_behaviour(Behaviour())
        self._agenda.close()
        self._http.clear()

    def reset(self) -> None:
        """Forget everything: payments, requests, behaviour."""
        with self._changed:
            self._agenda.clear()
            self._transactions.clear()
            self._tokens.clear()
            self._requests.clear()
            if self._state_file is not None:
                self._state_file.unlink(missing_ok=True)
        self.change_behaviour(Behaviour())

    def change_behaviour(self, behaviour: Behaviour) -> None:
        """Meet requests differently from now on; hanging ones are dropped without an answer."""
        with self._changed:
            self.behaviour = behaviour
            if behaviour.times is None:
                self._default_behaviour = behaviour
            if behaviour.seed != self._odds.seed or behaviour.seed is not None:
                self._odds = Odds(behaviour.seed)
            self._generation += 1
            self._changed.notify_all()

    def next_behaviour(self, subject: Subject) -> tuple[Behaviour, int]:
        """Take the behaviour for one request, and the generation it belongs to."""
        with self._changed:
            current = self.behaviour
            if not current.applies_to(subject):
                return HEALTHY, self._generation
            if current.times is not None:
                left = current.times - 1
                self.behaviour = replace(current, times=left) if left else self._default_behaviour
            return current, self._generation

    def draw(self, order_id: str) -> Draw:
        """Draw what chance has in store for the order's next try."""
        with self._changed:
            return self._odds.draw(order_id)

    def hangs(self, generation: int, wait_seconds: float) -> bool:
        """Wait; return whether the behaviour of that generation is still in force."""
        with self._changed:
            self._changed.wait_for(lambda: self._generation != generation, wait_seconds)
            return self._generation == generation

    def make_token(self, card: Card) -> str:
        """Make a token of a card, good for one payment within TOKEN_SECONDS."""
        token = f"TK-{secrets.token_hex(16)}"
        with self._changed:
            self._tokens[token] = Token(card, time.monotonic() + self.token_seconds)
        return token

    def card_of(self, token: object) -> Card:
        """Return the card of a token that is good. Raises GatewayRefused."""
        with self._changed:
            return self._good(token).card

    def _good(self, token: object) -> Token:
        found = self._tokens.get(str(token))
        if found is None:
            raise GatewayRefused(HTTPStatus.BAD_REQUEST, "TOKEN_UNKNOWN", "it is no token of ours")
        if found.is_used:
            raise GatewayRefused(HTTPStatus.CONFLICT, "TOKEN_USED", "the token was used")
        if time.monotonic() >= found.good_until:
            raise GatewayRefused(HTTPStatus.CONFLICT, "TOKEN_EXPIRED", "the token has expired")
        return found

    def take(
        self, request: PaymentRequest, settlement: Settlement, token: object = None
    ) -> Transaction:
        """Store a payment; its result follows. Raises GatewayRefused: its token is used already."""
        with self._changed:
            if token is not None:
                self._good(token).is_used = True
            key = f"TR-{secrets.token_hex(8)}"
            transaction = Transaction(key, request, settlement, created_at=now())
            self._transactions[key] = transaction
            if settlement.result_seconds:
                self._store(transaction)
                self._agenda.after(settlement.result_seconds, partial(self._settle, transaction))
            else:
                self._settle(transaction)
            return transaction

    def refund(self, transaction: Transaction, key: object, amount: object) -> Json:
        """Refund an amount once per key; asked again, answer the same. Raises Refused."""
        with self._changed:
            if transaction.status != "SUCCESS":
                raise _conflict("NOT_REFUNDABLE", f"the payment is {transaction.status}")
            if not isinstance(key, str) or not key:
                raise _invalid("INVALID_REFUND_KEY", "refundKey must be a text")
            if not isinstance(amount, int) or not is_integer(amount) or amount <= 0:
                raise _invalid("INVALID_AMOUNT", "amount must be a whole number above 0")
            made = next((each for each in transaction.refunds if each["refundKey"] == key), None)
            if made is None:
                made = self._make_refund(transaction, key, amount)
            if made["amount"] != amount:
                raise _conflict("REFUND_KEY_USED", "the key is of a refund of another amount")
            return {"transactionKey": transaction.transaction_key, **made}

    def _make_refund(self, transaction: Transaction, key: str, amount: int) -> Json:
        refunded = sum(each["amount"] for each in transaction.refunds)
        if refunded + amount > transaction.request.amount:
            raise _conflict("REFUND_EXCEEDS_CHARGE", f"{refunded} was refunded before")
        made = {"refundKey": key, "amount": amount, "status": "REFUNDED", "refundedAt": now()}
        transaction.refunds.append(made)
        self._store(transaction)
        return made

    def find(self, transaction_key: str, user_id: str | None) -> Transaction | None:
        """Return a payment, where it is there and the user's."""
        with self._changed:
            found = self._transactions.get(transaction_key)
        return found if found and user_id in (None, found.request.user_id) else None

    def transactions(
        self, order_id: str | None = None, user_id: str | None = None
    ) -> list[Transaction]:
        """Return the payments taken, oldest first."""
        with self._changed:
            return [
                each
                for each in self._transactions.values()
                if order_id in (None, each.request.order_id)
                and user_id in (None, each.request.user_id)
            ]

    def record_request(self, method: str, path: str, order_id: str | None, outcome: str) -> None:
        """Note what was asked, and what became of it."""
        entry = {"method": method, "path": path, "orderId": order_id, "outcome": outcome}
        with self._changed:
            self._requests.append({**entry, "at": now()})

    def requests(self, order_id: str | None = None) -> Json:
        """Return what was asked since the start, oldest first, and how often what came of it."""
        with self._changed:
            items = [each for each in self._requests if order_id in (None, each["orderId"])]
        counts = Counter(f"{each['method']} {each['outcome']}" for each in items)
        return {"items": items, "counts": dict(sorted(counts.items()))}

    def _settle(self, transaction: Transaction) -> None:
        settlement = transaction.settlement
        with self._changed:
            if settlement.result == "SUCCESS":
                transaction.status, transaction.charged_at = "SUCCESS", now()
            else:
                transaction.status, transaction.reason = "FAILED", settlement.result
            self._store(transaction)
        self._plan_callbacks(transaction)

    def _plan_callbacks(self, transaction: Transaction) -> None:
        for _ in range(transaction.settlement.callbacks):
            report: Callable[[], None] = partial(self._report, transaction)
            self._agenda.after(transaction.settlement.callback_seconds, report)

    def _report(self, transaction: Transaction) -> None:
        """Post a callback, and note what it was answered."""
        with self._changed:
            body = transaction.shown
            transaction.is_told = True
            self._store(transaction)
        body["amount"] += transaction.settlement.told_amount_is_off_by
        entry = {"at": now(), "amount": body["amount"], "answer": None}
        try:
            answer = self._post(transaction.request.callback_url, json.dumps(body).encode())
            entry["answer"] = answer
        except urllib3.exceptions.HTTPError as error:
            entry["answer"] = type(error).__name__
        with self._changed:
            transaction.callbacks.append(entry)
            self._store(transaction)

    def _post(self, url: str, body: bytes) -> int:
        headers = {"Content-Type": "application/json", **signed(self._secret, body)}
        return self._http.request("POST", url, body=body, headers=headers).status

    def _load(self) -> None:
        """Take up what a former process left: results and callbacks that are still due."""
        if self._state_file is None or not self._state_file.exists():
            return
        lines = self._state_file.read_text().splitlines()
        for transaction in filter(None, map(Transaction.stored, lines)):
            self._transactions[transaction.transaction_key] = transaction
        kept = "".join(_line(each) for each in self._transactions.values())
        self._state_file.write_text(kept)
        for transaction in self._transactions.values():
            if transaction.status == "PENDING":
                self._settle(transaction)
            elif not transaction.is_told:
                self._plan_callbacks(transaction)

    def _store(self, transaction: Transaction) -> None:
        if self._state_file is not None:
            with self._state_file.open("a") as output:
                output.write(_line(transaction))


def _invalid(code: str, detail: str) -> GatewayRefused:
    return GatewayRefused(HTTPStatus.BAD_REQUEST, code, detail)


def _conflict(code: str, detail: str) -> GatewayRefused:
    return GatewayRefused(HTTPStatus.CONFLICT, code, detail)


def signed(secret: str, body: bytes) -> dict[str, str]:
    """Return the headers that prove who sends this body, and when."""
    timestamp = str(int(time.time()))
    return {
        "X-Gateway-Timestamp": timestamp,
        "X-Gateway-Signature": signature(secret, timestamp, body),
    }


def _line(transaction: Transaction) -> str:
    return json.dumps(asdict(transaction)) + "\n"
