"""The external payment gateway, over HTTP: what may have been charged is never asked for twice."""

import logging
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar
from urllib.parse import quote, urlencode
from uuid import UUID

from commerce.payment.breaker import Breaker, Call, Rejected
from commerce.payment.card import Card
from commerce.payment.deadline import Deadline
from commerce.payment.transport import Answer, Json, NoAnswer, NotReached, Transport
from commerce.shared.errors import CommerceError, Kind

T = TypeVar("T")

WHOLE_SECONDS = 8.0  # SPEC §5: of the 10 s of an answer, the rest is the database's
TRIES = 3
_FIRST_PAUSE_SECONDS = 0.2  # doubled per try, with full jitter: anything from nothing to all of it
_SHORTEST_TRY_SECONDS = 1.0  # a request with less time than it mostly takes (SPEC §5) is unknown

_REFUSALS = frozenset({400, 402, 409, 422})  # with an error code of the gateway's own
_TIMED_OUT_ON_THE_WAY = 504  # a proxy gave up; what is behind it may still go on

logger = logging.getLogger(__name__)


class PaymentGatewayUnavailable(CommerceError):
    """The payment gateway does not answer."""

    kind = Kind.UNAVAILABLE
    code = "PAYMENT_GATEWAY_UNAVAILABLE"


class TransactionStatus(StrEnum):
    """What the gateway says of a transaction."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Taken:
    """The gateway has the request; its result will follow."""

    transaction_key: str


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The gateway surely has not taken the request; nothing will be charged for it.

    `refused` is the gateway's own no (an invalid card); else it was not to be reached, and
    `retry_after_seconds` is when it is worth asking again.
    """

    reason: str
    refused: bool = False
    retry_after_seconds: int = 2


@dataclass(frozen=True, slots=True)
class Unknown:
    """The gateway may have taken the request, or may not: ask it later by the order's id."""

    reason: str


@dataclass(frozen=True, slots=True)
class OrderTransaction:
    """A transaction as the list of its order shows it."""

    transaction_key: str
    status: TransactionStatus
    reason: str | None


@dataclass(frozen=True, slots=True)
class Transaction:
    """The gateway's own record of a payment; `amount` in minor units."""

    transaction_key: str
    order_id: str
    amount: int
    status: TransactionStatus
    reason: str | None
    is_refunded: bool


@dataclass(frozen=True, slots=True)
class Refunded:
    """The gateway has given the whole amount back."""

    refund_key: str


@dataclass(frozen=True, slots=True)
class NotRefunded:
    """The gateway surely has given nothing back, and says why."""

    reason: str


class PaymentGateway(Protocol):
    """Whoever charges the buyers' cards."""

    def request(
        self,
        order_id: UUID,
        user_id: UUID,
        amount: int,
        card: Card,
        callback_url: str,
        deadline: Deadline | None = None,
        known: Collection[str] = (),
    ) -> Taken | NotTaken | Unknown:
        """Ask for a payment of `amount` minor units; within eight seconds, or by the deadline.

        Tried again only where it surely was not taken. `known` are keys of the order's
        transactions that belong to other payments: any other one that is found is this one.
        """

    def find(self, transaction_key: str, deadline: Deadline | None = None) -> Transaction | None:
        """The gateway's record, None where it has none. Raises PaymentGatewayUnavailable."""

    def find_by_order(
        self, order_id: UUID, user_id: UUID, deadline: Deadline | None = None
    ) -> Sequence[OrderTransaction]:
        """All that it has of an order, oldest first. Raises PaymentGatewayUnavailable."""

    def refund(
        self, transaction_key: str, amount: int, deadline: Deadline | None = None
    ) -> Refunded | NotRefunded | Unknown:
        """Give the whole amount back; again and again is once."""


