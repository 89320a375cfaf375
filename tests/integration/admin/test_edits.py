"""Admins edit brands, products and stock, and cannot overwrite each other."""

from typing import Any

import pytest

from commerce.shared.events import ENVELOPE
from tests.support.admin import (
    audit_of,
    brand_of,
    edit_brand,
    edit_product,
    product_of,
    set_stock,
)
from tests.support.lambda_calls import (
    Answer,
    bus_message,
    call,
    function,
    lambda_context,
    sqs_event,
)
from tests.support.orders import an_order, place
from tests.support.shop import (
    a_brand,
    a_buyer,
    a_product,
    an_admin,
    assert_books_hold,
    rows,
    stock_of,
)

pytestmark = pytest.mark.usefixtures("shop_environment")

NOBODYS = "00000000-0000-4000-8000-000000000000"


def tag_of(answer: Answer) -> str:
    return answer.headers["etag"]


def assert_stale(answer: Answer) -> None:
    assert (answer.status, answer.json["code"]) == (409, "STALE_VERSION")


class TestProducts:
    def test_an_edit_changes_only_the_fields_sent(self) -> None:
        brand, product = a_brand("Acme"), ""
        product = a_product(stock=4, price=1_000, name="Anvil", brand_id=brand)
        seen = product_of(product)
        answer = edit_product(product, price_amount=900, tag=tag_of(seen))
        price = {"amount": 900, "currency": "KRW"}
        assert (answer.status, answer.json) == (200, {**seen.json, "price": price, "version": 2})
        again = product_of(product)
        assert again.json == answer.json
        assert tag_of(again) == tag_of(answer)
        assert edit_product(product, name="Feather", description="Light.").json["name"] == "Feather"
        shown = product_of(product).json
        assert (shown["name"], shown["description"], shown["version"]) == ("Feather", "Light.", 3)
        assert (shown["price"], shown["stock_quantity"]) == (price, 4)

    def test_a_product_can_move_to_another_brand(self) -> None:
        product, other = a_product(), a_brand("Other")
        assert edit_product(product, brand_id=other.upper()).json["brand"]["name"] == "Other"
        assert product_of(product).json["brand"]["brand_id"] == other
        answer = edit_product(product, brand_id=NOBODYS)
        assert (answer.status, answer.json["code"]) == (404, "BRAND_NOT_FOUND")

    def test_the_second_of_two_edits_of_one_version_is_stale(self) -> None:
        product = a_product(price=1_000)
        tag = tag_of(product_of(product))
        assert edit_product(product, price_amount=900, tag=tag).status == 200
        assert_stale(edit_product(product, price_amount=800, tag=tag))
        assert_stale(edit_product(product, name="Feather", tag=tag))
        assert product_of(product).json["price"]["amount"] == 900
        assert len(audit_of(product)) == 3  # registered, counted, edited

    def test_the_version_may_be_in_the_body(self) -> None:
        product = a_product(price=1_000)
        assert edit_product(product, price_amount=900, version=1).json["version"] == 2
        assert_stale(edit_product(product, price_amount=800, version=1))
        assert_stale(edit_product(product, price_amount=800, version=2, tag='"1-0123456789abcdef"'))
        assert edit_product(product, price_amount=800, version=None).status == 200

    def test_an_edit_without_a_version_applies_to_the_current_one(self) -> None:
        product = a_product(price=1_000)
        assert edit_product(product, price_amount=900).status == 200
        assert edit_product(product, price_amount=800, tag="*").status == 200
        assert product_of(product).json["version"] == 3

    @pytest.mark.parametrize("tag", ['"other"', '"9"', '"1.9-x", "0-x"', "1-abc"])
    def test_a_foreign_etag_matches_nothing(self, tag: str) -> None:
        answer = set_stock(product := a_product(stock=2), 5, tag=tag)
        assert_stale(answer)
        assert stock_of(product) == 2

    def test_likes_and_sales_do_not_make_an_edit_stale(self) -> None:
        product, buyer = a_product(stock=5, price=100), a_buyer(points=1_000)
        tag = tag_of(product_of(product))
        an_order(buyer, (product, 2))
        rows("UPDATE product SET like_count = like_count + 1 WHERE id = $1", product)
        assert tag_of(product_of(product)) != tag
        assert edit_product(product, price_amount=90, tag=tag).status == 200
        assert product_of(product).json["like_count"] == 1

    def test_an_edit_without_changes_makes_no_new_version(self) -> None:
        product = a_product(price=1_000, name="Anvil")
        before = audit_of(product)
        for body in ({}, {"price_amount": 1_000}, {"name": "Anvil", "description": ""}):
            assert edit_product(product, **body).json["version"] == 1
        brand = product_of(product).json["brand"]["brand_id"]
        assert edit_product(product, brand_id=brand.upper()).json["version"] == 1
        assert audit_of(product) == before
        assert edit_events(product) == []

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": None}, "name"),
            ({"name": ""}, "name"),
            ({"price_amount": -1}, "price_amount"),
            ({"price_amount": "900"}, "price_amount"),
            ({"price_amount": None}, "price_amount"),
            ({"like_count": 5}, "like_count"),
            ({"stock_quantity": 5}, "stock_quantity"),
            ({"version": "1"}, "version"),
        ],
    )
    def test_an_invalid_edit_is_refused(self, body: dict[str, Any], field: str) -> None:
        product = a_product()
        answer = edit_product(product, **body)
        assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")
        assert answer.json["errors"][0]["field"].startswith(field)
        assert product_of(product).json["version"] == 1

    @pytest.mark.parametrize("product_id", [NOBODYS, "anvil", "%00"])
    def test_an_unknown_one_is_not_found(self, product_id: str) -> None:
        answer = edit_product(product_id, name="Feather")
        assert (answer.status, answer.json["code"]) == (404, "PRODUCT_NOT_FOUND")

    def test_only_an_admin_edits(self) -> None:
        product = a_product()
        assert edit_product(product, by=a_buyer(), name="Mine").status == 403
        assert product_of(product).json["name"] == "Anvil"

    def test_an_edit_is_never_answered_304(self) -> None:
        product = a_product()
        answer = call(
            "product/edit_product",
            "PATCH",
            f"/admin/products/{product}",
            body={},
            token=an_admin().token,
            headers={"If-None-Match": "*"},
        )
        assert answer.status == 200


