"""Everything that is kept about a user, and its erasure."""

import json
import secrets
from typing import Any

import pytest

from commerce.app.transactions import in_transaction
from commerce.runtime import audit, tokens
from commerce.shared import clock
from commerce.shared.scopes import Scope
from infra.ops.__main__ import main
from tests.support.coupons import a_coupon, an_issued, issue
from tests.support.drops import an_offering_drop, in_line, order_offer
from tests.support.lambda_calls import Answer, call
from tests.support.mails import request_reset, request_verification
from tests.support.orders import an_order, cancel, deliver, place, ship
from tests.support.privacy import (
    books_of,
    erase_me,
    events_of_user,
    everything_kept,
    export_me,
    tables_that_say,
)
from tests.support.returns import a_return, hand_over, receive_return, request_return
from tests.support.sessions import PASSWORD, Account, an_account, edit_me, me, refresh, sessions_of
from tests.support.shop import Person, a_key, a_product, an_admin, rows
from tests.support.staff import (
    create_key,
    find_users,
    get_user,
    lift_suspension,
    list_keys,
    revoke_scopes,
    signed_in,
    suspend,
)

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")


@pytest.fixture
def account() -> Account:
    return an_account()


@pytest.fixture
def token(account: Account) -> str:
    return str(account.tokens()["access_token"])


@pytest.fixture
def person(account: Account, token: str) -> Person:
    return Person(account.user_id, token)


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def charge(person: Person, amount: int) -> None:
    path = "/users/me/points/charges"
    answer = call(
        "point/charge_points", "POST", path, token=person.token, key=a_key(),
        body={"amount": amount},
    )  # fmt: skip
    assert answer.status == 201, answer.json


def like(person: Person, product: str, method: str = "PUT") -> Answer:
    name = "like/like_product" if method == "PUT" else "like/unlike_product"
    return call(name, method, f"/products/{product}/like", token=person.token)


def a_full_life(person: Person, reason: str = "No longer wanted") -> dict[str, str]:
    """Do what leaves something in each section; all orders have ended."""
    product = a_product(stock=9, price=100)
    charge(person, 1_000)
    delivered, cancelled = (an_order(person, (product, 1)) for _ in range(2))
    admin = an_admin()
    for step in (ship, deliver):
        assert step(admin, delivered).status == 200
    return_id = a_return(person, delivered, (product, 1), reason=reason)
    assert receive_return(admin, return_id, (product, 1)).status == 200
    assert cancel(person, cancelled, body={"reason": reason}).status == 200
    assert like(person, product).status == 200
    copy = an_issued(person)
    assert request_verification(person.token).status == 202
    return {
        "product": product, "delivered": delivered, "cancelled": cancelled, "coupon": copy,
    }  # fmt: skip


# --- export --------------------------------------------------------------------------------------


def test_an_export_has_all_that_is_kept_of_a_user_and_no_password(
    account: Account, person: Person
) -> None:
    life = a_full_life(person, "Moved to Zanzibar")
    kept = everything_kept(person.token)
    of: dict[str, list[dict[str, Any]]] = {}
    for each in kept:
        of.setdefault(each["section"], []).append(each["data"])
    assert list(of) == [
        "account", "sessions", "mails", "orders", "point_charges", "point_entries",
        "coupons", "likes",
    ]  # fmt: skip
    [shown] = of["account"]
    assert (shown["login_id"], shown["email"], shown["birth_date"]) == (
        account.login_id, f"{account.login_id}@example.com", "1949-09-17",
    )  # fmt: skip
    assert [each["order_id"] for each in of["orders"]] == [life["cancelled"], life["delivered"]]
    assert of["orders"][0]["history"][-1]["reason"] == "Moved to Zanzibar"
    assert of["orders"][1]["returns"][0]["lines"][0]["reason"] == "Moved to Zanzibar"
    assert [each["amount"]["amount"] for each in of["point_charges"]] == [1_000]
    assert len(of["point_entries"]) == 5
    assert [each["issued_coupon_id"] for each in of["coupons"]] == [life["coupon"]]
    assert [each["product_id"] for each in of["likes"]] == [life["product"]]
    assert "password" not in str(kept)
    assert "argon2" not in str(kept)