class HttpPaymentGateway:
    """`{url}/api/v1/payments`, behind a circuit breaker.

    The breaker counts requests for payments alone; to ask about one is always allowed. Of a
    request that got through in the end only the last call counts, else each of its calls does.
    """

    def __init__(self, url: str, breaker: Breaker) -> None:
        self._transport = Transport(f"{url.rstrip('/')}/api/v1/payments")
        self._breaker = breaker

    def request(
        self,
        order_id: UUID,
        user_id: UUID,
        amount: int,
        card: Card,
        callback_url: str,
        deadline: Deadline | None = None,
        known: Collection[str] = (),
    ) -> Taken | NotTaken | Unknown:
        by = _within_the_whole(deadline)
        permit = self._breaker.admit()
        if isinstance(permit, Rejected):
            logger.warning("order %s: the circuit breaker is open, nothing was asked", order_id)
            return NotTaken("CIRCUIT_OPEN", retry_after_seconds=permit.retry_after_seconds)
        body: Json = {
            "orderId": str(order_id),
            "cardType": card.type.value,
            "cardNo": card.number,
            "amount": amount,
            "callbackUrl": callback_url,
        }
        request = _Request(self._transport, order_id, user_id, body, frozenset(known), by)
        try:
            return request.attempt(1 if permit.trial else TRIES)
        finally:
            self._breaker.report(permit, request.calls_that_count)

    def find(self, transaction_key: str, deadline: Deadline | None = None) -> Transaction | None:
        path = f"/{quote(transaction_key, safe='')}"
        data = _look_up(self._transport, path, {}, _within_the_whole(deadline))
        return None if data is None else _read(_transaction, data)

    def find_by_order(
        self, order_id: UUID, user_id: UUID, deadline: Deadline | None = None
    ) -> Sequence[OrderTransaction]:
        return _find_by_order(self._transport, order_id, user_id, _within_the_whole(deadline))

    def refund(
        self, transaction_key: str, amount: int, deadline: Deadline | None = None
    ) -> Refunded | NotRefunded | Unknown:
        path = f"/{quote(transaction_key, safe='')}/refunds"
        try:
            answer = _ask(
                self._transport, "POST", path, _within_the_whole(deadline), body={"amount": amount}
            )
        except PaymentGatewayUnavailable as error:
            return Unknown(error.detail)
        if answer.error_code and answer.status < 500:
            return NotRefunded(answer.error_code)
        key = (answer.data or {}).get("refundKey")
        return Refunded(str(key)) if key else Unknown(f"it answered {answer.status}")


class _Request:
    """One request for a payment, through all its tries."""

    def __init__(
        self,
        transport: Transport,
        order_id: UUID,
        user_id: UUID,
        body: Json,
        known: Collection[str],
        deadline: Deadline,
    ) -> None:
        self._transport = transport
        self._order_id = order_id
        self._user_id = user_id
        self._body = body
        self._known = known
        self._deadline = deadline
        self._calls: list[Call] = []
        self._is_through = False

    @property
    def calls_that_count(self) -> Sequence[Call]:
        """What the breaker is told: what a later try made good is not held against the gateway."""
        return self._calls[-1:] if self._is_through else self._calls

    def attempt(self, tries: int) -> Taken | NotTaken | Unknown:
        """Ask, and again where it surely was not taken."""
        outcome: Taken | NotTaken | Unknown = NotTaken("NO_TIME_LEFT")
        for number in _tries(tries, self._deadline):
            outcome = self._try()
            self._is_through = isinstance(outcome, Taken) or getattr(outcome, "refused", False)
            if self._is_through:
                break
            logger.warning("order %s, try %d: %s", self._order_id, number, outcome)
            if isinstance(outcome, Unknown):
                break
        return outcome

    def _try(self) -> Taken | NotTaken | Unknown:
        started = time.monotonic()
        failure: str | None = "the call broke off"
        try:
            answer = self._transport.ask(
                "POST", "", self._deadline, body=self._body,
                headers={"X-USER-ID": str(self._user_id)},
            )  # fmt: skip
            failure = None if _is_sound(answer) else f"HTTP {answer.status}"
        except NotReached as error:
            failure = str(error)
            return NotTaken(failure)
        except NoAnswer as error:
            failure = str(error)
            return Unknown(failure)
        finally:
            self._calls.append(Call(time.monotonic() - started, failure))
        return self._understood(answer)

    def _understood(self, answer: Answer) -> Taken | NotTaken | Unknown:
        if 200 <= answer.status < 300 and answer.data and answer.data.get("transactionKey"):
            return Taken(str(answer.data["transactionKey"]))
        if _is_refusal(answer):
            return NotTaken(str(answer.error_code), refused=True)
        told = f"it answered {answer.status}"
        if answer.status == _TIMED_OUT_ON_THE_WAY or answer.status < 400:
            return Unknown(told)
        return self._looked_for(told) if answer.status >= 500 else NotTaken(told)

    def _looked_for(self, told: str) -> Taken | NotTaken | Unknown:
        """It failed, before or after it took the request: what it has of the order decides."""
        try:
            found = _find_by_order(self._transport, self._order_id, self._user_id, self._deadline)
        except PaymentGatewayUnavailable as error:
            return Unknown(f"{told}, and asked for the order: {error.detail}")
        ours = [each for each in found if each.transaction_key not in self._known]
        return Taken(ours[-1].transaction_key) if ours else NotTaken(told)


