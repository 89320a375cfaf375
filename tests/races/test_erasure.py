"""A user is erased while their other requests run: each comes before it, or not at all."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.support.coupons import a_coupon, issue
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import Answer, call
from tests.support.mails import requests_of, reset_password
from tests.support.orders import cancel, outcome, place
from tests.support.payments import a_card_order, follow, pay
from tests.support.points import grant, post_charge
from tests.support.privacy import erase_me
from tests.support.returns import a_delivered_order, request_return
from tests.support.sessions import Account, an_account, me, refresh
from tests.support.shop import Person, a_key, a_product, an_admin, assert_books_hold, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")

ROUNDS = 6


def is_erased(account: Account) -> bool:
    return not rows("SELECT FROM user_account WHERE id = $1", account.user_id)


def open_orders(account: Account) -> int:
    sql = "SELECT FROM orders WHERE buyer_id = $1 AND status NOT IN ('CANCELLED', 'DELIVERED')"
    return len(rows(sql, account.user_id))


def count(table: str, account: Account, column: str = "user_id") -> int:
    return len(rows(f"SELECT FROM {table} WHERE {column} = $1", account.user_id))


def like(person: Person, product: str) -> Answer:
    path = f"/products/{product}/like"
    return call("like/like_product", "PUT", path, token=person.token, key=a_key())


def together(erase: Callable[[], Answer], others: list[Callable[[], Answer]]) -> list[str]:
    """Run all at once in an order of chance; return how the erasure ended, then the others."""
    calls = [erase, *others]
    order = random.sample(range(len(calls)), len(calls))
    answers = run_concurrently([calls[number] for number in order], deadline_seconds=120)
    return [outcome(answers[order.index(number)]) for number in range(len(calls))]


def test_an_order_placed_during_an_erasure_is_before_it_or_not_at_all() -> None:
    for _ in range(ROUNDS):
        account, product = an_account(), a_product(stock=9, price=100)
        person = Person(account.user_id, account.tokens()["access_token"])
        grant(account.user_id, 1_000)
        erased, *placed = together(
            partial(erase_me, person.token), [partial(place, person, (product, 1))] * 6
        )
        assert set(placed) <= {"201", "SESSION_ENDED"}
        assert erased == ("204" if is_erased(account) else "OPEN_ORDERS")
        assert open_orders(account) == placed.count("201")
        assert is_erased(account) == (placed.count("201") == 0)
        assert_books_hold(product, users=[account.user_id])


def test_units_returned_during_an_erasure_are_open_before_it_or_not_stored() -> None:
    for _ in range(ROUNDS):
        account, product = an_account(), a_product(stock=9, price=100)
        person = Person(account.user_id, account.tokens()["access_token"])
        grant(account.user_id, 1_000)
        order_id = a_delivered_order(person, an_admin(), (product, 4))
        erased, *requested = together(
            partial(erase_me, person.token),
            [partial(request_return, person, order_id, (product, 1))] * 4,
        )
        assert set(requested) <= {"201", "SESSION_ENDED"}
        assert erased == ("204" if is_erased(account) else "OPEN_ORDERS")
        assert count("order_return", account, "buyer_id") == requested.count("201")
        assert is_erased(account) == (requested.count("201") == 0)
        assert_books_hold(product, users=[account.user_id])


def test_what_is_liked_issued_or_charged_during_an_erasure_goes_with_it() -> None:
    for _ in range(ROUNDS):
        account = an_account()
        person = Person(account.user_id, account.tokens()["access_token"])
        products, coupon = [a_product() for _ in range(4)], a_coupon()
        erased, *others = together(
            partial(erase_me, person.token),
            [
                *[partial(like, person, each) for each in products],
                partial(issue, person, coupon),
                *[partial(post_charge, person, 10)] * 2,
            ],
        )
        assert erased == "204"
        assert set(others) <= {"200", "201", "SESSION_ENDED"}
        assert count("product_like", account) == 0
        assert rows("SELECT FROM once WHERE starts_with(scope, $1)", f"{account.user_id} ") == []
        assert_books_hold(*products, users=[account.user_id], coupons=[coupon])


def test_no_session_or_password_outlives_an_erasure() -> None:
    for _ in range(ROUNDS):
        account = an_account()
        opened = account.tokens()
        path, body = "/password-resets", {"email": f"{account.login_id}@example.com"}
        ask = partial(call, "user/request_password_reset", "POST", path, body=body)
        erased, *others = together(
            partial(erase_me, opened["access_token"]),
            [
                *[partial(refresh, opened["refresh_token"])] * 4,
                *[partial(account.sign_in)] * 4,
                *[ask] * 3,
            ],
        )
        assert erased == "204"
        assert set(others) <= {"200", "201", "202", "SESSION_ENDED", "BAD_CREDENTIALS"}
        for table in ("user_session", "mail_token", "email_claim"):
            assert count(table, account) == 0
        assert outcome(me(opened["access_token"])) == "SESSION_ENDED"
        assert outcome(account.sign_in()) == "BAD_CREDENTIALS"


def test_a_reset_during_an_erasure_restores_no_account() -> None:
    from commerce.user.mail_tokens import Purpose, signing
    from tests.support.mails import request_reset

    for _ in range(ROUNDS):
        account = an_account()
        token = account.tokens()["access_token"]
        assert request_reset(f"{account.login_id}@example.com").status == 202
        *_, asked = requests_of(account.user_id)
        mailed = signing.signed(asked["data"]["token_id"], account.user_id, Purpose.PASSWORD_RESET)
        new = "an entirely other phrase"
        erased, *reset = together(
            partial(erase_me, token), [partial(reset_password, mailed, new)] * 4
        )
        assert set(reset) <= {"204", "TOKEN_EXPIRED"}
        if erased == "204":
            assert is_erased(account)
            assert outcome(account.sign_in(new)) == "BAD_CREDENTIALS"
        else:  # the password was another one by then, or the session had ended with it
            assert erased in {"SESSION_ENDED", "BAD_CREDENTIALS"}
            assert outcome(account.sign_in(new)) == "201"


def test_a_payment_during_an_erasure_is_of_an_open_order_or_is_refused(
    gateway: RunningGateway,
) -> None:
    gateway.behave("healthy")
    for _ in range(ROUNDS):
        account, product = an_account(), a_product(stock=1, price=500)
        person = Person(account.user_id, account.tokens()["access_token"])
        order = a_card_order(person, product)
        erased, paid, cancelled = together(
            partial(erase_me, person.token),
            [partial(pay, person, order), partial(cancel, person, order)],
        )
        assert paid in {"201", "ORDER_NOT_PAYABLE", "SESSION_ENDED"}
        assert cancelled in {"200", "SESSION_ENDED"}
        assert erased == ("204" if is_erased(account) else "OPEN_ORDERS")
        if is_erased(account):
            assert open_orders(account) == 0
        follow(order)
        assert_books_hold(product, users=[account.user_id])


def test_an_erasure_sent_many_times_at_once_is_made_once() -> None:
    account = an_account()
    token = account.tokens()["access_token"]
    answers: list[Any] = run_concurrently([partial(erase_me, token)] * 8, deadline_seconds=120)
    found = [outcome(each) for each in answers]
    assert found.count("204") == 1
    assert set(found) <= {"204", "SESSION_ENDED", "USER_NOT_FOUND"}
    sql = "SELECT FROM outbox WHERE aggregate_id = $1 AND type = 'UserErased'"
    assert len(rows(sql, account.user_id)) == 1
