"""A resource reads the same, whether it was just written or is read."""

from typing import Any

import pytest

from commerce.shared import clock
from tests.support.admin import brand_of, edit_brand, edit_product, product_of, set_stock
from tests.support.coupons import a_coupon, an_offer, issue, mine
from tests.support.envelopes import a_view, envelope_of
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import Answer, call
from tests.support.orders import cancel, deliver, place, ship
from tests.support.payments import follow, pay, place_by_card, settled, sync
from tests.support.rankings import deliver as count
from tests.support.shop import Person, a_brand, a_buyer, a_key, a_product, an_admin

pytestmark = pytest.mark.usefixtures("shop_environment")


def read(name: str, path: str, person: Person) -> Any:
    answer = call(name, "GET", path, token=person.token)
    assert answer.status == 200, answer.json
    return answer.json


def assert_order_reads_the_same(written: Answer, buyer: Person) -> None:
    """In the answer, the order's own page, the list of orders and the admins' page."""
    assert written.status in (200, 201), written.json
    shown, order_id = written.json, written.json["order_id"]
    [listed] = [
        each
        for each in read("order/list_orders", "/orders", buyer)["items"]
        if each["order_id"] == order_id
    ]
    page = read("order/get_order", f"/orders/{order_id}", buyer)
    path = f"/admin/orders/{order_id}"
    for_admins = read("operations/get_order_as_admin", path, an_admin())
    assert listed == shown
    assert {name: page[name] for name in shown} == shown
    assert {name: for_admins[name] for name in page} == page


def assert_reads_as(written: Answer, found: Answer) -> None:
    assert written.status in (200, 201), written.json
    assert (written.json, written.headers["etag"]) == (found.json, found.headers["etag"])


def test_a_registered_brand_and_its_edit_read_as_they_were_answered() -> None:
    body = {"name": "Cafe\u0301", "description": "Coffee"}
    registered = call(
        "brand/register_brand", "POST", "/admin/brands", body=body, token=an_admin().token
    )
    brand_id = registered.json["brand_id"]

    assert_reads_as(registered, brand_of(brand_id))
    assert_reads_as(edit_brand(brand_id, name="Acme"), brand_of(brand_id))


def test_a_registered_product_and_its_edit_read_as_they_were_answered() -> None:
    body = {"brand_id": a_brand().upper(), "name": "Cafe\u0301", "price_amount": 1}
    registered = call(
        "product/register_product", "POST", "/admin/products", body=body, token=an_admin().token
    )
    product_id = registered.json["product_id"]

    assert_reads_as(registered, product_of(product_id))
    count(envelope_of(a_view(product_id), at=clock.rfc3339(clock.now())))
    edited = edit_product(product_id, name="Anvil", price_amount=2)
    assert_reads_as(edited, product_of(product_id))
    assert edited.json["rank"] >= 1
    assert_reads_as(edit_product(product_id.upper(), name="Anvil"), product_of(product_id))


def test_a_stock_that_was_set_reads_as_it_was_answered() -> None:
    product = a_product(stock=1)

    written = set_stock(product.upper(), 7)

    found = product_of(product)
    for name in ("product_id", "stock_quantity"):
        assert written.json[name] == found.json[name]
    # Both tags end with the version of the stock; the product's begins with its own.
    moves = [each.headers["etag"].split("-")[0].split(".")[1] for each in (written, found)]
    assert moves[0] == moves[1]


def test_a_user_reads_as_the_sign_up_was_answered() -> None:
    login_id = clock.new_id().hex[-10:]
    body = {
        "login_id": login_id,
        "password": "roadrunner on the run",
        "name": "Wile\u0301",
        "email": f"Wile.{login_id}@Example.com",
        "birth_date": "1949-09-17",
        "gender": "OTHER",
    }
    written = call("user/sign_up", "POST", "/users", body=body)
    session = call("user/open_session", "POST", "/sessions", body={
        "login_id": body["login_id"], "password": body["password"]
    })  # fmt: skip

    found = call("user/get_me", "GET", "/users/me", token=session.json["access_token"])

    assert (written.status, written.json) == (201, found.json)