def _find_by_order(
    transport: Transport, order_id: UUID, user_id: UUID, deadline: Deadline
) -> Sequence[OrderTransaction]:
    path = f"?{urlencode({'orderId': str(order_id)})}"
    data = _look_up(transport, path, {"X-USER-ID": str(user_id)}, deadline)
    return [] if data is None else _read(_order_transactions, data)


def _look_up(
    transport: Transport, path: str, headers: Mapping[str, str], deadline: Deadline
) -> Json | None:
    """What the gateway shows there; None where it says itself that there is nothing."""
    answer = _ask(transport, "GET", path, deadline, headers=headers)
    if answer.status == 200 and answer.data is not None:
        return answer.data
    if answer.status == 404 and answer.error_code:
        return None
    raise PaymentGatewayUnavailable(f"It answered {answer.status}.")


def _ask(
    transport: Transport,
    method: str,
    path: str,
    deadline: Deadline,
    *,
    body: Json | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Ask what may be asked again: after a failure it is, after a time-out nobody has the time."""
    told = "There was no time left to ask it."
    for _ in _tries(TRIES, deadline, shortest_seconds=0.0):
        try:
            answer = transport.ask(method, path, deadline, body=body, headers=headers)
        except NotReached as error:
            told = f"It was not reached: {error}."
        except NoAnswer as error:
            raise PaymentGatewayUnavailable(f"It gave no answer: {error}.") from None
        else:
            if answer.status < 500:
                return answer
            told = f"It answered {answer.status}."
    raise PaymentGatewayUnavailable(told)


def _tries(
    count: int, deadline: Deadline, shortest_seconds: float = _SHORTEST_TRY_SECONDS
) -> Iterator[int]:
    """Number the tries from 1, with a pause between two, for as long as there is time for one."""
    for number in range(1, count + 1):
        longest = _FIRST_PAUSE_SECONDS * 2 ** (number - 2) if number > 1 else 0.0
        pause = random.uniform(0, longest)  # noqa: S311  (jitter, not a secret)
        if deadline.left_seconds <= pause + shortest_seconds:
            return
        time.sleep(pause)
        yield number


def _within_the_whole(deadline: Deadline | None) -> Deadline:
    whole = Deadline.within(WHOLE_SECONDS)
    return whole if deadline is None else min(whole, deadline)


def _is_sound(answer: Answer) -> bool:
    """Whether the gateway works: it took the request, or said no to what was in it."""
    return 200 <= answer.status < 300 or _is_refusal(answer)


def _is_refusal(answer: Answer) -> bool:
    return answer.status in _REFUSALS and answer.error_code is not None


def _read(shape: Callable[[Json], T], data: Json) -> T:
    try:
        return shape(data)
    except (KeyError, TypeError, ValueError):
        raise PaymentGatewayUnavailable("It answered what is not understood.") from None


def _transaction(data: Json) -> Transaction:
    return Transaction(
        transaction_key=str(data["transactionKey"]),
        order_id=str(data["orderId"]),
        amount=int(data["amount"]),
        status=TransactionStatus(data["status"]),
        reason=data["reason"],
        is_refunded=data.get("refund") is not None,
    )


def _order_transactions(data: Json) -> Sequence[OrderTransaction]:
    return [
        OrderTransaction(
            str(each["transactionKey"]), TransactionStatus(each["status"]), each["reason"]
        )
        for each in data["transactions"]
    ]