class TestOldOrders:
    def test_old_orders_keep_product_name_and_price(self) -> None:
        brand = a_brand("Acme")
        product = a_product(stock=5, price=1_000, name="Anvil", brand_id=brand)
        buyer = a_buyer(points=5_000)
        order_id = an_order(buyer, (product, 2))
        path = f"/orders/{order_id}"
        before = call("order/get_order", "GET", path, token=buyer.token).json
        assert edit_product(product, name="Feather", price_amount=1).status == 200
        assert edit_brand(brand, name="Emca").status == 200
        assert call("order/get_order", "GET", path, token=buyer.token).json == before
        [line] = place(buyer, (product, 1)).json["lines"]
        assert (line["product_name"], line["brand_name"]) == ("Feather", "Emca")
        assert line["unit_price"]["amount"] == 1
        assert_books_hold(product, users=[buyer.user_id])


class TestStock:
    def test_stock_is_set_under_the_products_etag(self) -> None:
        product = a_product(stock=5)
        first = set_stock(product, 7, tag=tag_of(product_of(product)))
        assert (first.status, first.json["stock_quantity"]) == (200, 7)
        assert set_stock(product, 9, tag=tag_of(first)).status == 200
        assert_stale(set_stock(product, 8, tag=tag_of(first)))
        assert stock_of(product) == 9
        assert_books_hold(product)

    def test_the_second_of_two_stock_counts_of_one_version_is_stale(self) -> None:
        product = a_product(stock=5)
        tag = tag_of(product_of(product))
        assert set_stock(product, 5, tag=tag).status == 200  # the same number, and still a count
        assert_stale(set_stock(product, 6, tag=tag))
        assert stock_of(product) == 5

    def test_a_sale_makes_a_stock_count_stale_but_an_edit_does_not(self) -> None:
        product, buyer = a_product(stock=5, price=100), a_buyer(points=1_000)
        tag = tag_of(product_of(product))
        an_order(buyer, (product, 2))
        assert_stale(set_stock(product, 10, tag=tag))
        assert stock_of(product) == 3
        tag = tag_of(product_of(product))
        edit_product(product, price_amount=1)
        assert set_stock(product, 10, tag=tag).status == 200
        assert_books_hold(product, users=[buyer.user_id])

    def test_a_stock_count_does_not_make_an_edit_stale(self) -> None:
        product = a_product(stock=5)
        tag = tag_of(product_of(product))
        set_stock(product, 7)
        assert edit_product(product, name="Feather", tag=tag).status == 200


