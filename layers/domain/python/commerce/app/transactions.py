"""Transactions: how a use case runs, is retried, and happens once per idempotency key.

A use case is a function whose first parameter is the Shop, or a method of a context's facade:

    in_transaction(BrandFacade.list, limit=20, after=None)
    once(key, place_order, command, buyer_id=buyer.user_id)
"""

import logging
import random
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic import BaseModel

from commerce.app.shop import Shop
from commerce.runtime import idempotency, replay, settings
from commerce.runtime.aws import client
from commerce.runtime.db.connection import ConnectionLost, Contention
from commerce.runtime.db.current import database
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.idempotency import AlreadyDone, Claim
from commerce.shared.errors import Busy, CommerceError
from commerce.shared.trace import trace_id

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V", bound=BaseModel)

ATTEMPTS = 3  # SPEC §4: tries of a transaction that lost a deadlock or a race
_FIRST_PAUSE_SECONDS = 0.02  # doubled and jittered between the tries

# The facade that a method belongs to is named by its class.
_FACADES = {
    "BrandFacade": "brands",
    "CouponFacade": "coupons",
    "LikeFacade": "likes",
    "MetricsFacade": "metrics",
    "OrderFacade": "orders",
    "PaymentFacade": "payments",
    "PeriodicalRankingFacade": "periodical_rankings",
    "PointFacade": "points",
    "ProductFacade": "products",
    "RankingFacade": "rankings",
    "ShippingFacade": "shipping",
    "StripingFacade": "striping",
    "UserFacade": "users",
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
    return _with_retries(lambda: _run(lambda shop: _called(use_case, shop)(*args, **kwargs)))


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
    """
    if claimed is None:
        return in_transaction(use_case, *args, **kwargs)
    try:
        return _with_retries(
            lambda: _run(lambda shop: _called(use_case, shop)(*args, **kwargs), claimed)
        )
    except CommerceError as refusal:
        # Perhaps refused because the first request took what this one asks for: its answer counts.
        with UnitOfWork(database()) as uow:
            first = idempotency.find_answer(uow, claimed)
        if first is None:
            if isinstance(refusal, AlreadyDone):
                raise Busy from refusal  # claimed and deleted between our two reads
            raise
        replay.mark()
        model: type[V] = use_case.__annotations__["return"]
        return model.model_validate_json(first)


def _called(use_case: Callable[..., T], shop: Shop) -> Callable[..., T]:
    """Bind the use case to the facade that it is a method of, or to the shop."""
    owner = use_case.__qualname__.rpartition(".")[0]
    target = getattr(shop, _FACADES[owner]) if owner in _FACADES else shop
    return lambda *args, **kwargs: use_case(target, *args, **kwargs)


def _run(work: Callable[[Shop], T], claimed: Claim | None = None) -> T:
    is_safe_to_repeat = True
    with UnitOfWork(database()) as uow:
        try:
            result = work(Shop(uow))
            if claimed is not None and isinstance(result, BaseModel):
                idempotency.claim(uow, claimed, result.model_dump_json())
            is_safe_to_repeat = claimed is not None  # the claim row says whether it was committed
            uow.commit()
        except ConnectionLost as lost:
            if is_safe_to_repeat:
                raise Contention("the connection was lost") from lost
            raise
    if uow.has_new_events:
        _nudge_the_relay()
    return result


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
    """Wake the relay. Its schedule finds what a lost nudge leaves, so failing is harmless."""
    try:
        # The buyer waits for this: one short try.
        client("sqs", attempts=1, answer_within_seconds=1).send_message(
            QueueUrl=settings.text("RELAY_QUEUE_URL"), MessageBody=f'{{"trace_id":"{trace_id()}"}}'
        )
    except Exception:
        logger.warning("the relay was not nudged; its schedule will find the events", exc_info=True)
