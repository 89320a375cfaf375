"""The composition root: the only module that knows every context.

It imports one when somebody asks for it: a function that starts waits for what it needs alone.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from pydantic import BaseModel

from commerce.shared import alerts, audit, business_time, clock, replay, set_aside, settings
from commerce.shared import once as once_rows
from commerce.shared.aws import client
from commerce.shared.database import ConnectionLost, Contention, Database
from commerce.shared.errors import Busy, CommerceError, Unavailable
from commerce.shared.measures import count
from commerce.shared.once import AlreadyDone, Claim
from commerce.shared.trace import trace_id
from commerce.shared.unit_of_work import UnitOfWork
from commerce.shared.valkey import Insistent, Valkey

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from commerce.brand import BrandFacade
    from commerce.coupon import CouponFacade
    from commerce.like import LikeFacade
    from commerce.metrics import MetricsFacade
    from commerce.order import OrderFacade
    from commerce.payment import (
        HttpPaymentGateway,
        PaymentFacade,
        PaymentGateway,
        StateChange,
        ValkeyBreaker,
    )
    from commerce.point import PointFacade
    from commerce.product import ProductFacade
    from commerce.ranking import Boards, RankingFacade, Rebuilt, Weights
    from commerce.ranking.periods import PeriodicalRankingFacade
    from commerce.reconciliation import Reconciliation, Scope
    from commerce.shared.alerts import Alert
    from commerce.shared.audit import Act, Change
    from commerce.shared.cache import Cache
    from commerce.shared.health import HealthView
    from commerce.shared.passing import PassingEvents
    from commerce.shared.relay import Relay
    from commerce.shipping import HttpDeliverySystem, Messenger, ShippingFacade
    from commerce.user import UserFacade

T = TypeVar("T")
V = TypeVar("V", bound=BaseModel)

ATTEMPTS = 3  # SPEC §4: tries of a transaction that lost a deadlock or a race
_FIRST_PAUSE_SECONDS = 0.02  # doubled and jittered between the tries

logger = logging.getLogger(__name__)
_local = threading.local()


class Shop:
    """Every facade, on one unit of work; each is built when it is first asked for."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    @cached_property
    def users(self) -> "UserFacade":
        """Who buys."""
        from commerce.user import UserFacade
        from commerce.user.repository import SqlUserRepository

        return UserFacade(SqlUserRepository(self._uow))

    @cached_property
    def brands(self) -> "BrandFacade":
        """Who makes."""
        from commerce.brand import BrandFacade
        from commerce.brand.repository import SqlBrandRepository

        return BrandFacade(SqlBrandRepository(self._uow))

    @cached_property
    def products(self) -> "ProductFacade":
        """What is sold, and how much of it there is."""
        from commerce.product import ProductFacade
        from commerce.product.repository import SqlProductRepository

        return ProductFacade(SqlProductRepository(self._uow), self.brands)

    @cached_property
    def points(self) -> "PointFacade":
        """What it is paid with."""
        from commerce.point import PointFacade
        from commerce.point.repository import SqlPointRepository

        return PointFacade(SqlPointRepository(self._uow))

    @cached_property
    def coupons(self) -> "CouponFacade":
        """What takes something off it."""
        from commerce.coupon import CouponFacade
        from commerce.coupon.repository import SqlCouponRepository

        return CouponFacade(SqlCouponRepository(self._uow))

    @cached_property
    def orders(self) -> "OrderFacade":
        """What was bought."""
        from commerce.order import OrderFacade
        from commerce.order.repository import SqlOrderRepository

        minutes = settings.number("ORDER_PAYABLE_MINUTES", 15)  # SPEC §4
        return OrderFacade(
            SqlOrderRepository(self._uow),
            self.products,
            self.points,
            self.coupons,
            payable_for=timedelta(minutes=minutes),
        )

    @cached_property
    def payments(self) -> "PaymentFacade":
        """What is charged to cards, and given back."""
        from commerce.payment import PaymentFacade
        from commerce.payment.repository import SqlPaymentRepository

        return PaymentFacade(SqlPaymentRepository(self._uow))

    @cached_property
    def likes(self) -> "LikeFacade":
        """What is liked, and by whom."""
        from commerce.like import LikeFacade
        from commerce.like.repository import SqlLikeRepository

        return LikeFacade(SqlLikeRepository(self._uow), self.products)

    @cached_property
    def metrics(self) -> "MetricsFacade":
        """What happened to each product on each day."""
        from commerce.metrics import MetricsFacade
        from commerce.metrics.repository import SqlMetricsRepository

        return MetricsFacade(SqlMetricsRepository(self._uow))

    @cached_property
    def rankings(self) -> "RankingFacade":
        """What is looked at, liked and bought most."""
        from commerce.ranking import RankingFacade
        from commerce.ranking.repository import SqlRankingRepository

        return RankingFacade(SqlRankingRepository(self._uow))

    @cached_property
    def periodical_rankings(self) -> "PeriodicalRankingFacade":
        """What was liked, viewed and ordered most in a week or a month."""
        from commerce.ranking.periods import PeriodicalRankingFacade, SqlPeriodicalRankRepository

        return PeriodicalRankingFacade(
            SqlPeriodicalRankRepository(self._uow), self.metrics, self.rankings.weights
        )

    @cached_property
    def shipping(self) -> "ShippingFacade":
        """What the delivery system knows."""
        from commerce.shipping import ShippingFacade
        from commerce.shipping.repository import SqlShipmentRepository

        return ShippingFacade(SqlShipmentRepository(self._uow))

    def keep_in_audit(self, change: "Change") -> None:
        """Write down what an admin does, in the transaction that does it."""
        audit.record(self._uow, change)

    def put_back(self, event_id: UUID, *, by: str) -> bool:
        """Let the relay try an event again that was set aside; whether it was."""
        if not set_aside.put_back(self._uow, [event_id]):
            return False
        from commerce.shared.audit import Change

        was, now = {"set_aside": True}, {"set_aside": False}
        self.keep_in_audit(Change(by, "put back event", event_id, was, now))
        return True

    def claim_events(self, consumer: str, ids: Collection[UUID]) -> set[UUID]:
        """Those of the events that take effect, for this consumer, in this transaction alone."""
        return {
            UUID(key) for key in once_rows.claim_new(self._uow, consumer, [str(id_) for id_ in ids])
        }

    def release(self, claimed: Claim, answer: BaseModel) -> None:
        """Let it be done anew, if `answer` is still what was answered."""
        once_rows.release(self._uow, claimed, answer.model_dump_json())


