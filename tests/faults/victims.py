"""Processes that kill themselves (SIGKILL) at one exact step.

They are forks of a process that has imported everything: to start one alone takes two seconds.
"""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from commerce.app import transactions
from commerce.app.checkout import pay_order as paying
from commerce.app.ordering import place_order
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.order import CancelOrder, PlaceOrder
from commerce.payment import HttpPaymentGateway
from commerce.ranking.periods import PublishRanks, RankChunk
from commerce.runtime.db.current import database
from commerce.runtime.messaging.bus import Bus, Envelope, EventBridgeBus
from commerce.runtime.messaging.relay import Relay
from commerce.shipping import HttpDeliverySystem, ShipmentNotice
from tests.support.lambda_calls import bus_message, call, function, lambda_context, sqs_event
from tests.support.shipping import consume

ROOT = Path(__file__).parents[2]


def run_victim(step: str, *arguments: str, **environment: str) -> None:
    """Run a process that kills itself at the step, and see that it did.

    It has the environment of now, with those variables.
    """
    victim = _fork_server().Process(
        target=_be_a_victim, args=(step, arguments, {**os.environ, **environment})
    )
    victim.start()
    victim.join(60)
    assert victim.exitcode == -signal.SIGKILL


@cache
def _fork_server() -> multiprocessing.context.ForkServerContext:
    """Start the process that forks; it ends with this one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.preloaded"])
    with pytest.MonkeyPatch.context() as patched:
        paths = [str(ROOT), str(ROOT / "layers/domain/python")]
        patched.setenv("PYTHONPATH", os.pathsep.join(paths))
        forkserver.ensure_running()
    return context


def _be_a_victim(step: str, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = [step, *arguments]
    STEPS[step]()
    sys.exit("the victim survived")


def die() -> None:
    """End as a function does whose machine is taken away: no goodbye, no rollback, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)