def test_an_export_has_the_address_that_a_notice_went_to(account: Account, token: str) -> None:
    assert edit_me(token, email=f"new.{account.email}").status == 200
    mails = [each["data"] for each in everything_kept(token) if each["section"] == "mails"]
    assert [(each["purpose"], each["address"]) for each in mails] == [
        ("EMAIL_CHANGED", account.email), ("VERIFICATION", None),
    ]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_of_an_export_have_together_what_one_page_has(person: Person, limit: int) -> None:
    a_full_life(person)
    assert everything_kept(person.token, limit) == everything_kept(person.token)


def test_an_export_has_nothing_of_another_user(person: Person) -> None:
    other = an_account()
    a_full_life(Person(other.user_id, other.tokens()["access_token"]))
    words = str(everything_kept(person.token))
    assert str(other.user_id) not in words
    assert other.login_id not in words


def test_a_cursor_of_another_users_export_is_refused(person: Person) -> None:
    other = an_account().tokens()["access_token"]
    cursor = export_me(person.token, "?limit=1").json["next_cursor"]
    assert refused(export_me(other, f"?cursor={cursor}")) == (422, "INVALID_CURSOR")


# --- erasure -------------------------------------------------------------------------------------


def test_an_erased_person_is_in_no_table_and_the_books_stay(
    account: Account, person: Person
) -> None:
    marks = [f"Xanthippe {secrets.token_hex(5)}" for _ in range(4)]
    marks[1] = f"{secrets.token_hex(5)}@erased.example"
    operators = audit.StaffAct(
        clock.new_id(), "operator", "make ops staff grant", f"{account.login_id.lower()} stock"
    )
    in_transaction(lambda shop: audit.begin_act(shop.uow, operators))
    assert edit_me(person.token, name=marks[0]).status == 200
    rows("UPDATE user_account SET email = $2 WHERE id = $1 RETURNING id", person.user_id, marks[1])
    life = a_full_life(person, f"Moved to {marks[2]}")
    assert suspend(account.user_id, f"Reported by {marks[3]}").status == 200
    assert lift_suspension(account.user_id).status == 204
    token = account.tokens()["access_token"]
    books = books_of(person.user_id)
    words = [account.login_id, *marks]
    assert {word for _, word in tables_that_say(words)} == set(words)

    assert erase_me(token).status == 204
    assert tables_that_say(words) == set()
    assert books_of(person.user_id) == books
    sql = "SELECT DISTINCT buyer_id FROM orders WHERE id = ANY($1)"
    assert [row.buyer_id for row in rows(sql, [life["delivered"], life["cancelled"]])] == [
        person.user_id
    ]
    assert events_of_user(person.user_id)[-1] == ("UserErased", {"user_id": str(person.user_id)})


def erase_by_command(login_id: str, *options: str) -> int:
    return main(["users", "erase", login_id, "--json", *options])