class TestBrands:
    def test_a_brand_is_edited_under_its_etag(self) -> None:
        brand = a_brand("Acme")
        seen = brand_of(brand)
        answer = edit_brand(brand, name="Emca", tag=tag_of(seen))
        assert (answer.status, answer.json) == (200, {**seen.json, "name": "Emca"})
        assert tag_of(answer).startswith('"2-')
        assert_stale(edit_brand(brand, name="Acem", tag=tag_of(seen)))
        assert_stale(edit_brand(brand, description="Other", version=1))
        assert edit_brand(brand, description="Other", version=2).json["name"] == "Emca"
        assert edit_brand(brand).status == 200

    def test_a_new_brand_has_an_etag(self) -> None:
        token = an_admin().token
        body = {"name": "Acme"}
        made = call("brand/register_brand", "POST", "/admin/brands", body=body, token=token)
        assert (made.status, tag_of(made)[:3]) == (201, '"1-')
        assert edit_brand(made.json["brand_id"], name="Emca", tag=tag_of(made)).status == 200

    @pytest.mark.parametrize("body", [{"name": None}, {"name": " "}, {"colour": "red"}])
    def test_an_invalid_edit_is_refused(self, body: dict[str, Any]) -> None:
        assert edit_brand(a_brand(), **body).status == 422

    def test_an_unknown_one_is_not_found(self) -> None:
        answer = edit_brand(NOBODYS, name="Acme")
        assert (answer.status, answer.json["code"]) == (404, "BRAND_NOT_FOUND")

    def test_only_an_admin_edits(self) -> None:
        assert edit_brand(a_brand(), by=a_buyer(), name="Mine").status == 403


class TestAudit:
    def test_the_audit_has_actor_and_previous_values_of_every_change(self) -> None:
        admin, brand = an_admin(), a_brand("Acme")
        by, token = f"admin:{admin.user_id}", admin.token
        body = {"brand_id": brand, "name": "Anvil", "price_amount": 1_000}
        path = "/admin/products"
        made = call("product/register_product", "POST", path, body=body, token=token)
        product = made.json["product_id"]
        edit_product(product, by=admin, price_amount=900, name="Anvil", description="It falls.")
        set_stock(product, 5, by=admin)
        registered, *changes = audit_of(product)
        assert registered[:3] == (by, "REGISTER_PRODUCT", {})
        assert registered[3].items() >= {**body, "description": "", "max_per_buyer": None}.items()
        assert changes == [
            (
                by,
                "EDIT_PRODUCT",
                {"price_amount": 1_000, "description": ""},
                {"price_amount": 900, "description": "It falls."},
            ),
            (
                by,
                "SET_STOCK",
                {"on_hand": 0, "reserved": 0, "available": 0},
                {"on_hand": 5, "reserved": 0, "available": 5},
            ),
        ]
        edit_brand(brand, by=admin, name="Emca")
        assert audit_of(brand)[1:] == [(by, "EDIT_BRAND", {"name": "Acme"}, {"name": "Emca"})]

    def test_a_refused_edit_is_not_in_the_audit(self) -> None:
        product = a_product(stock=1)
        before = audit_of(product)
        edit_product(product, name="Feather", version=9)
        set_stock(product, 3, tag='"9"')
        assert audit_of(product) == before

    def test_an_audit_entry_has_the_request_id(self) -> None:
        product = a_product()
        answer = edit_product(product, name="Feather")
        sql = "SELECT trace_id FROM admin_audit WHERE subject_id = $1 ORDER BY id DESC LIMIT 1"
        assert rows(sql, product)[0].trace_id == answer.headers["x-request-id"]


