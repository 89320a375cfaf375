"""The delivery system is told nothing that the shop did not sign, and the shop signs each try."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import urllib3

from commerce.runtime import settings
from commerce.shared import clock
from commerce.shipping.delivery_system import NOTICE_HEADERS
from tests.support.delivery import Delivery
from tests.support.orders import an_order
from tests.support.shipping import a_cancelled_order, consume, event_of
from tests.support.shop import Person, a_buyer, a_product

pytestmark = pytest.mark.usefixtures("shop_environment")

SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:1:secret:delivery"


@pytest.fixture
def buyer() -> Person:
    return a_buyer(points=10_000)


@pytest.fixture
def kept(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The secret in Secrets Manager, in place of DELIVERY_SECRET; first the delivery system's."""
    found = {"current": delivery.secret}
    monkeypatch.delenv("DELIVERY_SECRET")
    monkeypatch.setenv("DELIVERY_SECRET_ARN", SECRET_ARN)
    monkeypatch.setattr(settings, "secret", lambda arn, **_: {SECRET_ARN: found}[arn])
    return found


def an_event(buyer: Person) -> tuple[str, Any]:
    order_id = an_order(buyer, (a_product(stock=5, price=100, name="Rätsel \N{ANCHOR}"), 1))
    return order_id, event_of(order_id, "OrderConfirmed")


def test_orders_and_withdrawals_are_signed(delivery: Delivery, buyer: Person) -> None:
    order_id, confirmed, cancelled = a_cancelled_order(buyer)
    began = int(clock.now().timestamp())

    assert consume(confirmed)
    assert consume(cancelled)

    assert delivery.tries(order_id) == [("ORDER", "received"), ("WITHDRAWAL", "received")]
    assert all(began <= at <= clock.now().timestamp() for at in delivery.signed_at(order_id))


def test_a_name_in_any_script_is_signed_as_it_is_sent(delivery: Delivery, buyer: Person) -> None:
    order_id, confirmed = an_event(buyer)
    assert consume(confirmed)
    assert delivery.kinds(order_id) == ["ORDER"]


def test_the_secret_comes_from_secrets_manager(
    delivery: Delivery, buyer: Person, kept: dict[str, str]
) -> None:
    order_id, confirmed = an_event(buyer)
    assert consume(confirmed)
    assert delivery.tries(order_id) == [("ORDER", "received")]


def test_notices_are_signed_with_the_current_secret_of_two(
    delivery: Delivery, buyer: Person, kept: dict[str, str]
) -> None:
    delivery.system.secrets = ["new", delivery.secret]
    kept |= {"current": "new", "previous": delivery.secret}
    order_id, confirmed = an_event(buyer)
    assert consume(confirmed)
    delivery.system.secrets = ["new"]
    other_id, other = an_event(buyer)
    assert consume(other)
    assert delivery.kinds(order_id) == delivery.kinds(other_id) == ["ORDER"]


@pytest.mark.parametrize("of_secrets_manager", [{}, {"current": ""}, {"previous": "old"}])
def test_nothing_is_sent_without_a_current_secret(
    delivery: Delivery, buyer: Person, kept: dict[str, str], of_secrets_manager: dict[str, str]
) -> None:
    kept.clear()
    kept |= of_secrets_manager
    order_id, confirmed = an_event(buyer)
    assert not consume(confirmed)
    assert delivery.tries(order_id) == []


def test_a_retry_has_a_new_signature_and_the_same_key(
    delivery: Delivery, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, confirmed = an_event(buyer)
    first_at = clock.now() - timedelta(seconds=200)
    delivery.behave("fail", times=1)
    with monkeypatch.context() as earlier:
        earlier.setattr(clock, "now", lambda: first_at)
        assert not consume(confirmed)
    assert consume(confirmed, receive_count=2)

    assert delivery.tries(order_id) == [("ORDER", "failed"), ("ORDER", "received")]
    first, second = delivery.signed_at(order_id)
    assert first == int(first_at.timestamp())
    assert second >= first + 200


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_notice_of_a_clock_that_is_wrong_is_refused_and_tried_again(
    delivery: Delivery, buyer: Person, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    order_id, confirmed = an_event(buyer)
    with monkeypatch.context() as wrong:
        wrong.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(minutes=minutes))
        assert not consume(confirmed)
    assert consume(confirmed, receive_count=2)
    assert [outcome for _, outcome in delivery.tries(order_id)] == ["unauthenticated", "received"]


def test_a_notice_under_another_secret_is_refused_and_tried_again(
    delivery: Delivery,
    buyer: Person,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    order_id, confirmed = an_event(buyer)
    with monkeypatch.context() as wrong:
        wrong.setenv("DELIVERY_SECRET", "somebody else's secret")
        assert not consume(confirmed)
    [failed] = [line for line in logged() if line["message"] == "message failed"]
    assert "It answered 401." in str(failed)
    assert "somebody else's secret" not in str(logged())
    assert consume(confirmed, receive_count=2)
    assert delivery.kinds(order_id) == ["ORDER"]
    assert delivery.secret not in str(logged())


@pytest.mark.parametrize("altered", ["lines", "kind", "nothing but its age"])
def test_an_overheard_notice_is_of_no_use(delivery: Delivery, altered: str) -> None:
    """Somebody changes its body, or keeps it for longer than five minutes."""
    order_id = str(clock.new_id())
    line = '{"product_id": "p", "product_name": "Mug", "quantity": 1}'
    body = f'{{"order_id": "{order_id}", "kind": "ORDER", "lines": [{line}]}}'.encode()
    age = timedelta(minutes=6 if altered == "nothing but its age" else 0)
    headers = NOTICE_HEADERS.signed(body, delivery.secret, clock.now() - age)
    sent = {
        "lines": body.replace(b'"quantity": 1', b'"quantity": 9'),
        "kind": body.replace(b"ORDER", b"WITHDRAWAL"),
    }.get(altered, body)

    answer = urllib3.request(
        "POST", f"{delivery.url}/notices", body=sent,
        headers={"Idempotency-Key": order_id, **headers},
    )  # fmt: skip

    assert answer.status == 401
    assert delivery.kinds(order_id) == []
