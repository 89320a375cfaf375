"""The client of the external payment gateway. A charge that may exist is never requested again."""

import logging
import random
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar
from urllib.parse import quote, urlencode
from uuid import UUID

from commerce.payment.breaker import Breaker, Call, Rejected
from commerce.payment.card import Card
from commerce.payment.deadline import gateway_deadline
from commerce.payment.transport import Answer, Json, NoAnswer, NotReached, Transport
from commerce.runtime.deadline import Deadline
from commerce.shared.errors import CommerceError, Kind

T = TypeVar("T")

TRIES = 3
_FIRST_PAUSE_SECONDS = 0.2  # doubled per try, with full jitter: anything from nothing to all of it
_SHORTEST_TRY_SECONDS = 1.0  # with less time than a request takes (spec §6) it would end unknown

_REFUSALS = frozenset({400, 402, 409, 422})  # together with an error code of the gateway's own
TOKEN_REFUSALS = frozenset({"TOKEN_USED", "TOKEN_EXPIRED", "TOKEN_UNKNOWN"})
"""The reasons of a refusal that is the token's and no decline of a card."""
_GATEWAY_TIMEOUT = 504  # a proxy stopped waiting; the gateway behind it may still take the request

logger = logging.getLogger(__name__)


class PaymentGatewayUnavailable(CommerceError):
    """The payment gateway does not answer."""

    kind = Kind.UNAVAILABLE
    code = "PAYMENT_GATEWAY_UNAVAILABLE"


class TransactionStatus(StrEnum):
    """The states of a transaction, in the gateway's words."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Taken:
    """The gateway took the request; its result will follow."""

    transaction_key: str


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The gateway certainly did not take the request; nothing will be charged.

    `refused` means that the gateway itself refused it (an invalid card); else the gateway was not
    available, and `retry_after_seconds` says when to try again.
    """

    reason: str
    refused: bool = False
    retry_after_seconds: int = 2


@dataclass(frozen=True, slots=True)
class Unknown:
    """The gateway may have taken the request, or not: look it up later by the order's id."""

    reason: str


@dataclass(frozen=True, slots=True)
class OrderTransaction:
    """A transaction as it is listed for its order."""

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
    refunded: int
    card_last4: str | None


@dataclass(frozen=True, slots=True)
class Refunded:
    """The gateway made the refund."""

    refund_key: str


@dataclass(frozen=True, slots=True)
class NotRefunded:
    """The gateway certainly refunded nothing, and says why."""

    reason: str


