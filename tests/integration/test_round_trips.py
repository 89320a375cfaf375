"""The round trips to PostgreSQL of each path that a shopper waits for.

docs/performance.md has them as a table, which must say what is counted here.
"""

from collections.abc import Callable, Iterator

import pytest

from commerce.app.transactions import in_transaction
from commerce.point import ChargePoints
from commerce.runtime.db.current import database
from infra.template import ROOT
from tests.support.coupons import a_coupon, an_issued, issue, place_with
from tests.support.drops import a_published_drop, an_offering_drop, begin_entries, in_line
from tests.support.drops import order_offer as order_an_offer
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import Answer, call
from tests.support.orders import cancel, place
from tests.support.payments import a_card_order, pay
from tests.support.proxy import PostgresProxy, postgres_proxy
from tests.support.sessions import a_signed_in_buyer, me
from tests.support.shop import Person, a_key, a_product

Request = Callable[[], Answer]
PAGE = ROOT / "docs" / "performance.md"

READS = {
    "GET /products, from the cache": 0,
    "GET /products/{id}": 1,
    "GET /rankings": 1,
    "GET /brands": 1,
    "GET /coupons": 1,
    "GET /drops": 2,
    "GET /drops/{id}": 2,
    "GET /orders": 1,
    "GET /orders/{id}": 1,
    "GET /users/me": 1,
    "GET /users/me/likes": 1,
    "GET /users/me/points": 1,
    "GET /users/me/coupons": 1,
}
WRITES = {
    "PUT /products/{id}/like": 1,
    "DELETE /products/{id}/like": 2,
    "POST /coupons/{id}/issues": 2,
    "POST /orders": 2,
    "POST /orders, with a coupon": 2,
    "POST /orders, of a drop's offer": 2,
    "POST /orders, refused": 3,
    "POST /orders, repeated": 1,
    "POST /orders/{id}/cancellation": 2,
    "POST /users/me/points/charges": 2,
    "POST /payments": 4,
    "POST /drops/{id}/entries": 3,
}


def reading(name: str, path: str, buyer: Person | None = None) -> Request:
    return lambda: call(name, "GET", path, token=buyer.token if buyer else None)


def liking(method: str, name: str, buyer: Person, product: str) -> Request:
    path = f"/products/{product}/like"
    return lambda: call(name, method, path, token=buyer.token, key=a_key())


def entering(buyer: Person, drop: object) -> Answer:
    return call("drop/enter_drop", "POST", f"/drops/{drop}/entries", body={}, token=buyer.token)


def charging(buyer: Person) -> Answer:
    path = "/users/me/points/charges"
    return call(
        "point/charge_points", "POST", path, body={"amount": 10}, token=buyer.token, key=a_key()
    )


@pytest.fixture
def proxy(own_shop: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresProxy]:
    """The way to a database of the test's own: what others write changes what is cached."""
    with postgres_proxy(own_shop) as proxy:
        monkeypatch.setenv("DATABASE_URL", proxy.url)
        database().close()
        yield proxy
        database().close()


@pytest.fixture
def buyer(proxy: PostgresProxy) -> Person:
    buyer = a_signed_in_buyer()
    command = ChargePoints(amount=100_000)
    in_transaction(lambda shop: shop.points.charge(command, user_id=buyer.user_id))
    return buyer