def test_a_charge_reads_as_it_was_answered() -> None:
    buyer = a_buyer()
    written = call(
        "point/charge_points", "POST", "/users/me/points/charges",
        body={"amount": 5}, token=buyer.token, key=a_key(),
    )  # fmt: skip

    path = f"/users/me/points/charges/{written.json['charge_id']}"
    assert written.json == read("point/get_charge", path, buyer)


def test_a_liked_product_reads_as_it_was_answered() -> None:
    buyer, product = a_buyer(), a_product()
    path = f"/products/{product.upper()}/like"

    written = call("like/like_product", "PUT", path, token=buyer.token)

    [liked] = read("like/list_my_likes", "/users/me/likes", buyer)["items"]
    assert written.json == {"product_id": liked["product_id"], "liked": True}
    found = product_of(product).json
    assert {name: found[name] for name in liked if name != "liked_at"} | {
        "liked_at": liked["liked_at"]
    } == liked


def test_an_offered_and_an_issued_coupon_read_as_they_were_answered() -> None:
    user, body = a_buyer(), an_offer(name="Cafe\u0301", valid_from="2026-01-01T00:00:00.1234567Z")
    written = call(
        "coupon/register_coupon", "POST", "/admin/coupons", body=body, token=an_admin().token
    )
    offers = call("coupon/list_coupons", "GET", "/coupons?limit=100").json["items"]
    assert written.json in offers

    coupon_id = a_coupon()
    first, again = issue(user, coupon_id), issue(user, coupon_id.upper())

    assert (first.status, again.status) == (201, 200)
    assert [first.json] == [again.json] == mine(user).json["items"]


def test_ranking_weights_read_as_they_were_answered(own_shop: str) -> None:
    admin = an_admin()
    before = read("ranking/get_ranking_weights", "/admin/ranking-weights", admin)
    path = "/admin/ranking-weights"
    written = call("ranking/put_ranking_weights", "PUT", path, body=before, token=admin.token)

    assert written.json == read("ranking/get_ranking_weights", path, admin) == before


def test_an_order_by_points_reads_the_same_in_every_status() -> None:
    buyer, product, admin = a_buyer(points=2_000), a_product(stock=2), an_admin()

    placed = place(buyer, (product.upper(), 1))
    assert_order_reads_the_same(placed, buyer)
    assert_order_reads_the_same(ship(admin, placed.json["order_id"]), buyer)
    assert_order_reads_the_same(deliver(admin, placed.json["order_id"]), buyer)
    other = place(buyer, (product, 1)).json["order_id"]
    assert_order_reads_the_same(cancel(buyer, other), buyer)


def test_an_order_by_card_reads_the_same_and_expires_only_while_unpaid(
    gateway: RunningGateway,
) -> None:
    buyer, product, admin = a_buyer(), a_product(stock=2), an_admin()

    placed = place_by_card(buyer, (product, 1))
    order_id = placed.json["order_id"]
    assert placed.json["expires_at"] is not None
    assert_order_reads_the_same(placed, buyer)
    paid = pay(buyer, order_id)
    payment_id = paid.json["payment_id"]
    page = read("order/get_order", f"/orders/{order_id}", buyer)
    if page["payments"][0]["status"] == paid.json["status"]:
        assert page["payments"] == [paid.json]
    settled(order_id, "SUCCEEDED")
    assert sync(admin, payment_id).json == read(
        "payment/get_payment", f"/payments/{payment_id}", buyer
    )
    follow(order_id)
    shipped = ship(admin, order_id)
    assert shipped.json["expires_at"] is None
    assert_order_reads_the_same(shipped, buyer)
    unpaid = cancel(buyer, place_by_card(buyer, (product, 1)).json["order_id"])
    assert unpaid.json["expires_at"] is None
    assert_order_reads_the_same(unpaid, buyer)