def database() -> Database:
    """The connection of this thread (in a function there is one), made on first use."""
    found: Database | None = getattr(_local, "database", None)
    if found is None:
        found = _local.database = Database(
            settings.database_url, lambda: settings.database_url(fresh=True)
        )
    return found


def in_transaction(work: Callable[[Shop], T]) -> T:
    """Do the work in one transaction and commit it, all or nothing.

    Work that lost a deadlock, its connection before the commit, or decided on what has changed
    since, is done again from its reads, up to three times; then Busy. So it must do nothing that
    a rollback cannot undo.
    """
    return _attempt(lambda: _run(work))


def once(claimed: Claim | None, answer: type[V], work: Callable[[Shop], V]) -> V:
    """Do the work in one transaction, a single time per claim; later, replay its answer.

    Where nobody claims anything (an optional Idempotency-Key was not sent), each time is a new
    one. Raises IdempotencyKeyReused where the claim belongs to another request.
    """
    if claimed is None:
        return in_transaction(work)
    try:
        return _attempt(lambda: _run(work, claimed))
    except CommerceError as refusal:
        # Refused, perhaps, because the first time took what this one asks for: that answer counts.
        with UnitOfWork(database()) as uow:
            first = once_rows.find_answer(uow, claimed)
        if first is None:
            if isinstance(refusal, AlreadyDone):
                raise Busy from refusal  # claimed and cleaned between our two looks
            raise
        replay.mark()
        return answer.model_validate_json(first)


def relay() -> "Relay":
    """The relay between this database's outbox and the bus."""
    from commerce.shared.bus import EventBridgeBus
    from commerce.shared.relay import Relay

    return Relay(database(), EventBridgeBus())