def test_an_operator_erases_a_user_as_they_could_themselves(
    account: Account, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    life = a_full_life(person)
    books = books_of(person.user_id)
    assert erase_by_command(account.login_id.lower()) == 2  # nobody said yes
    assert refused(erase_me(person.token, "wrong")) == (401, "BAD_CREDENTIALS")
    assert erase_by_command(account.login_id.lower(), "--yes") == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said == {"erased": str(person.user_id)}
    assert tables_that_say([account.login_id]) == set()
    assert books_of(person.user_id) == books
    assert refused(me(person.token)) == (401, "SESSION_ENDED")
    [act] = rows(
        "SELECT outcome, subject FROM staff_act WHERE action = 'make ops users erase'"
        " ORDER BY id DESC LIMIT 1"
    )
    assert act.outcome == "DONE"
    assert account.login_id.lower() not in act.subject.lower()
    assert life["delivered"]
    assert erase_by_command(account.login_id, "--yes") == 2


def test_an_operator_erases_no_account_with_open_orders_or_scopes(
    account: Account, person: Person
) -> None:
    charge(person, 1_000)
    order = an_order(person, (a_product(stock=1, price=10), 1))
    assert erase_by_command(account.login_id, "--yes") == 2
    assert cancel(person, order).status == 200
    staff = an_account(Scope.STOCK)
    assert erase_by_command(staff.login_id, "--yes") == 2
    assert len(tables_that_say([account.login_id, staff.login_id])) >= 2
    assert me(person.token).status == 200


def test_nothing_keyed_by_an_erased_user_is_left_beside_the_books(person: Person) -> None:
    a_full_life(person)
    assert erase_me(person.token).status == 204
    left = {table for table, _ in tables_that_say([str(person.user_id)])}
    assert left <= {
        "orders", "order_history", "order_return", "issued_coupon", "payment", "point_account",
        "point_charge", "point_ledger", "stock_movement", "outbox", "admin_audit", "staff_act",
        "erased_user",
    }  # fmt: skip


def test_an_erased_user_is_signed_out_everywhere_and_signs_in_no_more(
    account: Account, token: str
) -> None:
    other = account.tokens()
    assert erase_me(token).status == 204
    for answer in (me(token), sessions_of(other["access_token"]), erase_me(token)):
        assert refused(answer) == (401, "SESSION_ENDED")
    assert refused(refresh(other["refresh_token"])) == (401, "SESSION_ENDED")
    assert refused(account.sign_in()) == (401, "BAD_CREDENTIALS")
    assert request_reset(f"{account.login_id}@example.com").status == 202
    assert refused(get_user(account.user_id)) == (404, "USER_NOT_FOUND")
    assert find_users(f"?login_id={account.login_id}").json["items"] == []


def test_login_id_and_address_of_an_erased_user_are_free_again(
    account: Account, token: str
) -> None:
    assert erase_me(token).status == 204
    body = {
        "login_id": account.login_id, "password": PASSWORD, "name": "Wile",
        "email": f"{account.login_id}@example.com", "birth_date": "1949-09-17", "gender": "OTHER",
    }  # fmt: skip
    answer = call("user/sign_up", "POST", "/users", body=body)
    assert answer.status == 201
    assert answer.json["user_id"] != str(account.user_id)


def test_open_orders_and_charges_are_named_and_nothing_is_erased(
    account: Account, person: Person
) -> None:
    product = a_product(stock=9, price=100)
    charge(person, 1_000)
    confirmed, shipped, returning = (an_order(person, (product, 1)) for _ in range(3))
    admin = an_admin()
    assert ship(admin, shipped).status == 200
    hand_over(admin, returning)
    a_return(person, returning, (product, 1))
    rows(
        "INSERT INTO point_charge (id, user_id, status, amount, currency, requested_at, version)"
        " VALUES (gen_random_uuid(), $1, 'PENDING', 5, 'KRW', now(), 1) RETURNING id",
        person.user_id,
    )
    answer = erase_me(person.token)
    assert refused(answer) == (409, "OPEN_ORDERS")
    assert answer.json["order_ids"] == [confirmed, shipped, returning]
    assert len(answer.json["charge_ids"]) == 1
    assert me(person.token).json["login_id"] == account.login_id


def test_a_wrong_password_erases_nothing_and_is_counted(account: Account, token: str) -> None:
    for _ in range(5):
        assert refused(erase_me(token, "wrong password")) == (401, "BAD_CREDENTIALS")
    assert refused(erase_me(token)) == (429, "TOO_MANY_ATTEMPTS")
    assert me(token).json["login_id"] == account.login_id


def test_staff_are_not_erased_before_their_scopes_are_revoked() -> None:
    account, token = signed_in(Scope.ADMIN)
    made = create_key("stock", token=token, name="Mine").json
    assert refused(erase_me(token)) == (409, "STILL_STAFF")
    assert revoke_scopes(account.user_id).status == 204
    token = account.tokens()["access_token"]
    assert erase_me(token).status == 204
    [key] = [
        each for each in list_keys("?limit=100").json["items"]
        if each["api_key_id"] == made["api_key_id"]
    ]  # fmt: skip
    assert key["revoked_at"] is not None
    answer = call("product/get_stock", "GET", f"/admin/products/{a_product()}/stock",
                  headers={"X-Api-Key": made["key"]})  # fmt: skip
    assert refused(answer) == (401, "INVALID_API_KEY")


def test_likes_of_an_erased_user_are_removed_with_an_event_each(person: Person) -> None:
    products = [a_product() for _ in range(3)]
    for each in products:
        assert like(person, each).status == 200
    assert erase_me(person.token).status == 204
    assert rows("SELECT FROM product_like WHERE user_id = $1", person.user_id) == []
    sql = """
        SELECT data ->> 'product_id' AS product FROM outbox
        WHERE type = 'ProductUnliked' AND data ->> 'user_id' = $1
    """
    assert {row.product for row in rows(sql, str(person.user_id))} == set(products)


def test_the_offer_of_an_erased_user_goes_back_to_the_line(person: Person) -> None:
    product = a_product(stock=1, price=100)
    drop_id = an_offering_drop(product, [person])
    assert erase_me(person.token).status == 204
    [entry] = rows("SELECT user_id, person, status FROM drop_entry WHERE drop_id = $1", drop_id)
    assert (entry.user_id, entry.status) == (None, "WITHDRAWN")
    assert entry.person.startswith("erased ")


def test_an_order_by_an_offer_keeps_its_buyer_from_being_erased(person: Person) -> None:
    product = a_product(stock=1, price=100)
    charge(person, 1_000)
    drop_id = an_offering_drop(product, [person])
    [(_, entry_id)] = in_line(drop_id, [person])
    placed = order_offer(person, entry_id, product)
    assert placed.status == 201, placed.json
    assert refused(erase_me(person.token)) == (409, "OPEN_ORDERS")


@pytest.mark.parametrize(
    "store",
    [
        lambda person, product, _: place(person, (product, 1)),
        lambda person, product, _: like(person, product),
        lambda person, _, coupon: issue(person, coupon),
    ],
)
def test_nothing_new_is_stored_for_an_erased_user(person: Person, store: Any) -> None:
    # Without a session, as a request whose session was checked before the erasure.
    charge(person, 1_000)
    product, coupon = a_product(price=100), a_coupon()
    assert erase_me(person.token).status == 204
    late = Person(person.user_id, tokens.sign(person.user_id))
    assert refused(store(late, product, coupon)) == (401, "SESSION_ENDED")
    for table in ("orders", "product_like", "issued_coupon"):
        owner = "buyer_id" if table == "orders" else "user_id"
        assert rows(f"SELECT FROM {table} WHERE {owner} = $1", person.user_id) == []


def test_no_return_is_stored_for_an_erased_user(person: Person) -> None:
    product = a_product(stock=9, price=100)
    charge(person, 1_000)
    order_id = an_order(person, (product, 1))
    hand_over(an_admin(), order_id)
    assert erase_me(person.token).status == 204
    late = Person(person.user_id, tokens.sign(person.user_id))
    assert refused(request_return(late, order_id, (product, 1))) == (401, "SESSION_ENDED")
    assert rows("SELECT FROM order_return WHERE order_id = $1", order_id) == []


def test_answers_are_forgotten_of_the_erased_user_alone(person: Person) -> None:
    other = an_account()
    theirs = Person(other.user_id, other.tokens()["access_token"])
    for each in (person, theirs):
        charge(each, 10)
    assert erase_me(person.token).status == 204
    counted = [
        len(rows("SELECT FROM once WHERE starts_with(scope, $1)", f"{each.user_id} "))
        for each in (person, theirs)
    ]
    assert counted == [0, 1]
