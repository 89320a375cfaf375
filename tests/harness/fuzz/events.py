"""Events for every consumer: true ones, again and again, among those that break their contract.

What is whole takes effect once, what is broken is reported and moves nothing, and neither minds
the other. In the end the books hold, and every count is what truly happened.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import urllib3
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from commerce.app import reconciliation
from commerce.shared.events import plain
from infra.template import functions, read_template
from tests.harness.fuzz.conformance import AttackResult
from tests.harness.fuzz.contracts import Envelope, broken, envelopes, later_versions
from tests.harness.fuzz.queue_messages import READS_NOTHING, TEXTS
from tests.harness.fuzz.world import World, wait_for_result
from tests.support.addresses import change_address
from tests.support.admin import edit_brand, edit_product, set_stock
from tests.support.coupons import an_issued, place_with
from tests.support.envelopes import a_view
from tests.support.lambda_calls import bus_message, call, function, lambda_context
from tests.support.mails import request_reset, request_verification, verify_sender
from tests.support.orders import an_order, cancel, place
from tests.support.payments import a_card_order, follow, pay
from tests.support.shop import a_buyer, a_product, like_count_of, likes_of, rows

MOST_MESSAGES = 6
TRUE, LATER, UNKNOWN, BROKEN, TEXT = "true", "of a later version", "unknown", "broken", "no event"
TO_BE_CONSUMED, TO_BE_REPORTED = (TRUE, LATER), (BROKEN, TEXT)


@dataclass(frozen=True, slots=True)
class Consumer:
    """A function that the bus feeds, through its queue, with events of these types."""

    name: str
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a queue, and whether it is valid."""

    kind: str
    body: str


def consumers() -> Iterator[Consumer]:
    """Every consumer of the template."""
    template = read_template()
    for each in functions(template):
        for event in each.events.values():
            if event["Type"] == "SQS":
                stack = event["Properties"]["Queue"]["Fn::GetAtt"][0]
                given_ = template["Resources"][stack]["Properties"]["Parameters"]
                name = str(each.source.relative_to(each.code_uri).with_suffix(""))
                if name not in READS_NOTHING and (types := given_.get("DetailTypes")):
                    yield Consumer(name, tuple(types.split(",")))


def generate_events(world: World) -> list[Envelope]:
    """Use the shop for a while; returns the events recorded, which are not consumed yet."""
    buyer, product = a_buyer(1_000_000), a_product(stock=3, price=500)
    for method, name in (("PUT", "like_product"), ("DELETE", "unlike_product")) * 2:
        call(f"like/{name}", method, f"/products/{product}/like", token=buyer.token)
    call("like/like_product", "PUT", f"/products/{product}/like", token=world.caller.token)
    assert change_address(buyer, an_order(buyer, (product, 2))).status == 200
    assert cancel(buyer, an_order(buyer, (product, 1))).status == 200
    assert place_with(buyer, an_issued(buyer), (product, 1)).status == 201
    assert place(buyer, (product, 1)).status == 409
    assert set_stock(product, 50).status == 200
    assert edit_product(product, price_amount=700).status == 200
    assert edit_brand(world.ids["brand_id"], name="Emca").status == 200
    verify_sender()
    assert request_verification(world.caller.token).status == 202
    assert request_reset("nobody@example.com").status == 202
    for result, is_cancelled in (("SUCCESS", False), ("SUCCESS", True), ("LIMIT_EXCEEDED", False)):
        _set_card_result(result)
        order_id = a_card_order(buyer, product)
        assert pay(buyer, order_id).status == 201
        wait_for_result(order_id)
        if is_cancelled:
            cancel(buyer, order_id)
    _set_card_result("SUCCESS")
    return [*_recorded_events(), a_view(product).envelope(), a_view(product).envelope()]


def _set_card_result(result: str) -> None:
    body = {"mode": "healthy", "result": result}
    url = f"{os.environ['GATEWAY_URL']}/behaviour"
    assert urllib3.request("PUT", url, json=body).status == 200


def _recorded_events() -> list[Envelope]:
    sql = """SELECT id, source, type, occurred_at, aggregate_id, aggregate_version, trace_id, data
        FROM outbox ORDER BY position"""
    return [{name: plain(each) for name, each in row._asdict().items()} for row in rows(sql)]


