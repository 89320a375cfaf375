"""Events keep the schemas in events/contracts, whoever tells them: a model, or a statement."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import MISSING, fields
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from commerce.app import accounts, drops, messaging
from commerce.app.privacy import erase
from commerce.app.transactions import in_transaction
from commerce.drop import CancelDrop, DropFacade
from commerce.product import SetStock
from commerce.runtime.db import current
from commerce.runtime.messaging.bus import Envelope
from commerce.runtime.messaging.relay import Relay
from commerce.runtime.tokens import Identity
from commerce.shared.events import ENVELOPE, Event
from commerce.user import EditMe, SignUp
from commerce.user.erasure import EraseMe
from commerce.user.mail_tokens import MailTokenFacade, RequestReset
from commerce.user.sessions import ChangePassword
from tests.support.addresses import change_address
from tests.support.admin import edit_brand, edit_product
from tests.support.backends import ROOT
from tests.support.coupons import an_issued, place_with
from tests.support.drops import a_published_drop, an_offering_drop, settle, shift
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import call
from tests.support.orders import an_order, cancel, deliver, ship
from tests.support.payments import a_card_order, follow, pay, settled
from tests.support.points import grant
from tests.support.returns import a_return, hand_over, receive_return, refund_order
from tests.support.shop import a_brand, a_buyer, a_key, a_product, an_admin

CONTRACTS = ROOT / "events" / "contracts"
DOMAIN = ROOT / "layers" / "domain" / "python" / "commerce"
SCHEMAS = {file.name: json.loads(file.read_text()) for file in sorted(CONTRACTS.glob("*.json"))}


for _file in DOMAIN.glob("*/events.py"):
    import_module(f"commerce.{_file.parent.name}.events")


def event_classes(above: type[Event] = Event) -> Iterator[type[Event]]:
    for each in above.__subclasses__():
        is_base = each.__name__.endswith("Event")
        if each.__module__.startswith("commerce.") and not is_base:
            yield each
        yield from event_classes(each)


def file_of(event: type[Event]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower() + ".v1.json"


NEW_PASSWORD = "coyote off the cliff"
EVENTS = {file_of(event): event for event in event_classes()}


# Fields that were added to a version: absent in events that wait in a queue since before.
LATER = {
    event.__name__: {field.name for field in fields(event) if field.default is not MISSING}
    for event in EVENTS.values()
}


def violations(envelope: Envelope, schema: dict[str, Any]) -> list[str]:
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(envelope)]


class RememberingBus:
    """Takes every event, and keeps it as it would travel."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        self.taken += json.loads(json.dumps(list(envelopes)))
        return [None] * len(envelopes)


def ask_for_mails(user_id: UUID) -> None:
    """Have both kinds of tokens and of notices mailed to a user."""
    reset = RequestReset(email="wile@example.com")
    in_transaction(MailTokenFacade.request_verification, user_id=user_id, language="ko")
    in_transaction(MailTokenFacade.request_reset, reset, language="ko")
    new = {"email": "wile@example.org", "password": "a long password"}
    edited = in_transaction(accounts.edit_me, user_id, EditMe.model_validate(new))
    assert edited.view().user.email == "wile@example.org"
    passwords = {"current_password": "a long password", "new_password": NEW_PASSWORD}
    changing = ChangePassword.model_validate(passwords)
    identity = Identity(user_id)
    in_transaction(accounts.change_password, changing, identity=identity).require()