class HttpPaymentGateway:
    """`{url}/api/v1/payments`, behind a circuit breaker.

    The breaker guards and counts requests for payments alone; look-ups are always allowed. Of a
    request that was answered in the end only the last call counts, else each of its calls does.
    """

    def __init__(self, url: str, breaker: Breaker) -> None:
        self._transport = Transport(f"{url.rstrip('/')}/api/v1/payments")
        self._breaker = breaker

    def request(
        self,
        subject_id: UUID,
        user_id: UUID,
        amount: int,
        card: Card,
        callback_url: str,
        deadline: Deadline | None = None,
        known: Callable[[], Collection[str]] = tuple,
    ) -> Taken | NotTaken | Unknown:
        """Request a payment of `amount` minor units; retry only if it was certainly not taken.

        The tries end with the deadline, and with that of `gateway_deadline`. `known` returns the
        keys of the subject's transactions that belong to other payments: any other transaction that
        the gateway lists for it is taken for this request's.
        """
        ends_at = _capped(deadline)
        permit = self._breaker.admit()
        if isinstance(permit, Rejected):
            logger.warning("%s: the circuit breaker is open, no request was sent", subject_id)
            return NotTaken("CIRCUIT_OPEN", retry_after_seconds=permit.retry_after_seconds)
        body: Json = {
            "orderId": str(subject_id),
            "cardType": card.type.value,
            **({"token": card.token} if card.token else {"cardNo": card.number}),
            "amount": amount,
            "callbackUrl": callback_url,
        }
        request = _Request(self._transport, subject_id, user_id, body, known, ends_at)
        try:
            return request.attempt(1 if permit.trial else TRIES)
        finally:
            self._breaker.report(permit, request.counted_calls)

    def find(self, transaction_key: str, deadline: Deadline | None = None) -> Transaction | None:
        """Return the gateway's record, None if there is none. Raises PaymentGatewayUnavailable."""
        path = f"/{quote(transaction_key, safe='')}"
        data = _get(self._transport, path, {}, _capped(deadline))
        return None if data is None else _parse(_transaction, data)

    def find_by_order(
        self, order_id: UUID, user_id: UUID, deadline: Deadline | None = None
    ) -> Sequence[OrderTransaction]:
        """Return an order's transactions, oldest first. Raises PaymentGatewayUnavailable."""
        return _find_by_order(self._transport, order_id, user_id, _capped(deadline))

    def refund(
        self,
        transaction_key: str,
        refund_key: str,
        amount: int,
        deadline: Deadline | None = None,
    ) -> Refunded | NotRefunded | Unknown:
        """Refund an amount of a transaction; the gateway does so once per refund key."""
        path = f"/{quote(transaction_key, safe='')}/refunds"
        body: Json = {"refundKey": refund_key, "amount": amount}
        try:
            answer = _send_with_retries(self._transport, "POST", path, _capped(deadline), body=body)
        except PaymentGatewayUnavailable as error:
            return Unknown(error.detail)
        if answer.error_code and answer.status < 500:
            return NotRefunded(answer.error_code)
        key = (answer.data or {}).get("refundKey")
        return Refunded(str(key)) if key else Unknown(f"it answered {answer.status}")


@dataclass(slots=True)
class _Request:
    _transport: Transport
    _order_id: UUID
    _user_id: UUID
    _body: Json = field(repr=False)  # it holds the card's number
    _known: Callable[[], Collection[str]]
    _deadline: Deadline
    _calls: list[Call] = field(default_factory=list)
    _is_answered: bool = False

    @property
    def counted_calls(self) -> Sequence[Call]:
        # What a later try made good is not held against the gateway.
        return self._calls[-1:] if self._is_answered else self._calls

    def attempt(self, tries: int) -> Taken | NotTaken | Unknown:
        outcome: Taken | NotTaken | Unknown = NotTaken("NO_TIME_LEFT")
        for number in _tries(tries, self._deadline):
            outcome = self._try()
            self._is_answered = isinstance(outcome, Taken) or getattr(outcome, "refused", False)
            if self._is_answered:
                break
            logger.warning("order %s, try %d: %s", self._order_id, number, outcome)
            if isinstance(outcome, Unknown):
                break
        return outcome

    def _try(self) -> Taken | NotTaken | Unknown:
        started = time.monotonic()
        failure: str | None = "the call was aborted"
        try:
            answer = self._transport.send(
                "POST", "", self._deadline, body=self._body,
                headers={"X-USER-ID": str(self._user_id)},
            )  # fmt: skip
            is_sound = _is_success(answer) or _is_refusal(answer)
            failure = None if is_sound else f"HTTP {answer.status}"
        except NotReached as error:
            failure = str(error)
            return NotTaken(failure)
        except NoAnswer as error:
            failure = str(error)
            return Unknown(failure)
        finally:
            self._calls.append(Call(time.monotonic() - started, failure))
        return self._interpret(answer)

    def _interpret(self, answer: Answer) -> Taken | NotTaken | Unknown:
        if _is_success(answer) and answer.data and answer.data.get("transactionKey"):
            return Taken(str(answer.data["transactionKey"]))
        if _is_refusal(answer):
            return NotTaken(str(answer.error_code), refused=True)
        reason = f"it answered {answer.status}"
        if answer.status == _GATEWAY_TIMEOUT or answer.status < 400:
            return Unknown(reason)
        return self._look_up(reason) if answer.status >= 500 else NotTaken(reason)

    def _look_up(self, reason: str) -> Taken | NotTaken | Unknown:
        # It failed before or after it took the request: its list of transactions decides.
        try:
            found = _find_by_order(self._transport, self._order_id, self._user_id, self._deadline)
        except PaymentGatewayUnavailable as error:
            return Unknown(f"{reason}, and looking up the order failed: {error.detail}")
        try:
            known = self._known()
        except CommerceError as error:  # the database's; whether it was taken is unknown
            return Unknown(f"{reason}, and its other payments cannot be read: {error.detail}")
        new = [each for each in found if each.transaction_key not in known]
        return Taken(new[-1].transaction_key) if new else NotTaken(reason)


