"""Scenarios in which admins register, edit, ship and deliver."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.harness.crash.cases import (
    CREATED,
    OK,
    PRICE,
    Case,
    Scenario,
    a_case,
    answered,
    cancelled_by_an_admin,
    ordered,
)
from tests.support.admin import (
    adjust_stock,
    archive,
    brand_of,
    count_stock,
    edit_brand,
    edit_product,
    movements_of,
    product_of,
    restore,
    set_stock,
    stock_seen,
    units_of,
)
from tests.support.coupons import an_offer
from tests.support.lambda_calls import call
from tests.support.shop import rows

_SEEN_BEFORE = "409 STALE_VERSION"  # who asks again with the tag of before has to look: it is done


def _register(name: str, path: str, body: Callable[[Case], Any]) -> Callable[[Case], str]:
    return lambda case: answered(
        call(name, "POST", path, body=body(case), token=case.admin.token, key=case.key)
    )


def _count_by_name(table: str) -> Callable[[Case], object]:
    """Return a function that counts the rows with a case's name and lists its admin's audit."""

    def look(case: Case) -> object:
        [found] = rows(f"SELECT count(*) AS n FROM {table} WHERE name = $1", case.key)
        return found.n, _audit(case)

    return look


def _audit(case: Case) -> list[str]:
    sql = 'SELECT action FROM admin_audit WHERE "by" = $1 ORDER BY id'
    return [row.action for row in rows(sql, f"admin:{case.admin.user_id}")]


def _with_a_brand() -> Case:
    case = a_case()
    [row] = rows("SELECT brand_id FROM product WHERE id = $1", case.product)
    return replace(case, words={"brand": str(row.brand_id)})


def _with_an_offer() -> Case:
    return replace(a_case(), words={"offer": an_offer()})  # asked again, it is the same


def _seen_brand() -> Case:
    case = _with_a_brand()
    tag = brand_of(case.words["brand"]).headers["etag"]
    return replace(case, words={**case.words, "tag": tag})


def _seen_product() -> Case:
    case = a_case()
    return replace(case, words={"tag": product_of(case.product).headers["etag"]})


def _edit_brand(case: Case) -> str:
    return answered(edit_brand(case.words["brand"], case.admin, case.words["tag"], name=case.key))


def _edited_brand(case: Case) -> object:
    sql = "SELECT version, name = $2 AS is_new FROM brand WHERE id = $1"
    [brand] = rows(sql, case.words["brand"], case.key)
    is_shown = brand_of(case.words["brand"]).json["name"] == case.key
    return tuple(brand), is_shown, _audit(case)


def _edit_product(case: Case) -> str:
    return answered(
        edit_product(case.product, case.admin, case.words["tag"], price_amount=PRICE + 1)
    )


def _edited_product(case: Case) -> object:
    [product] = rows("SELECT version FROM product WHERE id = $1", case.product)
    return product.version, product_of(case.product).json["price"]["amount"], _audit(case)


def _archive(case: Case) -> str:
    return answered(archive(case.product, case.admin, case.words["tag"]))


def _archived_product() -> Case:
    case = a_case()
    return replace(case, words={"tag": archive(case.product).headers["etag"]})


def _restore(case: Case) -> str:
    return answered(restore(case.product, case.admin, case.words["tag"]))


def _shelved_product(case: Case) -> object:
    sql = "SELECT version, archived_at IS NOT NULL AS is_archived FROM product WHERE id = $1"
    [product] = rows(sql, case.product)
    return tuple(product), product_of(case.product).status, _audit(case)


def _set_stock(case: Case) -> str:
    return answered(set_stock(case.product, 9, case.admin, case.words["tag"]))


def _shelf(case: Case) -> object:
    return units_of(case.product), _audit(case)


def _sold(*, stripes: int = 1) -> Case:
    """Two of twenty units are sold, and the stock's tag is known."""
    case = ordered(stock=20, stripes=stripes)
    return replace(case, words={"tag": stock_seen(case.product).headers["etag"]})


def _count(case: Case) -> str:
    return answered(count_stock(case.product, case.admin, case.words["tag"], on_hand=9))


def _adjust(case: Case) -> str:
    return answered(adjust_stock(case.product, -3, "LOST", case.admin, case.key))


SCENARIOS = (
    Scenario(
        "register_brand", "brand/register_brand", a_case,
        _register("brand/register_brand", "/admin/brands", lambda case: {"name": case.key}),
        CREATED, look=_count_by_name("brand"),
    ),
    Scenario(
        "register_product", "product/register_product", _with_a_brand,
        _register("product/register_product", "/admin/products",
                  lambda case: {"brand_id": case.words["brand"], "name": case.key,
                                "price_amount": PRICE}),
        CREATED, look=_count_by_name("product"),
    ),
    Scenario(
        "register_coupon", "coupon/register_coupon", _with_an_offer,
        _register("coupon/register_coupon", "/admin/coupons",
                  lambda case: {**case.words["offer"], "name": case.key}),
        CREATED, look=_count_by_name("coupon"),
    ),
    Scenario(
        "edit_brand", "brand/edit_brand", _seen_brand, _edit_brand, OK | {_SEEN_BEFORE},
        look=_edited_brand,
    ),
    Scenario(
        "edit_product", "product/edit_product", _seen_product, _edit_product, OK | {_SEEN_BEFORE},
        look=_edited_product,
    ),
    Scenario(
        "archive_product", "product/archive_product", _seen_product, _archive, OK | {_SEEN_BEFORE},
        look=_shelved_product,
    ),
    Scenario(
        "restore_product", "product/restore_product", _archived_product, _restore,
        OK | {_SEEN_BEFORE}, look=_shelved_product,
    ),
    Scenario(
        "set_stock", "product/set_stock", _seen_product, _set_stock, OK | {_SEEN_BEFORE},
        look=_audit,
    ),
    Scenario("count_shelf", "product/set_stock", _sold, _count, OK | {_SEEN_BEFORE}, look=_shelf),
    Scenario(
        "count_striped_shelf", "product/set_stock", lambda: _sold(stripes=4), _count,
        OK | {_SEEN_BEFORE}, look=_shelf,
    ),
    Scenario("adjust_stock", "product/adjust_stock", _sold, _adjust, CREATED, look=_shelf),
    Scenario(
        "adjust_striped_stock", "product/adjust_stock", lambda: _sold(stripes=4), _adjust, CREATED,
        look=_shelf,
    ),
    Scenario(
        "get_stock", "product/get_stock", _sold,
        lambda case: answered(
            stock_seen(case.product, case.admin),
            lambda seen: (seen["on_hand"], seen["reserved"], seen["available"]),
        ),
        frozenset({"200 (20, 2, 18)"}),
    ),
    Scenario(
        "list_stock_movements", "product/list_stock_movements", _sold,
        lambda case: answered(
            movements_of(case.product),
            lambda seen: [each["reason"] for each in seen["items"]],
        ),
        frozenset({"200 ['SOLD', 'COUNTED']"}),
    ),
    Scenario(
        "cancel_as_admin", "order/cancel_order_as_admin", ordered, cancelled_by_an_admin,
        OK | {"409 ORDER_NOT_CANCELLABLE"},
    ),
)  # fmt: skip