@pytest.fixture
def recorded(own_shop: str, cheap_hashes: None) -> list[dict[str, Any]]:
    """Return the events of a sign-up, a charge of points, an order, and its cancellation."""
    command = SignUp.model_validate(
        {
            "login_id": "coyote",
            "password": "a long password",
            "name": "Wile E.",
            "email": "wile@example.com",
            "birth_date": "1999-12-31",
            "gender": "OTHER",
        }
    )
    user = in_transaction(accounts.sign_up, command, language="en")
    ask_for_mails(UUID(user.user_id))
    buyer = a_buyer(points=10_000)
    first, second = a_product(stock=2, price=100), a_product(stock=5, price=0)
    body = {
        "lines": [
            {"product_id": first, "quantity": 2},
            {"product_id": second, "quantity": 1},
        ],
        "payment_method": "POINT",
    }
    answer = call("order/place_order", "POST", "/orders", body=body, token=buyer.token, key=a_key())
    assert answer.status == 201
    in_transaction(lambda shop: shop.stock.set(first, SetStock(quantity=3)))
    admin = an_admin()
    for step in (ship, deliver):
        assert step(admin, answer.json["order_id"]).status == 200
    moved = an_order(buyer, (second, 1))
    assert change_address(buyer, moved).status == 200
    assert cancel(buyer, moved).status == 200
    call("product/get_product", "GET", f"/products/{first}")
    for method, function in (("PUT", "like/like_product"), ("DELETE", "like/unlike_product")):
        call(function, method, f"/products/{first}/like", token=buyer.token)
    copy = an_issued(buyer)
    used = place_with(buyer, copy, (a_product(price=1_000), 1))
    assert cancel(buyer, used.json["order_id"]).status == 200
    assert grant(user.user_id, 5).status == 201
    assert edit_product(second, price_amount=5).status == 200
    assert edit_brand(a_brand(), name="Emca").status == 200
    erasing = EraseMe.model_validate({"password": NEW_PASSWORD})
    in_transaction(erase, erasing, user_id=UUID(user.user_id)).require()
    bus = RememberingBus()
    Relay(current.database(), bus).run()
    messaging.best_effort_events().move_to(bus)
    return bus.taken


@pytest.fixture
def all_recorded(recorded: list[dict[str, Any]], gateway: RunningGateway) -> list[dict[str, Any]]:
    """The same, and what it tells of two card payments: one is declined, one is refunded."""
    buyer, product = a_buyer(), a_product(stock=2, price=100)
    gateway.behave("healthy", result="LIMIT_EXCEEDED")
    declined = a_card_order(buyer, product)
    pay(buyer, declined)
    settled(declined, "FAILED")
    gateway.behave("healthy")
    paid = a_card_order(buyer, product)
    pay(buyer, paid)
    settled(paid, "SUCCEEDED")
    follow(paid)
    parts = a_buyer(points=1_000)
    rope = a_product(stock=2, price=100, name="Rope")
    in_parts = an_order(parts, (rope, 2))
    units = {"product_id": rope, "quantity": 1}
    assert cancel(parts, in_parts, body={"lines": [units]}).status == 200
    admin = an_admin()
    hand_over(admin, in_parts)
    return_id = a_return(parts, in_parts, (rope, 1))
    assert refund_order(admin, in_parts, 50).status == 201
    assert receive_return(admin, return_id, (rope, 1)).status == 200
    cancel(buyer, paid)
    follow(paid)
    settled(paid, "REFUNDED")
    _run_drops()
    bus = RememberingBus()
    Relay(current.database(), bus).run()
    return recorded + bus.taken


def _run_drops() -> None:
    """Sell a drop whose unit comes back and whose time then ends, and cancel another."""
    product, buyer = a_product(stock=2, price=100), a_buyer(points=1_000)
    drop_id = an_offering_drop(product, [buyer])
    assert in_transaction(DropFacade.withdraw, str(drop_id), user_id=buyer.user_id)
    shift(
        drop_id,
        entries_at="clock_timestamp() - interval '2 h'",
        draws_at="clock_timestamp() - interval '1 h'",
        offers_until="clock_timestamp()",
    )
    settle(drop_id)
    other = a_published_drop(product)
    in_transaction(drops.cancel_drop, str(other), CancelDrop(reason="No"), by="test", if_match=None)


def test_every_event_has_a_schema_and_every_schema_an_event() -> None:
    assert EVENTS
    assert set(SCHEMAS) == set(EVENTS)
    assert set(CONTRACTS.iterdir()) == {CONTRACTS / name for name in SCHEMAS}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_describes_its_event_and_nothing_else(name: str) -> None:
    schema, event = SCHEMAS[name], EVENTS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:lastunit:event:{name.split('.')[0].replace('_', '-')}:v1"
    assert schema["title"] == event.__name__
    assert schema["properties"]["type"] == {"const": event.__name__}
    assert schema["properties"]["source"] == {"const": event.source}
    assert list(schema["properties"]) == schema["required"] == list(ENVELOPE)
    data = schema["properties"]["data"]
    own = {field.name for field in fields(event)} - {field.name for field in fields(Event)}
    assert set(data["properties"]) == own
    assert set(data["required"]) == own - LATER[event.__name__]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_object_refuses_unknown_fields(name: str) -> None:
    def objects(node: Any) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict):
            if node.get("type") == "object":
                yield node
            for child in node.values():
                yield from objects(child)

    found = list(objects(SCHEMAS[name]))
    assert len(found) >= 2
    assert all(each["additionalProperties"] is False for each in found)


