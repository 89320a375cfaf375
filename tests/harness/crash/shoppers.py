"""Use cases of shoppers: reads, and signing in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from commerce.app.transactions import in_transaction
from commerce.runtime import tokens
from commerce.shared import clock
from commerce.user import PasswordResetRequested
from commerce.user.mail_tokens import MailTokenRepository, Purpose, signing
from commerce.user.mail_tokens.model import MailToken
from commerce.user.throttle import counters_of
from tests.harness.crash.cases import (
    CREATED,
    DONE,
    OK,
    PRICE,
    Case,
    Scenario,
    a_case,
    answered,
    consume,
    ordered,
    with_newest_event,
)
from tests.support.addresses import (
    BOOK,
    add_address,
    an_address,
    change_address,
    delete_address,
    edit_address,
)
from tests.support.coupons import a_coupon, an_issued
from tests.support.envelopes import a_view, envelope_of
from tests.support.lambda_calls import Answer, call
from tests.support.orders import place
from tests.support.payments import a_card_order, pay
from tests.support.points import grant
from tests.support.shop import Person, rows
from tests.support.valkey import empty_valkey

ACCEPTED = frozenset({"202"})
PASSWORD = "correct horse battery"
A_DAY_OF_ITS_OWN = datetime(2027, 8, 16, 3, 30, tzinfo=UTC)


def sign_up(login_id: str) -> Answer:
    """POST /users."""
    body = {
        "login_id": login_id,
        "password": PASSWORD,
        "name": "Wile E. Coyote",
        "email": f"{login_id}@example.com",
        "birth_date": "1990-04-12",
        "gender": "OTHER",
    }
    source_ip = f"2001:db8:{login_id[:4]}:{login_id[4:6]}00::1"  # takes turns with no other case
    return call("user/sign_up", "POST", "/users", body=body, source_ip=source_ip)


def signed_up() -> Case:
    """A buyer with an account."""
    case = a_case()
    answer = sign_up(case.key[:10])
    assert answer.status == 201, answer.json
    user_id = answer.json["user_id"]
    return replace(case, buyer=Person(user_id, tokens.sign(user_id)))


def _sign_in(case: Case) -> str:
    body = {"login_id": case.key[:10], "password": PASSWORD}
    answer = call("user/open_session", "POST", "/sessions", body=body, source_ip=_address(case))
    return answered(answer)


def _signed_in() -> Case:
    """A user with two sessions, in the first of which they act."""
    case = signed_up()
    opened = []
    for _ in range(2):
        body = {"login_id": case.key[:10], "password": PASSWORD}
        answer = call("user/open_session", "POST", "/sessions", body=body, source_ip=_address(case))
        assert answer.status == 201, answer.json
        opened.append(answer.json)
    first, other = (tokens.verify(each["access_token"]) for each in opened)
    words = {"mine": first, "other": other, "refresh": opened[0]["refresh_token"]}
    return replace(case, buyer=Person(first.user_id, opened[0]["access_token"]), words=words)


def _refresh(case: Case) -> str:
    body = {"refresh_token": case.words["refresh"]}
    return answered(call("user/refresh_session", "POST", "/sessions/refresh", body=body))


def _end_other(case: Case) -> str:
    path = f"/sessions/{case.words['other'].session_id}"
    return answered(call("user/end_session", "DELETE", path, token=case.buyer.token))


def _end_current(case: Case) -> str:
    path = "/sessions/current"
    return answered(call("user/end_current_session", "DELETE", path, token=case.buyer.token))


def _end_all(case: Case) -> str:
    return answered(call("user/end_sessions", "DELETE", "/sessions", token=case.buyer.token))


def _change_password(case: Case) -> str:
    body = {"current_password": PASSWORD, "new_password": f"{PASSWORD} anew"}
    path = "/users/me/password"
    return answered(call("user/change_password", "PUT", path, token=case.buyer.token, body=body))


def _edit_me(case: Case) -> str:
    body = {"name": case.key, "email": f"{case.key}@example.com", "password": PASSWORD}
    return answered(call("user/edit_me", "PATCH", "/users/me", token=case.buyer.token, body=body))


def _edited_me(case: Case) -> list[tuple[bool, str, int]]:
    """Return whether the name is the new one, the address, and the version."""
    sql = "SELECT name, email, version FROM user_account WHERE id = $1"
    return [
        (row.name == case.key, row.email.replace(case.key, "key"), row.version)
        for row in rows(sql, case.buyer.user_id)
    ]


def _with_an_address() -> Case:
    case = signed_up()
    address = add_address(case.buyer)
    assert address.status == 201, address.json
    return replace(case, words={"address": address.json["address_id"]})


def _edit_address(case: Case) -> str:
    changes = {"line2": "Unit 7", "is_default": True}
    return answered(edit_address(case.buyer, case.words["address"], **changes))


def _addresses(case: Case) -> list[tuple[str, str | None, bool]]:
    sql = "SELECT line1, line2, is_default FROM postal_address WHERE user_id = $1 ORDER BY id"
    return [tuple(row) for row in rows(sql, case.buyer.user_id)]


def _ordered_to_an_address() -> Case:
    case = a_case(points=5_000)
    placed = place(case.buyer, (case.product, 2), ship_to=an_address())
    assert placed.status == 201, placed.json
    return replace(case, order=placed.json["order_id"])


def _change_address(case: Case) -> str:
    return answered(change_address(case.buyer, case.order, line1="2 Mesa Road"))


def _sent_elsewhere(case: Case) -> list[tuple[str, int]]:
    sql = "SELECT ship_to->>'line1' AS street, delivery_version FROM orders WHERE id = $1"
    return [tuple(row) for row in rows(sql, case.order)]


def an_update_to_send() -> Case:
    """The delivery system has an order whose address has changed."""
    case = _ordered_to_an_address()
    confirmed = with_newest_event(case, "OrderConfirmed").words["envelope"]
    assert consume("shipping/on_order_confirmed", confirmed) == DONE
    assert _change_address(case) == "200"
    return with_newest_event(case, "OrderAddressChanged")


def told(case: Case) -> list[tuple[int, bool]]:
    """Return the version that the delivery system has, and whether a notice is under way."""
    sql = "SELECT sent_version, under_way IS NULL AS is_done FROM shipment WHERE order_id = $1"
    return [tuple(row) for row in rows(sql, case.order)]


def _liking() -> Case:
    """A user with two sessions, a mailed token, points and a like."""
    case = _signed_in()
    assert grant(case.buyer.user_id, 5).status == 201
    path = f"/products/{case.product}/like"
    answer = call("like/like_product", "PUT", path, token=case.buyer.token)
    assert answer.status == 200, answer.json
    assert _request_verification(case) == "202"
    return case


def _erase(case: Case) -> str:
    body = {"password": PASSWORD}
    return answered(call("user/erase_me", "DELETE", "/users/me", token=case.buyer.token, body=body))


def _left_of_them(case: Case) -> list[int]:
    """Count what is left of the user, by table: nothing but their tombstone and their points."""
    owned = {
        "user_account": "id", "email_claim": "user_id", "mail_token": "user_id",
        "user_session": "user_id", "product_like": "user_id", "erased_user": "id",
        "point_account": "user_id",
    }  # fmt: skip
    return [
        len(rows(f"SELECT FROM {table} WHERE {column} = $1", case.buyer.user_id))
        for table, column in owned.items()
    ]


def _request_verification(case: Case) -> str:
    path = "/email-verifications"
    return answered(call("user/request_email_verification", "POST", path, token=case.buyer.token))


def _request_reset(case: Case) -> str:
    body = {"email": f"{case.key[:10]}@example.com"}
    return answered(call("user/request_password_reset", "POST", "/password-resets", body=body))


def _mail_tokens(case: Case) -> bool:
    """Return whether tokens are there: an answer that was lost may have left one more."""
    sql = "SELECT id FROM mail_token WHERE user_id = $1"
    return bool(rows(sql, case.buyer.user_id))


def _mailed(purpose: Purpose) -> Case:
    """A user with two sessions who was mailed a token."""
    case = _signed_in()
    mailed = MailToken.made(clock.new_id(), case.buyer.user_id, purpose, clock.now())
    event = PasswordResetRequested.of(mailed.id, "en")
    in_transaction(lambda shop: MailTokenRepository(shop.uow).add(mailed, event))
    token = signing.signed(mailed.id, case.buyer.user_id, purpose)
    return replace(case, words={**case.words, "mailed": token})


def _confirm_email(case: Case) -> str:
    path, body = "/email-verifications/confirmation", {"token": case.words["mailed"]}
    return answered(call("user/confirm_email", "POST", path, body=body))


def _verified(case: Case) -> list[bool]:
    sql = "SELECT verified_at IS NOT NULL AS is_verified FROM email_claim WHERE user_id = $1"
    return [row.is_verified for row in rows(sql, case.buyer.user_id)]


def _reset_password(case: Case) -> str:
    path = "/password-resets/confirmation"
    body = {"token": case.words["mailed"], "new_password": f"{PASSWORD} anew"}
    return answered(call("user/reset_password", "POST", path, body=body))


def _alive(case: Case) -> list[tuple[str, int]]:
    """Return which sessions are alive, with the number of their refresh token."""
    names = {case.words[name].session_id: name for name in ("mine", "other")}
    sql = "SELECT id, generation FROM user_session WHERE user_id = $1"
    return sorted((names[row.id], row.generation) for row in rows(sql, case.buyer.user_id))


def _epoch(case: Case) -> list[int]:
    sql = "SELECT epoch FROM user_account WHERE id = $1"
    return [row.epoch for row in rows(sql, case.buyer.user_id)]


def _failed_logins(case: Case) -> list[int]:
    keys = [each.key for each in counters_of(case.key[:10], _address(case))]
    sql = "SELECT failures FROM login_throttle WHERE key = ANY($1::text[])"
    return [row.failures for row in rows(sql, keys)]


def _address(case: Case) -> str:
    return f"2001:db8:{case.key[:4]}:{case.key[4:6]}00::1"


def _read(
    name: str, path: Callable[[Case], str], seen: Callable[[Case, Any], object]
) -> Callable[[Case], str]:
    """A GET by the buyer, whose answer includes what was seen."""

    def act(case: Case) -> str:
        answer = call(name, "GET", path(case), token=case.buyer.token)
        return answered(answer, lambda body: seen(case, body))

    return act


def _with_its_brand(case: Case) -> Case:
    [row] = rows("SELECT brand_id FROM product WHERE id = $1", case.product)
    return replace(case, words={"brand": str(row.brand_id)})


def _unknown_to_the_cache() -> Case:
    case = _with_its_brand(a_case())
    empty_valkey()
    return case


def _liked() -> Case:
    case = a_case()
    path = f"/products/{case.product}/like"
    assert call("like/like_product", "PUT", path, token=case.buyer.token).status == 200
    return case


def _issued() -> Case:
    case = a_case(coupon=a_coupon())
    return replace(case, words={"copy": an_issued(case.buyer, case.coupon)})


def _paid() -> Case:
    case = a_case()
    case = replace(case, order=a_card_order(case.buyer, case.product))
    answer = pay(case.buyer, case.order)
    assert answer.status == 201, answer.json
    return replace(case, words={"payment": answer.json["payment_id"]})


def _viewed_most_recently() -> Case:
    """The product viewed most recently, on boards and in the metrics."""
    case = a_case()
    view = envelope_of(a_view(case.product))
    for name in ("metrics/on_product_activity", "ranking/on_ranked_activity"):
        assert consume(name, view) == DONE
    return case


def _of_product(case: Case, body: Any) -> str:
    assert body["product_id"] == case.product
    return f"{body['stock_quantity']} units at {body['price']['amount']} of {body['brand']['name']}"


def _is_mine(name: str) -> Callable[[Case, Any], str]:
    """Return a check that the first item of a page is the case's own."""

    def seen(case: Case, body: Any) -> str:
        mine = {case.product, case.order, case.coupon, *map(str, case.words.values())}
        return "mine" if body["items"][0][name] in mine else "another"

    return seen