@cache
def valkey() -> Valkey:
    """The cache server of this execution environment."""
    return Valkey(settings.valkey_url)


@cache
def kept() -> "Cache":
    """What is kept in it."""
    from commerce.shared.cache import Cache

    return Cache(valkey())


@cache
def passing_events() -> "PassingEvents":
    """Events that may be lost, on their way to the bus."""
    from commerce.shared.passing import PassingEvents

    return PassingEvents(valkey(), _nudge_for_passing_events)


@cache
def boards() -> "Boards":
    """The live rankings, for readers: without Valkey there are none."""
    from commerce.ranking import Boards

    return Boards(valkey(), business_time.zone)


@cache
def insistent_valkey() -> Insistent:
    """The same server, for what must be done."""
    return Insistent(settings.valkey_url)


def counting_boards() -> "Boards":
    """The live rankings, for who must be heard: without Valkey, Unavailable."""
    from commerce.ranking import Boards

    return Boards(insistent_valkey(), business_time.zone)


def todays_rank(product_id: str) -> int | None:
    """A product's place today, in one trip to Valkey; None where it has none."""
    from commerce.ranking import Period, Window

    today = Window.containing(Period.DAILY, clock.now(), business_time.zone())
    return boards().rank(today, product_id)


@cache
def ranking_weights() -> "WeightsInForce":
    """The weights as this execution environment knows them."""
    return WeightsInForce()


class WeightsInForce:
    """The newest weights, read again after 20 seconds: within a minute all boards follow them."""

    KNOWN_SECONDS = 20.0

    def __init__(self) -> None:
        self._known: Weights | None = None
        self._until = 0.0

    def get(self) -> "Weights":
        """The weights. Where the database does not answer, as they were last known."""
        if self._known is None or time.monotonic() >= self._until:
            try:
                self._known = in_transaction(lambda shop: shop.rankings.weights())
            except (Unavailable, Busy):
                if self._known is None:
                    raise
                logger.warning("the ranking weights are as last known", exc_info=True)
            self._until = time.monotonic() + self.KNOWN_SECONDS
        return self._known


def rebuild_rankings(first: date | None, progress: Callable[[str, int], None]) -> "list[Rebuilt]":
    """Make the live boards of days anew from the products' metrics. Raises RebuildRefused."""
    from commerce.ranking import Rebuild

    weights = in_transaction(lambda shop: shop.rankings.weights())
    return Rebuild(database(), insistent_valkey(), business_time.zone, weights).run(first, progress)


def clean_up() -> dict[str, int]:
    """Delete the rows that are past their time; how many of each kind."""
    from commerce.ranking.periods.expiry import EXPIRIES as RANKING_EXPIRIES
    from commerce.shared import clean_up as forget
    from commerce.user.expiry import LOGIN_ATTEMPTS

    return forget.clean_up(database(), [*forget.EXPIRIES, LOGIN_ATTEMPTS, *RANKING_EXPIRIES])


def start_due_rankings(at: datetime) -> list[str]:
    """Start the rankings that are due and were never begun; the keys of those."""
    from commerce.ranking.periods import executions

    due = in_transaction(lambda shop: shop.periodical_rankings.due(at))
    return [span.key for span in due if executions.start(span)]


def reconcile(
    scope: "Scope | None" = None, progress: Callable[[str, int], None] | None = None
) -> "Reconciliation":
    """Prove the books: all of them, or those of a scope."""
    from commerce.reconciliation import Reconciler

    return Reconciler(database()).run(scope, progress)


def messenger() -> "Messenger":
    """Who tells the delivery system."""
    from commerce.shipping import Messenger

    return Messenger(
        lambda work: in_transaction(lambda shop: work(shop.shipping)),
        _delivery_system(settings.text("DELIVERY_URL")),
    )


def payment_gateway() -> "PaymentGateway":
    """Who charges cards."""
    return _payment_gateway(settings.text("GATEWAY_URL"))