class BusThenDeath:
    """The real bus, which takes one batch before the process dies."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        """Put, and die before anybody can mark what was put."""
        self._bus.put(envelopes)
        die()
        return []


def relay_between_put_and_mark() -> None:
    """Die when the bus has the events and the outbox does not know it yet."""
    Relay(database(), BusThenDeath(EventBridgeBus())).run()


def relay_before_put() -> None:
    """Die with the rows locked and nothing put."""

    class Death:
        def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
            die()
            return []

    Relay(database(), Death()).run()


def shipping_before_send() -> None:
    """Die when the intent to send a notice is committed, and nothing is sent."""
    _consume_and_die(before=True)


def shipping_between_send_and_record() -> None:
    """Die when the delivery system has the notice, and that is not recorded."""
    _consume_and_die(before=False)


def _consume_and_die(*, before: bool) -> None:
    """Consume the event, and die around the first notice of the kind."""
    event, kind = json.loads(sys.argv[2]), sys.argv[3]
    send = HttpDeliverySystem.send

    def send_and_die(self: HttpDeliverySystem, notice: ShipmentNotice) -> None:
        if not (before and notice.kind == kind):
            send(self, notice)
        if notice.kind == kind:
            die()

    HttpDeliverySystem.send = send_and_die  # type: ignore[method-assign]
    consume(event)


def order_before_commit() -> None:
    """Die when everything is decided and nothing is sent."""
    user_id, product_id = sys.argv[2:4]

    def place_and_die(shop: Shop) -> None:
        command = PlaceOrder.model_validate(
            {"lines": [{"product_id": product_id, "quantity": 1}], "payment_method": "POINT"}
        )
        place_order(shop, command, buyer_id=UUID(user_id))
        die()

    in_transaction(place_and_die)


def coupon_order_before_commit() -> None:
    """The same with a coupon."""
    user_id, product_id, issued_coupon_id = sys.argv[2:5]

    def place_and_die(shop: Shop) -> None:
        command = PlaceOrder.model_validate(
            {
                "lines": [{"product_id": product_id, "quantity": 1}],
                "payment_method": "POINT",
                "issued_coupon_id": issued_coupon_id,
            }
        )
        place_order(shop, command, buyer_id=UUID(user_id))
        die()

    in_transaction(place_and_die)


def cancel_before_commit() -> None:
    """Die with the order locked, and with everything that goes back decided."""
    order_id, user_id = sys.argv[2:4]

    def cancel_and_die(shop: Shop) -> None:
        shop.orders.cancel(order_id, CancelOrder(), buyer_id=UUID(user_id), by=f"user:{user_id}")
        die()

    in_transaction(cancel_and_die)


def cancel_between_commit_and_answer() -> None:
    """Die when everything went back and nobody was told."""
    order_id, token, key = sys.argv[2:5]
    transactions._nudge_the_relay = die
    path = f"/orders/{order_id}/cancellation"
    call("order/cancel_order", "POST", path, token=token, key=key or None)


def order_between_commit_and_answer() -> None:
    """Die when the order is committed and nobody was told: the nudge and the answer are lost."""
    product_id, token, key = sys.argv[2:5]
    transactions._nudge_the_relay = die
    body = {"lines": [{"product_id": product_id, "quantity": 1}], "payment_method": "POINT"}
    call("order/place_order", "POST", "/orders", body=body, token=token, key=key)


def pay_before_the_gateway_is_asked() -> None:
    """Die when the payment is written down and nobody was asked."""
    HttpPaymentGateway.request = lambda *_: die()  # type: ignore[method-assign,assignment]
    _pay()


def pay_when_the_gateway_has_it() -> None:
    """Die when the gateway took the request, and its answer is lost."""
    request = HttpPaymentGateway.request

    def request_and_die(self: HttpPaymentGateway, *asked: Any) -> None:
        request(self, *asked)
        die()

    HttpPaymentGateway.request = request_and_die  # type: ignore[method-assign,assignment]
    _pay()


def pay_before_the_answer_is_sent() -> None:
    """Die when all is written down, and the buyer has no answer."""
    setattr(paying, "first_answer", lambda _: die())  # noqa: B010  (the name is not exported)
    _pay()


def _pay() -> None:
    order_id, token, key = sys.argv[2:5]
    body = {"order_id": order_id, "card_type": "KB", "card_no": "4111-2222-3333-9876"}
    call("payment/pay_order", "POST", "/payments", body=body, token=token, key=key)


def refund_before_the_gateway_is_asked() -> None:
    """Die when the refund is meant, and nobody was asked for it."""
    HttpPaymentGateway.refund = lambda *_: die()  # type: ignore[method-assign,assignment]
    _consume_the_cancellation()


def refund_when_the_gateway_has_done_it() -> None:
    """Die when the gateway has given the money back, and we have not written it down."""
    refund = HttpPaymentGateway.refund

    def refund_and_die(self: HttpPaymentGateway, *asked: Any) -> None:
        refund(self, *asked)
        die()

    HttpPaymentGateway.refund = refund_and_die  # type: ignore[method-assign,assignment]
    _consume_the_cancellation()


def _consume_the_cancellation() -> None:
    event = sqs_event(bus_message(json.loads(sys.argv[2])))
    function("payment/on_paid_order_cancelled")(event, lambda_context(60))


def redrive_between_send_and_delete() -> None:
    """Die when a dead letter is sent back and still there."""
    from commerce.runtime.messaging.dead_letters import DeadLetters
    from infra.ops import dlq
    from infra.ops.__main__ import main

    dlq.VISIBILITY_SECONDS = 2
    DeadLetters._delete = lambda *_: die()  # type: ignore[method-assign]
    main(["dlq", "redrive", sys.argv[2], "--stack", sys.argv[3]])


def discard_between_audit_and_delete() -> None:
    """Die when a dead letter is in the audit and still there."""
    from commerce.runtime.messaging.dead_letters import DeadLetters
    from infra.ops import dlq
    from infra.ops.__main__ import main

    dlq.VISIBILITY_SECONDS = 2
    DeadLetters._delete = lambda *_: die()  # type: ignore[method-assign]
    queue, stack, id_ = sys.argv[2:5]
    main(
        [
            "dlq",
            "discard",
            queue,
            "--stack",
            stack,
            "--id",
            id_,
            "--reason",
            "a test of it",
            "--yes",
        ]
    )


def _ranking(task: str) -> Callable[[Shop], object]:
    """The task on the run (and chunk) that the arguments name."""
    asked = json.dumps({"execution": "e", "run_id": sys.argv[2], **json.loads(sys.argv[3])})
    if task == "rank_chunk":
        chunk = RankChunk.model_validate_json(asked)
        return lambda shop: shop.periodical_rankings.rank_chunk(chunk)
    run = PublishRanks.model_validate_json(asked)
    return lambda shop: shop.periodical_rankings.publish(run)


def _ranking_before_commit(task: str) -> None:
    """Die when all is written and nothing is committed."""
    work = _ranking(task)

    def write_and_die(shop: Shop) -> None:
        work(shop)
        shop.uow._run(shop.uow._writes)
        die()

    in_transaction(write_and_die)


def rank_chunk_before_commit() -> None:
    """Die with a chunk ranked and not committed."""
    _ranking_before_commit("rank_chunk")


def publish_before_commit() -> None:
    """Die with one ranking gone, the other in its place, and nothing committed."""
    _ranking_before_commit("publish")


def rank_chunk_before_answer() -> None:
    """Die with a chunk ranked, and nobody told."""
    in_transaction(_ranking("rank_chunk"))
    die()


def publish_before_answer() -> None:
    """Die with a ranking published, and nobody told."""
    in_transaction(_ranking("publish"))
    die()


STEPS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        pay_before_the_gateway_is_asked,
        pay_when_the_gateway_has_it,
        pay_before_the_answer_is_sent,
        refund_before_the_gateway_is_asked,
        refund_when_the_gateway_has_done_it,
        redrive_between_send_and_delete,
        discard_between_audit_and_delete,
        relay_between_put_and_mark,
        relay_before_put,
        shipping_before_send,
        shipping_between_send_and_record,
        order_before_commit,
        coupon_order_before_commit,
        order_between_commit_and_answer,
        cancel_before_commit,
        cancel_between_commit_and_answer,
        rank_chunk_before_commit,
        rank_chunk_before_answer,
        publish_before_commit,
        publish_before_answer,
    )
}
