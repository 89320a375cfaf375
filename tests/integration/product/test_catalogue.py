"""The catalogue from the handlers to PostgreSQL and Valkey and back."""

import json
import os
from functools import wraps
from uuid import UUID

import pytest
import redis

from commerce.app.catalogue import BRANDS, FIRST_PAGES, SUMMARIES, catalogue
from commerce.app.transactions import in_transaction
from commerce.product import ProductFacade, SetStock, StockFacade
from commerce.product.model import Product
from commerce.shared import clock
from tests.support.lambda_calls import (
    Answer,
    bus_message,
    call,
    function,
    lambda_context,
    sqs_event,
)
from tests.support.shop import (
    a_brand,
    a_buyer,
    a_key,
    a_product,
    an_admin,
    events_about,
    rows,
)
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("shop_environment")

NOBODYS = "01a20000-0000-7000-8000-000000000000"


def get(product: str, **headers: str) -> Answer:
    return call("product/get_product", "GET", f"/products/{product}", headers=headers)


def page(query: str) -> Answer:
    return call("product/list_products", "GET", f"/products?{query}")


def ids_of(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.json
    return [each["product_id"] for each in answer.json["items"]]


def server() -> "redis.Redis":
    return redis.Redis.from_url(os.environ["VALKEY_URL"])


def set_like_count(product: str, count: int) -> None:
    rows("UPDATE product SET like_count = $2 WHERE id = $1", product, count)


def sell_all(product: str, quantity: int) -> None:
    buyer = a_buyer(points=quantity * 1000)
    body = {
        "lines": [{"product_id": product, "quantity": quantity}],
        "payment_method": "POINT",
    }
    answer = call("order/place_order", "POST", "/orders", body=body, token=buyer.token, key=a_key())
    assert answer.status == 201


class TestOneProduct:
    def test_a_product_is_shown_with_brand_stock_likes_and_rank(self) -> None:
        brand = a_brand("Acme")
        product = a_product(stock=7, price=1200, name="Anvil", brand_id=brand)
        shown = {
            "product_id": product,
            "name": "Anvil",
            "description": "",
            "price": {"amount": 1200, "currency": "KRW"},
            "brand": {"brand_id": brand, "name": "Acme"},
            "like_count": 0,
            "version": 1,
            "availability": "ON_SALE",
            "stock_quantity": 7,
            "sale_from": None,
            "sale_until": None,
            "max_per_buyer": None,
            "rank": None,
        }
        assert get(product).json == shown  # from the database
        assert get(product).json == shown  # from the cache

    def test_a_cached_product_takes_one_statement_and_another_three(self) -> None:
        product = a_product()
        with counted() as first:
            get(product)
        with counted() as second:
            get(product)
        assert (first.count, second.count) == (3, 1)
        assert "description" not in second.statements[0]

    def test_selling_the_last_unit_shows_at_once(self) -> None:
        product = a_product(stock=2)
        assert get(product).json["stock_quantity"] == 2
        sell_all(product, 2)
        assert get(product).json["stock_quantity"] == 0

    def test_changing_a_price_shows_at_once(self) -> None:
        product = a_product(price=100)
        get(product)
        rows("UPDATE product SET price_amount = 50, version = 2 WHERE id = $1", product)
        for _ in range(3):
            assert get(product).json["price"]["amount"] == 50
            assert get(product).json["version"] == 2
        with counted() as sent:
            get(product)
        assert sent.count == 1  # and the new summary is cached

    @pytest.mark.parametrize("unknown", [NOBODYS, "anvil"])
    def test_an_unknown_product_is_not_found(self, unknown: str) -> None:
        answer = get(unknown)
        assert (answer.status, answer.json["code"]) == (404, "PRODUCT_NOT_FOUND")

    def test_a_product_id_may_be_in_capitals(self) -> None:
        product = a_product()
        assert get(product.upper()).json["product_id"] == product


class TestETag:
    def test_a_product_with_a_matching_etag_is_not_sent_again(self) -> None:
        product = a_product()
        first = get(product)
        assert first.headers["cache-control"] == "no-cache"
        tag = first.headers["etag"]
        assert tag.startswith('"1.2-')
        for wanted in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = get(product, **{"If-None-Match": wanted})
            assert (again.status, again.json, again.headers["etag"]) == (304, None, tag)
            assert "content-type" not in again.headers
            assert "x-request-id" in again.headers

    def test_every_visible_change_changes_the_etag(self) -> None:
        product = a_product(stock=2)
        tags = [get(product).headers["etag"]]
        in_transaction(StockFacade.set, product, SetStock(quantity=1))
        tags.append(get(product).headers["etag"])
        set_like_count(product, 3)
        tags.append(get(product).headers["etag"])
        rows("UPDATE product SET price_amount = 50, version = 2 WHERE id = $1", product)
        tags.append(get(product).headers["etag"])
        assert len(set(tags)) == 4
        assert tags[3].startswith('"2.3-')
        assert get(product, **{"If-None-Match": tags[0]}).status == 200

    def test_an_unknown_product_is_not_found_whatever_the_etag(self) -> None:
        assert get(str(clock.new_id()), **{"If-None-Match": "*"}).status == 404


class TestLists:
    @pytest.fixture
    def brand(self) -> str:
        return a_brand()

    @pytest.fixture
    def products(self, brand: str) -> list[str]:
        """Nine products of a brand, oldest first, many of them alike in price or likes."""
        made = [
            a_product(price=price, brand_id=brand)
            for price in (300, 100, 200, 100, 300, 200, 100, 300, 200)
        ]
        for product, likes in zip(made, (0, 5, 0, 5, 2, 2, 5, 0, 9), strict=True):
            set_like_count(product, likes)
        return made

    @pytest.mark.parametrize("sort", ["latest", "price_asc", "likes_desc"])
    @pytest.mark.parametrize("limit", [1, 2, 4, 9, 100])
    def test_pages_together_are_the_list_with_ties_broken_by_id(
        self, brand: str, products: list[str], sort: str, limit: int
    ) -> None:
        found = rows("SELECT id, price_amount, like_count FROM product WHERE brand_id = $1", brand)
        expected = sorted(
            found,
            key={
                "latest": lambda row: row.id,
                "price_asc": lambda row: (-row.price_amount, -row.id.int),
                "likes_desc": lambda row: (row.like_count, row.id),
            }[sort],
            reverse=True,
        )
        listed: list[str] = []
        cursor = ""
        while cursor is not None:
            answer = page(
                f"brand_id={brand}&sort={sort}&limit={limit}{cursor and '&cursor='}{cursor}"
            )
            assert len(ids_of(answer)) <= limit
            listed += ids_of(answer)
            cursor = answer.json["next_cursor"]
        assert listed == [str(row.id) for row in expected]

    def test_concurrent_changes_do_not_shift_pages(self, brand: str, products: list[str]) -> None:
        first = page(f"brand_id={brand}&sort=likes_desc&limit=3")
        top = a_product(brand_id=brand)
        set_like_count(top, 99)  # before the cursor: it would push a row over to the next page
        set_like_count(ids_of(first)[1], 1)  # shown already: it comes again, further down
        rest = page(f"brand_id={brand}&sort=likes_desc&cursor={first.json['next_cursor']}")
        listed = ids_of(first) + ids_of(rest)
        assert top not in listed
        assert set(listed) == set(products)
        assert [listed.count(each) for each in products].count(2) == 1

    @pytest.mark.parametrize(
        "other",
        ["sort=latest", "sort=likes_desc", "brand_id={other}&sort=price_asc", "sort=price_asc"],
    )
    def test_a_cursor_of_another_list_is_refused(
        self, brand: str, products: list[str], other: str
    ) -> None:
        cursor = page(f"brand_id={brand}&sort=price_asc&limit=2").json["next_cursor"]
        answer = page(f"{other.format(other=a_brand())}&cursor={cursor}")
        assert (answer.status, answer.json["code"]) == (422, "INVALID_CURSOR")

    @pytest.mark.parametrize("query", ["cursor=nonsense", "cursor=W10", "sort=best", "limit=0"])
    def test_an_invalid_cursor_or_limit_is_refused(self, query: str) -> None:
        assert page(query).status == 422

    @pytest.mark.parametrize("unknown", [NOBODYS, "acme"])
    def test_an_unknown_brand_has_no_products(self, unknown: str) -> None:
        assert page(f"brand_id={unknown}").json == {"items": [], "next_cursor": None}

    def test_a_hundred_products_take_as_many_statements_as_one(self) -> None:
        few, many = a_brand(), a_brand()
        a_product(brand_id=few)
        for _ in range(101):
            a_product(brand_id=many)

        def statements(brand: str, *, then: str = "") -> tuple[int, int]:
            with counted() as sent:
                answer = page(f"brand_id={brand}&sort=likes_desc&limit=100{then}")
            return sent.count, len(ids_of(answer))

        assert (statements(few), statements(many)) == ((5, 1), (5, 100))  # nothing is kept
        assert (statements(few), statements(many)) == ((0, 1), (0, 100))  # ids and summaries are
        cursor = page(f"brand_id={many}&sort=likes_desc&limit=1").json["next_cursor"]
        assert statements(many, then=f"&cursor={cursor}") == (3, 100)  # a deeper page

    def test_likes_show_in_lists_once_counted(self, brand: str, products: list[str]) -> None:
        def shown() -> int:
            items = page(f"brand_id={brand}").json["items"]
            return int(next(i["like_count"] for i in items if i["product_id"] == products[0]))

        assert shown() == 0
        path = f"/products/{products[0]}/like"
        for user in (a_buyer(), a_buyer()):
            call("like/like_product", "PUT", path, token=user.token)
        assert shown() == 0  # nobody has counted them yet
        event = sqs_event(*map(bus_message, events_about(products[0], "ProductLiked")))
        function("product/on_like_changed")(event, lambda_context())
        assert shown() == 2
        with counted() as sent:
            shown()
        assert sent.count == 0

    def test_the_cached_page_holds_only_ids_and_positions(
        self, brand: str, products: list[str]
    ) -> None:
        page(f"brand_id={brand}&sort=price_asc&limit=2")
        text = server().get(FIRST_PAGES.key(f"price_asc:{brand}"))
        assert isinstance(text, bytes)
        kept = json.loads(text.partition(b"\n")[2])
        assert set(kept) == {"positions", "until"}
        assert len(kept["positions"]) == 9
        assert all(UUID(id_).version == 7 for _, id_ in kept["positions"])

    def test_no_cache_entry_outlives_its_documented_time(
        self, brand: str, products: list[str]
    ) -> None:
        page(f"brand_id={brand}")
        get(products[0])
        call("brand/get_brand", "GET", f"/brands/{brand}")
        left = {
            name: server().pttl(key)
            for name, key in {
                "list": FIRST_PAGES.key(f"latest:{brand}"),
                "summary": SUMMARIES.key(products[0]),
                "brand": BRANDS.key(brand),
            }.items()
        }
        assert 25_000 < left["list"] <= 30_000
        assert 55_000 < left["summary"] <= 60_000
        assert 86_000_000 < left["brand"] <= 86_400_000

    def test_a_new_product_shows_at_once(self, brand: str, products: list[str]) -> None:
        assert len(ids_of(page(f"brand_id={brand}"))) == 9
        assert page("limit=1").status == 200
        body = {"brand_id": brand, "name": "Newest", "price_amount": 1}
        admin = an_admin().token
        made = call("product/register_product", "POST", "/admin/products", body=body, token=admin)
        new = made.json["product_id"]
        assert ids_of(page(f"brand_id={brand}"))[0] == new
        assert ids_of(page(f"brand_id={brand}&sort=price_asc"))[0] == new
        assert new in ids_of(page("limit=100"))


class TestBrands:
    def test_a_cached_brand_takes_no_statement(self) -> None:
        brand = a_brand("Acme")
        shown = {"brand_id": brand, "name": "Acme", "description": ""}
        assert call("brand/get_brand", "GET", f"/brands/{brand}").json == shown
        with counted() as sent:
            assert call("brand/get_brand", "GET", f"/brands/{brand.upper()}").json == shown
        assert sent.count == 0

    @pytest.mark.parametrize("unknown", [NOBODYS, "acme"])
    def test_an_unknown_brand_is_not_found(self, unknown: str) -> None:
        answer = call("brand/get_brand", "GET", f"/brands/{unknown}")
        assert (answer.status, answer.json["code"]) == (404, "BRAND_NOT_FOUND")


class TestRefresh:
    @pytest.mark.parametrize("turned", ["StockSoldOut", "StockReturned"])
    def test_a_summary_is_refreshed_when_the_stock_turns(self, turned: str) -> None:
        product = a_product(stock=1)
        sell_all(product, 1)
        get(product)
        rows("UPDATE product SET name = 'New' WHERE id = $1", product)  # behind the cache's back
        assert get(product).json["name"] == "Anvil"

        [envelope] = events_about(product, turned)
        answer = function("product/on_stock_turned")(
            sqs_event(bus_message(envelope)), lambda_context()
        )

        assert answer == {"batchItemFailures": []}
        with counted() as sent:
            assert get(product).json["name"] == "New"
        assert sent.count == 2  # the second looks for a drop, as no unit is left

    def test_a_summary_loaded_while_it_changes_is_not_cached(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Read before the change and stored after it: the change must not be undone."""
        product = a_product()
        read = ProductFacade.get

        @wraps(read)
        def overtaken(self: ProductFacade, product_id: str) -> Product:
            found = read(self, product_id)
            monkeypatch.undo()
            rows("UPDATE product SET name = 'New' WHERE id = $1", product)
            catalogue()._cache.invalidate(SUMMARIES, [product])
            return found

        monkeypatch.setattr(ProductFacade, "get", overtaken)
        assert get(product).json["name"] == "Anvil"
        assert server().get(SUMMARIES.key(product)) is None
        assert get(product).json["name"] == "New"


def test_ids_that_callers_make_up_leave_no_value_in_the_cache(own_shop: str) -> None:
    valkey = server()
    before = set(valkey.scan_iter())
    for _ in range(3):
        made_up = str(clock.new_id())
        assert page(f"brand_id={made_up}").json == {"items": [], "next_cursor": None}
        for kind in ("brand", "product"):
            path = f"/{kind}s/{made_up}"
            assert call(f"{kind}/get_{kind}", "GET", path).status == 404
    left = set(valkey.scan_iter()) - before
    assert len(left) <= 6  # locks of what was not found, for some seconds
    assert all(key.endswith(b":refill") and valkey.ttl(key) <= 5 for key in left)
