"""Edit as an admin, and read the audit."""

from typing import Any

from tests.support.lambda_calls import Answer, call
from tests.support.shop import Person, a_key, an_admin, rows


def edit_product(product_id: str, by: Person | None = None, tag: str = "", **body: Any) -> Answer:
    """PATCH /admin/products/{product_id}, under If-Match where a tag is given."""
    path = f"/admin/products/{product_id}"
    return _send("product/edit_product", "PATCH", path, body, by, tag)


def edit_brand(brand_id: str, by: Person | None = None, tag: str = "", **body: Any) -> Answer:
    """PATCH /admin/brands/{brand_id}, under If-Match where a tag is given."""
    return _send("brand/edit_brand", "PATCH", f"/admin/brands/{brand_id}", body, by, tag)


def set_stock(product_id: str, quantity: int, by: Person | None = None, tag: str = "") -> Answer:
    """PUT /admin/products/{product_id}/stock, under If-Match where a tag is given."""
    path = f"/admin/products/{product_id}/stock"
    return _send("product/set_stock", "PUT", path, {"quantity": quantity}, by, tag)


def count_stock(product_id: str, by: Person | None = None, tag: str = "", **body: int) -> Answer:
    """PUT /admin/products/{product_id}/stock with any fields."""
    path = f"/admin/products/{product_id}/stock"
    return _send("product/set_stock", "PUT", path, body, by, tag)


def adjust_stock(
    product_id: str,
    delta: int,
    reason: str = "CORRECTION",
    by: Person | None = None,
    key: str | None = None,
    **more: Any,
) -> Answer:
    """POST /admin/products/{product_id}/stock/adjustments."""
    return call(
        "product/adjust_stock",
        "POST",
        f"/admin/products/{product_id}/stock/adjustments",
        body={"delta": delta, "reason": reason, **more},
        token=(by or an_admin()).token,
        key=key or a_key(),
    )


def stock_seen(product_id: str, by: Person | None = None) -> Answer:
    """GET /admin/products/{product_id}/stock."""
    path = f"/admin/products/{product_id}/stock"
    return call("product/get_stock", "GET", path, token=(by or an_admin()).token)


def units_of(product_id: str) -> tuple[int, int, int]:
    """Return what is on hand, reserved and available, as staff see it."""
    seen = stock_seen(product_id).json
    return seen["on_hand"], seen["reserved"], seen["available"]


def movements_of(product_id: str, query: str = "") -> Answer:
    """GET /admin/products/{product_id}/stock/movements."""
    path = f"/admin/products/{product_id}/stock/movements{query}"
    return call("product/list_stock_movements", "GET", path, token=an_admin().token)


def archive(product_id: str, by: Person | None = None, tag: str = "") -> Answer:
    """POST /admin/products/{product_id}/archive, under If-Match where a tag is given."""
    path = f"/admin/products/{product_id}/archive"
    return _send("product/archive_product", "POST", path, None, by, tag)


def restore(product_id: str, by: Person | None = None, tag: str = "") -> Answer:
    """POST /admin/products/{product_id}/restore, under If-Match where a tag is given."""
    path = f"/admin/products/{product_id}/restore"
    return _send("product/restore_product", "POST", path, None, by, tag)


def put_stripes(product_id: str, stripes: int | None, by: Person | None = None) -> Answer:
    """PUT /admin/products/{product_id}/stripes."""
    path = f"/admin/products/{product_id}/stripes"
    return _send("product/set_stripes", "PUT", path, {"stripes": stripes}, by, "")


def product_of(product_id: str) -> Answer:
    """GET /products/{product_id}."""
    return call("product/get_product", "GET", f"/products/{product_id}")


def brand_of(brand_id: str) -> Answer:
    """GET /brands/{brand_id}."""
    return call("brand/get_brand", "GET", f"/brands/{brand_id}")


def audit_of(subject_id: str) -> list[tuple[str, str, Any, Any]]:
    """(by, action, before, after) of each change, in their order."""
    sql = 'SELECT "by", action, before, after FROM admin_audit WHERE subject_id = $1 ORDER BY id'
    return [tuple(row) for row in rows(sql, subject_id)]


def _send(name: str, method: str, path: str, body: Any, by: Person | None, tag: str) -> Answer:
    headers = {"If-Match": tag} if tag else {}
    return call(name, method, path, body=body, token=(by or an_admin()).token, headers=headers)