_PRODUCT = frozenset({f"200 5 units at {PRICE} of Acme"})
_MINE = frozenset({"200 mine"})

SCENARIOS = (
    Scenario("sign_in", "user/open_session", signed_up, _sign_in, CREATED, look=_failed_logins),
    Scenario("refresh_session", "user/refresh_session", _signed_in, _refresh, OK, look=_alive),
    Scenario(
        "list_sessions", "user/list_sessions", _signed_in,
        _read("user/list_sessions", lambda _: "/sessions", lambda _, body: len(body["items"])),
        frozenset({"200 2"}),
    ),
    Scenario(
        "end_session", "user/end_session", _signed_in, _end_other,
        frozenset({"204", "404 SESSION_NOT_FOUND"}), look=_alive,
    ),
    Scenario(
        "end_current_session", "user/end_current_session", _signed_in, _end_current,
        frozenset({"204", "401 SESSION_ENDED"}), look=_alive,
    ),
    Scenario(
        "end_sessions", "user/end_sessions", _signed_in, _end_all,
        frozenset({"204", "401 SESSION_ENDED"}), look=_alive,
    ),
    Scenario(
        "change_password", "user/change_password", _signed_in, _change_password,
        frozenset({"204", "401 BAD_CREDENTIALS"}),
        look=lambda case: (_alive(case), _epoch(case)),
    ),
    Scenario(
        "read_me", "user/get_me", signed_up,
        _read("user/get_me", lambda _: "/users/me", lambda _, body: body["name"]),
        frozenset({"200 Wile E. Coyote"}),
    ),
    Scenario("edit_me", "user/edit_me", signed_up, _edit_me, OK, look=_edited_me),
    Scenario(
        "list_addresses", "user/list_addresses", _with_an_address,
        _read("user/list_addresses", lambda _: BOOK, lambda _, body: len(body["items"])),
        frozenset({"200 1"}),
    ),
    Scenario(
        "add_address", "user/add_address", signed_up,
        lambda case: answered(add_address(case.buyer)), CREATED,
        # Without a key, a repetition adds it once more; the first stays the only default.
        look=lambda case: (
            {street for street, _, _ in _addresses(case)},
            [is_default for _, _, is_default in _addresses(case)].index(True),
        ),
    ),
    Scenario(
        "edit_address", "user/edit_address", _with_an_address, _edit_address, OK, look=_addresses
    ),
    Scenario(
        "delete_address", "user/delete_address", _with_an_address,
        lambda case: answered(delete_address(case.buyer, case.words["address"])),
        frozenset({"204", "404 ADDRESS_NOT_FOUND"}), look=_addresses,
    ),
    Scenario(
        "change_address", "order/change_address", _ordered_to_an_address, _change_address, OK,
        look=_sent_elsewhere,
    ),
    Scenario(
        "request_email_verification", "user/request_email_verification", signed_up,
        _request_verification, ACCEPTED, look=_mail_tokens,
        repeats=frozenset({"EmailVerificationRequested"}),
    ),
    Scenario(
        "request_password_reset", "user/request_password_reset", signed_up, _request_reset,
        ACCEPTED, look=_mail_tokens, repeats=frozenset({"PasswordResetRequested"}),
    ),
    Scenario(
        "confirm_email", "user/confirm_email", lambda: _mailed(Purpose.VERIFICATION),
        _confirm_email, OK | {"410 TOKEN_EXPIRED"}, look=_verified,
    ),
    Scenario(
        "reset_password", "user/reset_password", lambda: _mailed(Purpose.PASSWORD_RESET),
        _reset_password, frozenset({"204", "410 TOKEN_EXPIRED"}),
        look=lambda case: (_alive(case), _epoch(case), _mail_tokens(case)),
    ),
    Scenario(
        "read_points", "point/get_my_points", lambda: a_case(points=5_000),
        _read("point/get_my_points", lambda _: "/users/me/points",
              lambda _, body: body["balance"]["amount"]),
        frozenset({"200 5000"}),
    ),
    Scenario(
        "read_product", "product/get_product", a_case,
        _read("product/get_product", lambda case: f"/products/{case.product}", _of_product),
        _PRODUCT,
    ),
    Scenario(
        "read_product_cold", "product/get_product", _unknown_to_the_cache,
        _read("product/get_product", lambda case: f"/products/{case.product}", _of_product),
        _PRODUCT,
    ),
    Scenario(
        "list_products", "product/list_products", _unknown_to_the_cache,
        _read("product/list_products",
              lambda case: f"/products?limit=1&brand_id={case.words['brand']}",
              _is_mine("product_id")),
        _MINE,
    ),
    Scenario(
        "read_brand", "brand/get_brand", _unknown_to_the_cache,
        _read("brand/get_brand", lambda case: f"/brands/{case.words['brand']}",
              lambda _, body: body["name"]),
        frozenset({"200 Acme"}),
    ),
    Scenario(
        "list_brands", "brand/list_brands", lambda: _with_its_brand(a_case()),
        _read("brand/list_brands", lambda _: "/brands?limit=1", _is_mine("brand_id")), _MINE,
    ),
    Scenario(
        "list_coupons", "coupon/list_coupons", lambda: a_case(coupon=a_coupon()),
        _read("coupon/list_coupons", lambda _: "/coupons?limit=1", _is_mine("coupon_id")), _MINE,
    ),
    Scenario(
        "list_my_coupons", "coupon/list_my_coupons", _issued,
        _read("coupon/list_my_coupons", lambda _: "/users/me/coupons",
              _is_mine("issued_coupon_id")),
        _MINE,
    ),
    Scenario(
        "list_my_likes", "like/list_my_likes", _liked,
        _read("like/list_my_likes", lambda _: "/users/me/likes", _is_mine("product_id")), _MINE,
    ),
    Scenario(
        "read_order", "order/get_order", ordered,
        _read("order/get_order", lambda case: f"/orders/{case.order}",
              lambda _, body: f"{body['status']} {body['total']['amount']}"),
        frozenset({"200 CONFIRMED 2000"}),
    ),
    Scenario(
        "list_orders", "order/list_orders", ordered,
        _read("order/list_orders", lambda _: "/orders", _is_mine("order_id")), _MINE,
    ),
    Scenario(
        "read_payment", "payment/get_payment", _paid,
        _read("payment/get_payment", lambda case: f"/payments/{case.words['payment']}",
              lambda _, body: body["amount"]["amount"]),
        frozenset({f"200 {PRICE}"}),
    ),
    Scenario(
        "read_ranking", "ranking/get_rankings", _viewed_most_recently,
        _read("ranking/get_rankings", lambda _: "/rankings?limit=1",
              lambda case, body: body["items"][0]["product"]["product_id"] == case.product),
        frozenset({"200 True"}), at=A_DAY_OF_ITS_OWN,
    ),
    Scenario(
        "read_health", "health/get_health", a_case,
        _read("health/get_health", lambda _: "/health", lambda _, body: body["status"]),
        frozenset({"200 ok"}),
    ),
    Scenario(
        "export_me", "user/export_me", signed_up,
        _read(
            "user/export_me", lambda _: "/users/me/export",
            lambda _, body: [each["section"] for each in body["items"]],
        ),
        frozenset({"200 ['account']"}),
    ),
    Scenario(
        "erase_me", "user/erase_me", _liking, _erase,
        frozenset({"204", "401 SESSION_ENDED", "404 USER_NOT_FOUND"}), look=_left_of_them,
    ),
)  # fmt: skip
