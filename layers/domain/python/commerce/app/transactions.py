"""Transactions: a use case runs in one, is retried, and takes effect once per idempotency key.

A use case is a function whose first parameter is the Shop, or a method of a context's facade:

    in_transaction(BrandFacade.list, limit=20, after=None)
    once(key, place_order, command, buyer_id=buyer.user_id)
"""

import logging
import random
import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic import BaseModel

from commerce.app.sessions import session_check
from commerce.app.shop import Shop
from commerce.runtime import idempotency, replay, settings
from commerce.runtime.aws import client
from commerce.runtime.db.connection import (
    ConnectionLost,
    Contention,
    LockTimedOut,
    SessionUnusable,
)
from commerce.runtime.db.current import database
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.idempotency import AlreadyDone, Claim, RequestInProgress
from commerce.shared.errors import Busy, CommerceError, Kind, Unavailable
from commerce.shared.trace import trace_id

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V", bound=BaseModel)

ATTEMPTS = 3  # spec §4: tries of a transaction that lost a deadlock or a race
_CLAIMS = "done_once"  # the index at which a repeated request waits for the first one
_FIRST_PAUSE_SECONDS = 0.02  # doubled and jittered between the tries

# The Shop's properties by the name of the facade's class, which is their return annotation.
_FACADES: dict[str, str] = {
    found.func.__annotations__["return"]: name
    for name, found in vars(Shop).items()
    if isinstance(found, cached_property)
}

logger = logging.getLogger(__name__)


def in_transaction(
    use_case: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run the use case in one transaction and commit it, all or nothing.

    A use case that lost a deadlock, lost its connection before the commit, or decided on data that
    has changed since, runs again from its reads, up to three times. It must do nothing that a
    rollback cannot undo.

    Raises:
        Busy: it lost three times.
    """
    return _with_retries(partial(_run, partial(_call, use_case, args, kwargs)))


def once(
    claimed: Claim | None,
    use_case: Callable[Concatenate[Any, P], V],
    *args: P.args,
    **kwargs: P.kwargs,
) -> V:
    """Run the use case in one transaction, once per claim; later calls get the first answer.

    Without a claim (no Idempotency-Key was sent) every call runs. The answer's model is the use
    case's return annotation.

    Raises:
        IdempotencyKeyReused: the claim belongs to another request.
        RequestInProgress: that request is still running.
    """
    if claimed is None:
        return in_transaction(use_case, *args, **kwargs)
    unknown: list[str] = []
    try:
        return _with_retries(
            partial(_run, partial(_call, use_case, args, kwargs), claimed, unknown)
        )
    except CommerceError as refusal:
        first = _first_answer(claimed, refusal)
        if first is None:
            if isinstance(refusal, AlreadyDone):
                raise Busy from refusal  # claimed and released between our two reads
            raise
        if first not in unknown:  # else it was committed by a try of ours, whose answer was lost
            replay.mark_replayed()
        model: type[V] = use_case.__annotations__["return"]
        return idempotency.read_answer(first, model)


def _first_answer(claimed: Claim, refusal: CommerceError) -> str | None:
    """Return the answer that another request with this claim got, or a try of ours that was lost.

    The first request may have taken what this one needs; then its answer is the right one. Without
    one, the refusal becomes the first answer.
    """
    if isinstance(refusal, AlreadyDone) and refusal.first is not None:
        return refusal.first
    if isinstance(refusal, Unavailable) or refusal.kind is Kind.UNAUTHENTICATED:
        raise refusal  # asking for the first answer would wait as long again; or is not allowed
    if isinstance(refusal, LockTimedOut):
        raise _late(refusal) from refusal
    try:
        with UnitOfWork(database()) as uow:
            return idempotency.refuse(uow, claimed, refusal, trace_id())
    except LockTimedOut as late:
        raise _late(late) from late


def _late(late: LockTimedOut) -> CommerceError:
    return RequestInProgress() if late.relation == _CLAIMS else Busy()


def _call(use_case: Callable[..., T], args: Any, kwargs: Any, shop: Shop) -> T:
    owner, _, _ = use_case.__qualname__.rpartition(".")
    if not owner or owner.endswith("<locals>"):  # a function, not a method
        return use_case(shop, *args, **kwargs)
    if owner not in _FACADES:
        raise TypeError(f"{use_case.__qualname__}: the Shop has no {owner}")
    return use_case(getattr(shop, _FACADES[owner]), *args, **kwargs)


def _run(
    work: Callable[[Shop], T], claimed: Claim | None = None, unknown: list[str] | None = None
) -> T:
    """Run the work and commit it; `unknown` collects the answers whose commit may have been."""
    is_safe_to_repeat = True
    result: Any = None
    with UnitOfWork(database(), session_check()) as uow:
        try:
            if claimed is not None:
                idempotency.begin(uow, claimed)
            result = work(Shop(uow))
            if claimed is not None:
                idempotency.answer(uow, claimed, result.model_dump_json())
            is_safe_to_repeat = claimed is not None  # the claim row tells if it was committed
            uow.commit()
        except ConnectionLost as lost:
            if unknown is not None and result is not None:
                unknown.append(result.model_dump_json())
            if is_safe_to_repeat or isinstance(lost, SessionUnusable):
                raise Contention("the connection was lost") from lost
            raise
    if uow.has_new_events:
        _nudge_the_relay()
    answer: T = result
    return answer


def _with_retries(run: Callable[[], T]) -> T:
    tries = 0
    while True:
        tries += 1
        try:
            return run()
        except Contention as lost:
            logger.info("transaction lost a race (try %d of %d): %s", tries, ATTEMPTS, lost)
            if tries == ATTEMPTS:
                raise Busy from lost
            pause = _FIRST_PAUSE_SECONDS * 2 ** (tries - 1)
            time.sleep(random.uniform(0, pause))  # noqa: S311  (jitter, not a secret)


def _nudge_the_relay() -> None:
    """Wake the relay; if that fails, its schedule finds the events within a minute."""
    try:
        # The shopper waits for this, so it is tried once, and briefly.
        client("sqs", attempts=1, answer_within_seconds=1).send_message(
            QueueUrl=settings.text("RELAY_QUEUE_URL"), MessageBody=f'{{"trace_id":"{trace_id()}"}}'
        )
    except Exception:
        logger.warning("the relay was not nudged; its schedule will find the events", exc_info=True)
