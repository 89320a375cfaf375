"""Users are mailed what happens to their orders, refunds and offers, at the address they have."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from commerce.drop.events import OfferMade
from commerce.order.events import LineOrdered, OrderConfirmed, OrderRefunded
from commerce.payment.events import PaymentRefunded
from commerce.shared import clock
from commerce.shared.clock import new_id
from commerce.shared.events import Event
from commerce.shared.money import Money
from tests.support.envelopes import envelope_of
from tests.support.lambda_calls import call
from tests.support.mails import deliver, mails_to, newest_event
from tests.support.orders import a_pending_order, an_order, cancel, ship
from tests.support.points import grant
from tests.support.privacy import erase_me
from tests.support.returns import a_return, hand_over, receive_return, refund_order
from tests.support.sessions import PASSWORD, Account, an_account, edit_me
from tests.support.shop import Person, a_product, an_admin, rows
from tests.support.staff import suspend
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes", "mail_service")


@pytest.fixture
def token(account: Account) -> str:
    return str(account.tokens()["access_token"])


def ordered(account: Account, token: str, **product: Any) -> str:
    assert grant(account.user_id, 10_000).status == 201
    return an_order(Person(account.user_id, token), (a_product(stock=5, **product), 2))


def confirmed(account: Account) -> Event:
    line = LineOrdered(
        product_id=new_id(), product_name="Anvil", unit_price=Money(1500), quantity=2
    )
    return OrderConfirmed(
        aggregate_id=new_id(), aggregate_version=2, order_id=new_id(), user_id=account.user_id,
        lines=(line,), total=Money(3000),
    )  # fmt: skip


def refunded(account: Account, **subject: UUID) -> Event:
    return PaymentRefunded(
        aggregate_id=new_id(), aggregate_version=4, payment_id=new_id(), user_id=account.user_id,
        order_id=subject.get("order_id"), charge_id=subject.get("charge_id"), amount=Money(12_000),
        reason="ORDER_CANCELLED",
    )  # fmt: skip


def offered(account: Account, product: str, minutes: int) -> Event:
    return OfferMade(
        aggregate_id=new_id(), aggregate_version=2, drop_id=new_id(), entry_id=new_id(),
        product_id=UUID(product), user_id=account.user_id,
        claim_until=clock.now() + timedelta(minutes=minutes),
    )  # fmt: skip


def test_a_confirmed_order_is_mailed_with_its_lines_and_total(account: Account, token: str) -> None:
    order_id = ordered(account, token, name="Anvil <b>", price=1500)
    assert deliver(newest_event(order_id, "OrderConfirmed"))
    [mail] = mails_to(account.email)
    assert mail.subject == "Your order is confirmed"
    for said in (account.login_id, "2 \u00d7 Anvil &lt;b&gt;", "Total: 3,000 KRW", order_id):
        assert said in mail.html


def test_a_shipped_order_is_mailed_with_carrier_and_number(account: Account, token: str) -> None:
    order_id = ordered(account, token, price=10)
    shipped = ship(an_admin(), order_id, carrier="Acme & Sons", tracking_number="1Z<9>")
    assert shipped.status == 200, shipped.json
    assert deliver(newest_event(order_id, "OrderShipped"))
    [mail] = mails_to(account.email)
    assert mail.subject == "Your order is on its way"
    for said in ("Acme &amp; Sons", "1Z&lt;9&gt;", order_id):
        assert said in mail.html


@pytest.mark.parametrize("subject", ["order_id", "charge_id"])
def test_a_refund_is_mailed_with_its_amount(account: Account, subject: str) -> None:
    id_ = new_id()
    assert deliver(envelope_of(refunded(account, **{subject: id_})))
    [mail] = mails_to(account.email)
    assert mail.subject == "Your money is on its way back"
    assert "12,000 KRW" in mail.html
    assert f"<code>{id_}</code>" in mail.html


def part(account: Account, token: str, order_id: str) -> None:
    product = rows("SELECT product_id FROM order_line WHERE order_id = $1", UUID(order_id))
    line = {"product_id": str(product[0].product_id), "quantity": 1}
    answer = cancel(Person(account.user_id, token), order_id, body={"lines": [line]})
    assert answer.status == 200, answer.json


def receive_one(account: Account, token: str, order_id: str) -> None:
    [product] = rows("SELECT product_id FROM order_line WHERE order_id = $1", UUID(order_id))
    unit = (str(product.product_id), 1)
    hand_over(an_admin(), order_id)
    returned = a_return(Person(account.user_id, token), order_id, unit)
    assert receive_return(an_admin(), returned, unit).status == 200


def refund_40(_: Account, __: str, order_id: str) -> None:
    assert refund_order(an_admin(), order_id, 40).status == 201


def cancel_all(account: Account, token: str, order_id: str) -> None:
    assert cancel(Person(account.user_id, token), order_id).status == 200


@pytest.mark.parametrize(
    ("act", "event_type", "amount"),
    [
        (refund_40, "OrderRefunded", 40),
        (part, "OrderLinesCancelled", 100),
        (cancel_all, "OrderCancelled", 200),
        (receive_one, "ReturnReceived", 100),
    ],
)
def test_points_that_are_refunded_are_mailed_with_their_amount(
    account: Account,
    token: str,
    act: Callable[[Account, str, str], object],
    event_type: str,
    amount: int,
) -> None:
    order_id = ordered(account, token, price=100)
    act(account, token, order_id)
    envelope = newest_event(order_id, event_type)
    assert deliver(envelope)
    assert deliver(envelope)
    [mail] = mails_to(account.email)
    assert mail.subject == "Your points are back"
    for said in (account.login_id, f"{amount} KRW in points", f"<code>{order_id}</code>"):
        assert said in mail.html


def test_an_unpaid_order_that_ends_mails_no_refund(account: Account, token: str) -> None:
    assert grant(account.user_id, 1_000).status == 201
    buyer = Person(account.user_id, token)
    order_id = a_pending_order(buyer, a_product(stock=5, price=100), points=10)
    assert cancel(buyer, order_id).status == 200
    assert deliver(newest_event(order_id, "OrderCancelled"))
    assert mails_to(account.email) == []


def test_a_refund_to_the_card_alone_is_mailed_when_the_gateway_made_it(account: Account) -> None:
    given_back = OrderRefunded(
        aggregate_id=new_id(), aggregate_version=4, order_id=new_id(), user_id=account.user_id,
        points_refund=Money(0), card_refund=Money(500),
    )  # fmt: skip
    assert deliver(envelope_of(given_back))
    assert mails_to(account.email) == []


def test_an_offer_is_mailed_with_product_and_end_until_it_lapsed(account: Account) -> None:
    product = a_product(name="Giant kite")
    event = offered(account, product, minutes=10)
    assert deliver(envelope_of(event))
    [mail] = mails_to(account.email)
    assert "Giant kite is offered to you" in mail.html
    assert "(Asia/Seoul)" in mail.subject
    assert deliver(envelope_of(offered(account, product, minutes=-1)))
    assert len(mails_to(account.email)) == 1


def test_mails_are_in_the_language_that_the_user_chose(account: Account, token: str) -> None:
    assert edit_me(token, language="ko").json["language"] == "ko"
    assert deliver(envelope_of(refunded(account, order_id=new_id())))
    [mail] = mails_to(account.email)
    assert mail.subject == "환불이 처리되었습니다"
    assert "12,000원" in mail.html


def test_a_new_user_has_the_language_of_their_browser() -> None:
    login_id = "K" + new_id().hex[-8:]
    body = {
        "login_id": login_id, "password": PASSWORD, "name": "Wile", "gender": "OTHER",
        "email": f"{login_id}@example.com", "birth_date": "1949-09-17",
    }  # fmt: skip
    headers = {"Accept-Language": "ko-KR"}
    signed_up = call("user/sign_up", "POST", "/users", body=body, headers=headers)
    assert (signed_up.status, signed_up.json["language"]) == (201, "ko")
    [row] = rows("SELECT id FROM mail_token WHERE user_id = $1", UUID(signed_up.json["user_id"]))
    assert deliver(newest_event(row.id, "EmailVerificationRequested"))
    [mail] = mails_to(f"{login_id}@example.com")
    assert mail.subject == "이메일 주소를 확인해 주세요"


EVENTS: list[Callable[[Account], Event]] = [
    confirmed,
    lambda account: refunded(account, order_id=new_id()),
    lambda account: offered(account, a_product(), minutes=10),
    lambda account: OrderRefunded(
        aggregate_id=new_id(),
        aggregate_version=4,
        order_id=new_id(),
        user_id=account.user_id,
        points_refund=Money(40),
        card_refund=Money(0),
    ),
]


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_delivered_again_or_to_many_at_once_is_mailed_once(
    account: Account, event: Callable[[Account], Event]
) -> None:
    envelope = envelope_of(event(account))
    outcomes = run_concurrently([partial(deliver, envelope) for _ in range(8)])
    assert True in outcomes
    assert [deliver(envelope) for _ in range(2)] == [True] * 2
    assert len(mails_to(account.email)) == 1


@pytest.mark.parametrize("event", EVENTS)
def test_suspended_and_erased_users_are_mailed_nothing(
    account: Account, token: str, event: Callable[[Account], Event]
) -> None:
    gone = an_account()
    assert erase_me(str(gone.tokens()["access_token"])).status == 204
    assert suspend(account.user_id, token=an_admin().token).status == 200
    for each in (account, gone):
        assert deliver(envelope_of(event(each)))
        assert mails_to(each.email) == []


def test_a_mail_goes_to_the_address_that_the_user_has_when_it_is_sent(
    account: Account, token: str
) -> None:
    envelope = envelope_of(refunded(account, order_id=new_id()))
    new = f"{account.login_id}@example.org"
    assert edit_me(token, email=new).status == 200
    assert deliver(envelope)
    assert mails_to(account.email) == []
    assert len(mails_to(new)) == 1


def test_no_event_that_is_mailed_has_an_address_or_a_name(account: Account, token: str) -> None:
    order_id = ordered(account, token, price=10)
    assert edit_me(token, email=f"{account.login_id}@example.org").status == 200
    data = rows(
        "SELECT data FROM outbox WHERE aggregate_id = $1 OR data->>'user_id' = $2"
        " OR aggregate_id IN (SELECT id FROM mail_token WHERE user_id = $3)",
        UUID(order_id), str(account.user_id), account.user_id,
    )  # fmt: skip
    assert len(data) >= 4
    for row in data:
        said = json.dumps(row.data)
        assert account.login_id not in said
        assert "Coyote" not in said
        assert "@" not in said