def hostile_events(recorded: Sequence[Envelope], cases: int, seeded: int) -> Iterator[AttackResult]:
    """Attack each consumer, then deliver all recorded events twice and out of order."""
    found = list(consumers())
    for consumer in found:
        yield _attack(consumer, recorded, max(cases // len(found), 1), seeded)
    result = AttackResult("all events, backwards, twice")
    for consumer in found:
        due = [_message(TRUE, each) for each in recorded if each["type"] in consumer.types]
        again = [*reversed(due), *due]
        for first in range(0, len(again), MOST_MESSAGES):
            _deliver(consumer, again[first : first + MOST_MESSAGES], result)
    yield result
    yield check_counts(recorded)
    yield check_books()


def _attack(
    consumer: Consumer, recorded: Sequence[Envelope], cases: int, seeded: int
) -> AttackResult:
    result = AttackResult(f"events for {consumer.name}")

    @seed(seeded)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(_messages(consumer, recorded), min_size=1, max_size=MOST_MESSAGES))
    def deliver(messages: list[Message]) -> None:
        _deliver(consumer, messages, result)

    deliver()
    return result


def _messages(consumer: Consumer, recorded: Sequence[Envelope]) -> st.SearchStrategy[Message]:
    made = st.sampled_from(consumer.types).flatmap(envelopes)
    true = st.sampled_from([each for each in recorded if each["type"] in consumer.types])
    return st.one_of(
        st.builds(_message, st.just(TRUE), true),
        st.builds(_message, st.just(LATER), later_versions(true)),
        st.builds(_message, st.just(UNKNOWN), made),
        st.builds(_message, st.just(BROKEN), broken(true)),
        st.builds(_message, st.just(BROKEN), broken(made)),
        st.builds(Message, st.just(TEXT), st.sampled_from(TEXTS)),
    )


def _message(kind: str, envelope: Envelope) -> Message:
    around = {"type": "?", "source": "?", "occurred_at": "?", **envelope}
    return Message(kind, json.dumps({**bus_message(around), "detail": envelope}))


def _deliver(consumer: Consumer, messages: Sequence[Message], result: AttackResult) -> None:
    """Deliver one batch and record what is wrong with the outcome."""
    sent = {str(uuid4()): each for each in messages}
    event = {"Records": [_record(id_, each.body) for id_, each in sent.items()]}
    try:
        answer = function(consumer.name)(event, lambda_context(60))
    except Exception as error:  # noqa: BLE001 - a handler that raises is what is looked for
        result.count("raised")
        result.find(f"raised {error!r}", messages)
        return
    reported = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    if len(set(reported)) < len(reported) or not sent.keys() >= set(reported):
        result.find("reported twice, or what was not sent", reported)
    for id_, each in sent.items():
        is_reported = id_ in reported
        result.count(f"{each.kind}, {'reported' if is_reported else 'consumed'}")
        if is_reported and each.kind in TO_BE_CONSUMED:
            result.find("did not take what is whole", each)
        if not is_reported and each.kind in TO_BE_REPORTED:
            result.find("took what is broken", each)


def _record(id_: str, body: str) -> dict[str, Any]:
    return {
        "messageId": id_,
        "receiptHandle": id_,
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
        "awsRegion": "us-east-1",
    }


def check_books() -> AttackResult:
    """Check that every reconciliation rule holds, once all payments' results were consumed.

    A long run takes longer than the ten minutes that the rules leave a result on its way.
    """
    result = AttackResult("the books")
    result.count("looked at")
    for paid in rows("SELECT DISTINCT order_id FROM payment"):
        follow(str(paid.order_id))
    for each in reconciliation.reconcile().findings:
        result.find("a book does not hold", each)
    return result


def check_counts(recorded: Sequence[Envelope]) -> AttackResult:
    """Check that metrics and like counts equal what happened."""
    result = AttackResult("counts after all events")
    for product, counts in _metrics_of(recorded).items():
        result.count("product")
        kept = tuple(rows(_METRICS, product)[0])
        if kept != counts:
            result.find("metrics", (product, kept, counts))
        if like_count_of(product) != likes_of(product):
            result.find("likes", (product, like_count_of(product), likes_of(product)))
    if not result.cases:
        result.find("nothing had happened at all", recorded)
    return result


_METRICS = """SELECT CAST(coalesce(sum(views), 0) AS int) AS views,
    CAST(coalesce(sum(likes), 0) AS int) AS likes, CAST(coalesce(sum(units), 0) AS int) AS units
    FROM product_metrics_daily WHERE product_id = $1"""


def _metrics_of(recorded: Sequence[Envelope]) -> Mapping[str, tuple[int, int, int]]:
    """(views, likes, units) of each product, by the events themselves."""
    views, likes, units = Counter[str](), Counter[str](), Counter[str]()
    for each in recorded:
        data, type_ = each["data"], each["type"]
        if type_ == "ProductViewed":
            views[data["product_id"]] += 1
        elif type_ in ("ProductLiked", "ProductUnliked"):
            likes[data["product_id"]] += 1 if type_ == "ProductLiked" else -1
        elif type_ == "OrderConfirmed" or data.get("was_confirmed"):
            for line in data["lines"]:
                sign = 1 if type_ == "OrderConfirmed" else -1
                units[line["product_id"]] += sign * line["quantity"]
    return {
        product: (views[product], likes[product], units[product])
        for product in {*views, *likes, *units}
    }