def _find_by_order(
    transport: Transport, order_id: UUID, user_id: UUID, deadline: Deadline
) -> Sequence[OrderTransaction]:
    path = f"?{urlencode({'orderId': str(order_id)})}"
    data = _get(transport, path, {"X-USER-ID": str(user_id)}, deadline)
    return [] if data is None else _parse(_order_transactions, data)


def _get(
    transport: Transport, path: str, headers: Mapping[str, str], deadline: Deadline
) -> Json | None:
    answer = _send_with_retries(transport, "GET", path, deadline, headers=headers)
    if answer.status == 200 and answer.data is not None:
        return answer.data
    if answer.status == 404 and answer.error_code:  # the gateway's own 404, not a proxy's
        return None
    raise PaymentGatewayUnavailable(f"It answered {answer.status}.")


def _send_with_retries(
    transport: Transport,
    method: str,
    path: str,
    deadline: Deadline,
    *,
    body: Json | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send what is safe to repeat; it is repeated after a failure, but not after a time-out."""
    reason = "There was no time left to ask it."
    for _ in _tries(TRIES, deadline, shortest_seconds=0.0):
        try:
            answer = transport.send(method, path, deadline, body=body, headers=headers)
        except NotReached as error:
            reason = f"It was not reached: {error}."
        except NoAnswer as error:
            raise PaymentGatewayUnavailable(f"It gave no answer: {error}.") from None
        else:
            if answer.status < 500:
                return answer
            reason = f"It answered {answer.status}."
    raise PaymentGatewayUnavailable(reason)


def _tries(
    count: int, deadline: Deadline, shortest_seconds: float = _SHORTEST_TRY_SECONDS
) -> Iterator[int]:
    """Yield the number of each try, from 1, after its pause, while there is time for one."""
    for number in range(1, count + 1):
        longest = _FIRST_PAUSE_SECONDS * 2 ** (number - 2) if number > 1 else 0.0
        pause = random.uniform(0, longest)  # noqa: S311  (jitter, not a secret)
        if deadline.left_seconds <= pause + shortest_seconds:
            return
        time.sleep(pause)
        yield number


def _capped(deadline: Deadline | None) -> Deadline:
    longest = gateway_deadline()
    return longest if deadline is None else min(longest, deadline)


def _is_success(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _is_refusal(answer: Answer) -> bool:
    return answer.status in _REFUSALS and answer.error_code is not None


def _parse(read: Callable[[Json], T], data: Json) -> T:
    try:
        return read(data)
    except (KeyError, TypeError, ValueError):
        raise PaymentGatewayUnavailable("It answered what is not understood.") from None


def _transaction(data: Json) -> Transaction:
    return Transaction(
        transaction_key=str(data["transactionKey"]),
        order_id=str(data["orderId"]),
        amount=int(data["amount"]),
        status=TransactionStatus(data["status"]),
        reason=data["reason"],
        refunded=sum(int(each["amount"]) for each in data.get("refunds") or ()),
        card_last4=_last4(data.get("cardNo")),
    )


def _last4(masked: object) -> str | None:
    digits = masked[-4:] if isinstance(masked, str) else ""
    return digits if re.fullmatch("[0-9]{4}", digits) else None


def _order_transactions(data: Json) -> Sequence[OrderTransaction]:
    return [
        OrderTransaction(
            str(each["transactionKey"]), TransactionStatus(each["status"]), each["reason"]
        )
        for each in data["transactions"]
    ]