def edit_events(id_: str) -> list[dict[str, Any]]:
    """The envelopes of the edits of a product or brand."""
    sql = f"""
        SELECT {", ".join(ENVELOPE)} FROM outbox
        WHERE type IN ('ProductChanged', 'BrandChanged')
            AND (data ->> 'product_id' = $1 OR aggregate_id = CAST($1 AS uuid))
        ORDER BY position
    """
    return [
        {**row._asdict(), "id": str(row.id), "aggregate_id": str(row.aggregate_id),
         "occurred_at": row.occurred_at.isoformat()}
        for row in rows(sql, id_)
    ]  # fmt: skip


def deliver(*envelopes: dict[str, Any]) -> None:
    event = sqs_event(*map(bus_message, envelopes))
    answer = function("product/on_catalogue_changed")(event, lambda_context())
    assert answer == {"batchItemFailures": []}


class TestShoppers:
    """Caches that shoppers read follow an edit by its event."""

    def listed(self, brand: str, sort: str = "latest") -> list[dict[str, Any]]:
        path = f"/products?brand_id={brand}&sort={sort}"
        items: list[dict[str, Any]] = call("product/list_products", "GET", path).json["items"]
        return items

    def test_a_new_price_shows_in_lists_and_moves_the_product(self) -> None:
        brand = a_brand()
        cheap, dear = (a_product(price=price, brand_id=brand) for price in (100, 200))
        ids = [each["product_id"] for each in self.listed(brand, "price_asc")]
        assert ids == [cheap, dear]
        edit_product(cheap, price_amount=300)
        [event] = edit_events(cheap)
        assert event["data"] == {
            "product_id": cheap,
            "brand_id": brand,
            "name": "Anvil",
            "price": {"amount": 300, "currency": "KRW"},
            "version": 2,
        }
        deliver(event)
        shown = [(e["product_id"], e["price"]["amount"]) for e in self.listed(brand, "price_asc")]
        assert shown == [(dear, 200), (cheap, 300)]

    def test_a_new_brand_name_shows_on_the_brand_and_its_products(self) -> None:
        brand = a_brand("Acme")
        products = [a_product(brand_id=brand) for _ in range(3)]
        assert brand_of(brand).json["name"] == "Acme"
        assert {each["brand"]["name"] for each in self.listed(brand)} == {"Acme"}
        edit_brand(brand, name="Emca")
        assert {each["brand"]["name"] for each in self.listed(brand)} == {"Acme"}  # still kept
        deliver(*edit_events(brand))
        assert brand_of(brand).json["name"] == "Emca"
        assert [e["brand"]["name"] for e in self.listed(brand)] == ["Emca"] * len(products)
        assert product_of(products[0]).json["brand"]["name"] == "Emca"

    def test_a_repeated_change_event_or_one_of_a_deleted_product_is_harmless(self) -> None:
        brand, product = a_brand(), a_product()
        edit_brand(brand, name="Emca")
        edit_product(product, name="Feather")
        events = [*edit_events(brand), *edit_events(product)]
        gone = {**events[1], "data": {**events[1]["data"], "product_id": NOBODYS}}
        deliver(*events, *events, gone)
        assert product_of(product).json["name"] == "Feather"