def alert_once(alert: "Alert") -> None:
    """Tell the operators, a single time per alert. Raises what the topic's client raises.

    The claim comes first, so that two at once do not both tell; it is given back where telling
    failed. Killed in between, nobody is told by us (for a dead letter, its alarm still does).
    Where the database is what does not answer, everybody tells.
    """
    try:
        is_claimed = _claim(alert.claim)
    except Unavailable:
        logger.warning("alert %s %s is not claimed", alert.code, alert.about, exc_info=True)
        alerts.publish(alert)
        return
    if not is_claimed:
        return
    try:
        alerts.publish(alert)
    except Exception:
        with UnitOfWork(database()) as uow:
            once_rows.release(uow, alert.claim)
            uow.commit()
        raise


def keep_in_audit(act: "Act") -> None:
    """Write down what an operator is about to do."""
    audit.keep(database(), act)


def health() -> "HealthView":
    """Whether this deployment can serve."""
    from commerce.shared import health as health_check

    return health_check.look_at(database())


def schema() -> "MetaData":
    """Every context's tables, as the code knows them: what migrations are compared with."""
    from importlib import import_module

    from commerce.shared.core import metadata

    for context in (
        *("shared", "user", "brand", "product", "coupon", "point", "order", "payment"),
        *("like", "metrics", "shipping", "ranking", "ranking.periods"),
    ):
        import_module(f"commerce.{context}.tables")
    return metadata


def _run(work: Callable[[Shop], T], claimed: Claim | None = None) -> T:
    is_safe_to_repeat = True
    with UnitOfWork(database()) as uow:
        try:
            result = work(Shop(uow))
            if claimed is not None and isinstance(result, BaseModel):
                once_rows.claim(uow, claimed, result.model_dump_json())
            is_safe_to_repeat = claimed is not None  # the claim row tells whether it is done
            uow.commit()
        except ConnectionLost as lost:
            if is_safe_to_repeat:
                raise Contention("the connection was lost") from lost
            raise
    if uow.has_told:
        _nudge_the_relay()
    return result


def _attempt(run: Callable[[], T]) -> T:
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


def _claim(claimed: Claim) -> bool:
    try:
        with UnitOfWork(database()) as uow:
            once_rows.claim(uow, claimed)
            uow.commit()
    except AlreadyDone:
        return False
    return True


@cache
def _delivery_system(url: str) -> "HttpDeliverySystem":
    from commerce.shipping import HttpDeliverySystem

    return HttpDeliverySystem(url)


def payment_breaker() -> "ValkeyBreaker":
    """What stands before the payment gateway."""
    from commerce.payment import Policy, ValkeyBreaker

    return ValkeyBreaker(valkey(), Policy.from_settings(), _tell_of_the_breaker)


@cache
def _payment_gateway(url: str) -> "HttpPaymentGateway":
    from commerce.payment import HttpPaymentGateway

    return HttpPaymentGateway(url, payment_breaker())


def _tell_of_the_breaker(change: "StateChange") -> None:
    """Counted, and told to the operators by whoever brought it about: so it is told once."""
    from commerce.payment import State, breaker_changed

    if change.after is State.OPEN:
        count("PaymentBreakerOpened")
    count("PaymentBreakerChanged")
    alerts.publish(breaker_changed(change), is_hurried=True)


def _nudge_the_relay() -> None:
    """Wake the relay. The schedule finds what a lost nudge leaves, so failing is no failure."""
    try:
        # The buyer waits for this: one short try.
        client("sqs", attempts=1, answer_within_seconds=1).send_message(
            QueueUrl=settings.text("RELAY_QUEUE_URL"), MessageBody=f'{{"trace_id":"{trace_id()}"}}'
        )
    except Exception:
        logger.warning("the relay was not nudged; its schedule will find the events", exc_info=True)


def _nudge_for_passing_events() -> None:
    """Wake who puts them on the bus. Whoever tells the next one a second later does it again."""
    from commerce.shared.passing import PAUSE_SECONDS

    try:
        client("sqs", attempts=1, answer_within_seconds=0.3).send_message(
            QueueUrl=settings.text("PASSING_QUEUE_URL"),
            MessageBody="{}",
            DelaySeconds=PAUSE_SECONDS,
        )
    except Exception:
        logger.warning("passing events wait for the next nudge", exc_info=True)