def test_every_recorded_event_matches_its_schema(all_recorded: list[dict[str, Any]]) -> None:
    by_type = {event.__name__: SCHEMAS[name] for name, event in EVENTS.items()}
    assert {envelope["type"] for envelope in all_recorded} == set(by_type)
    found = {each["id"]: violations(each, by_type[each["type"]]) for each in all_recorded}
    assert [broken for broken in found.values() if broken] == []


def test_a_broken_envelope_breaks_its_schema(all_recorded: list[dict[str, Any]]) -> None:
    by_type = {event.__name__: SCHEMAS[name] for name, event in EVENTS.items()}
    for envelope in {each["type"]: each for each in all_recorded}.values():
        schema = by_type[envelope["type"]]
        data = schema["properties"]["data"]["properties"]
        nullable = {name for name, each in data.items() if "null" in each.get("type", ())}
        for broken in broken_variants(envelope, nullable):
            assert violations(broken, schema), broken


def broken_variants(envelope: dict[str, Any], nullable: set[str]) -> Iterator[dict[str, Any]]:
    for place in ([], ["data"]):
        inner = envelope["data"] if place else envelope
        for name in inner:
            for change in ({"without": name}, {name: None}, {name: 1.5}, {name: "\ud83d"}):
                if change == {"trace_id": "\ud83d"}:
                    continue  # any text may be a trace id
                if name in LATER[envelope["type"]] and change in ({"without": name}, {name: None}):
                    continue  # older events are without it
                if place and name in nullable and change == {name: None}:
                    continue
                broken = deepcopy(envelope)
                target = broken["data"] if place else broken
                if "without" in change:
                    del target[name]
                else:
                    target.update(change)
                yield broken
        broken = deepcopy(envelope)
        (broken["data"] if place else broken)["unknown"] = 1
        yield broken
    yield {**envelope, "aggregate_version": 0}
    yield {**envelope, "id": "00000000-0000-4000-8000-000000000000"}
    yield {**envelope, "occurred_at": "2026-01-31T09:30:00+09:00"}


def test_stock_events_carry_the_new_state(recorded: list[dict[str, Any]]) -> None:
    stock = [each for each in recorded if each["type"].startswith("Stock")]
    first = next(each["aggregate_id"] for each in stock if each["type"] == "StockSoldOut")
    assert [
        (each["type"], {key: each["data"][key] for key in each["data"] if key != "product_id"})
        for each in stock
        if each["aggregate_id"] == first
    ] == [
        ("StockChanged", {"quantity": 2, "change": 2, "reason": "COUNTED"}),
        ("StockReturned", {"quantity": 2}),
        ("StockChanged", {"quantity": 0, "change": -2, "reason": "SOLD"}),
        ("StockSoldOut", {}),
        ("StockChanged", {"quantity": 3, "change": 3, "reason": "COUNTED"}),
        ("StockReturned", {"quantity": 3}),
    ]
    assert all(each["data"]["product_id"] == each["aggregate_id"] for each in stock)


def test_an_aggregates_versions_grow_with_every_event(all_recorded: list[dict[str, Any]]) -> None:
    versions: dict[tuple[str, str], list[int]] = defaultdict(list)
    for each in all_recorded:  # a user and their account have the same id
        versions[each["source"], each["aggregate_id"]].append(each["aggregate_version"])
    assert versions == {key: sorted(set(found)) for key, found in versions.items()}


def test_every_event_of_a_request_carries_its_trace_id(recorded: list[dict[str, Any]]) -> None:
    def requests(*types: str, reason: str = "") -> list[str]:
        return [
            each["trace_id"]
            for each in recorded
            if each["type"] in types and reason in ("", each["data"].get("reason"))
        ]

    placed = requests("OrderPlaced")
    assert len(set(placed)) == len(placed) == 3
    assert all(placed)
    assert requests("OrderConfirmed") == placed
    assert set(requests("StockChanged", reason="SOLD")) == set(placed)
    assert requests("CouponUsed")[0] in placed
    assert requests("CouponReturned")[0] in requests("OrderCancelled")
    assert requests("OrderCancelled") == requests("StockChanged", reason="RETURNED")
    assert not {*requests("OrderCancelled", "OrderShipped", "OrderDelivered")} & {*placed}