def reads(buyer: Person) -> dict[str, Request]:
    product = a_product(stock=9, price=100)
    order = place(buyer, (product, 1)).json["order_id"]
    drop = a_published_drop(a_product(stock=9), units=2)
    return {
        "GET /products, from the cache": reading("product/list_products", "/products"),
        "GET /products/{id}": reading("product/get_product", f"/products/{product}"),
        "GET /rankings": reading("ranking/get_rankings", "/rankings"),
        "GET /brands": reading("brand/list_brands", "/brands"),
        "GET /coupons": reading("coupon/list_coupons", "/coupons"),
        "GET /drops": reading("drop/list_drops", "/drops"),
        "GET /drops/{id}": reading("drop/get_drop", f"/drops/{drop}"),
        "GET /orders": reading("order/list_orders", "/orders", buyer),
        "GET /orders/{id}": reading("order/get_order", f"/orders/{order}", buyer),
        "GET /users/me": lambda: me(buyer.token),
        "GET /users/me/likes": reading("like/list_my_likes", "/users/me/likes", buyer),
        "GET /users/me/points": reading("point/get_my_points", "/users/me/points", buyer),
        "GET /users/me/coupons": reading("coupon/list_my_coupons", "/users/me/coupons", buyer),
    }


def writes(buyer: Person) -> dict[str, Request]:
    """Return requests that can be made twice."""
    product, other, none = (a_product(stock=units, price=100) for units in (90, 90, 0))
    liked = iter([a_product(), a_product()])
    unliked = [a_product(), a_product()]
    for each in unliked:
        liking("PUT", "like/like_product", buyer, each)()
    coupons, copies = [a_coupon(), a_coupon()], [an_issued(buyer), an_issued(buyer)]
    orders = [place(buyer, (product, 1)).json["order_id"] for _ in range(2)]
    to_pay = [a_card_order(buyer, product) for _ in range(2)]
    drops = [a_published_drop(a_product(stock=9), units=2) for _ in range(2)]
    for drop in drops:
        begin_entries(drop)
    offers = iter([an_offer(buyer), an_offer(buyer)])
    key = a_key()
    return {
        "PUT /products/{id}/like": lambda: liking("PUT", "like/like_product", buyer, next(liked))(),
        "DELETE /products/{id}/like": lambda: liking(
            "DELETE", "like/unlike_product", buyer, unliked.pop()
        )(),
        "POST /coupons/{id}/issues": lambda: issue(buyer, coupons.pop()),
        "POST /orders": lambda: place(buyer, (product, 1), (other, 2)),
        "POST /orders, with a coupon": lambda: place_with(buyer, copies.pop(), (product, 1)),
        "POST /orders, of a drop's offer": lambda: next(offers)(),
        "POST /orders, refused": lambda: place(buyer, (none, 1)),
        "POST /orders, repeated": lambda: place(buyer, (product, 3), key=key),
        "POST /orders/{id}/cancellation": lambda: cancel(buyer, orders.pop()),
        "POST /users/me/points/charges": lambda: charging(buyer),
        "POST /payments": lambda: pay(buyer, to_pay.pop()),
        "POST /drops/{id}/entries": lambda: entering(buyer, drops.pop()),
    }


def an_offer(buyer: Person) -> Request:
    product = a_product(stock=9, price=100)
    drop = an_offering_drop(product, [buyer])
    [(_, entry)] = in_line(drop, [buyer])
    return lambda: order_an_offer(buyer, entry, product)


def counted(proxy: PostgresProxy, requests: dict[str, Request]) -> dict[str, int]:
    found = {}
    for name, request in requests.items():
        first = request()  # the function is warm
        proxy.forget()
        answer = request()
        assert answer.status == first.status, (name, answer.json)
        assert answer.status < 300 or "refused" in name, (name, answer.json)
        found[name] = len(proxy.trips)
    return found


def test_reads_take_these_round_trips(proxy: PostgresProxy, buyer: Person) -> None:
    assert counted(proxy, reads(buyer)) == READS


def test_writes_take_these_round_trips(
    proxy: PostgresProxy, gateway: RunningGateway, buyer: Person
) -> None:
    gateway.behave("lose_callback")  # a callback would be counted as well, sometimes
    assert counted(proxy, writes(buyer)) == WRITES


def test_the_performance_page_says_so() -> None:
    table = "".join(f"| {name} | {trips} |\n" for name, trips in {**READS, **WRITES}.items())
    assert table in PAGE.read_text(encoding="utf-8")
