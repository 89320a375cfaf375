"""Coupons from their offer to their return, and admins who do not overwrite each other."""

from concurrent.futures import ThreadPoolExecutor

from tests.e2e.caller import Answer, a_coupon, a_key, an_order, won
from tests.e2e.eventually import eventually
from tests.e2e.shop import Buyer, Shop, balance_of

WITHIN_SECONDS = 60
COUPON = {*a_coupon(), "coupon_id", "issued_quantity"}


def place_with(buyer: Buyer, issued_coupon_id: str, *lines: tuple[str, int]) -> Answer:
    body = {**an_order(*lines), "issued_coupon_id": issued_coupon_id}
    return buyer.api.send("POST", "/orders", body, key=a_key())


def test_a_coupon_is_offered_issued_used_and_returned(shop: Shop) -> None:
    buyer = shop.new_buyer(points=10_000)
    offer = shop.admin.register_coupon(kind="RATE", value=15, max_discount=2_000)
    coupon = offer.require(201)
    assert set(coupon) == COUPON
    assert offer.headers["ETag"]
    offered = shop.anyone.coupons(limit=100).require(200)["items"]
    assert coupon in offered

    first, again = (buyer.api.issue_coupon(coupon["coupon_id"]) for _ in range(2))
    issued = first.require(201)
    assert issued == {**issued, "coupon_id": coupon["coupon_id"], "status": "AVAILABLE"}
    assert again.require(200) == issued
    assert buyer.api.my_coupons(status="AVAILABLE").require(200)["items"] == [issued]

    product_id = shop.new_product(stock=5, price=1_010)
    order = place_with(buyer, issued["issued_coupon_id"], (product_id, 3)).require(201)
    shown = {name: order[name] for name in ("total", "discount", "points_used", "card_amount")}
    assert shown == {
        "total": won(3_030),
        "discount": won(455),  # 454.5, half up
        "points_used": won(2_575),
        "card_amount": won(0),
    }
    assert balance_of(buyer) == 7_425
    used = [{**issued, "status": "USED"}]
    assert buyer.api.my_coupons().require(200)["items"] == used
    place_with(buyer, issued["issued_coupon_id"], (product_id, 1)).require_problem(
        409, "COUPON_NOT_USABLE"
    )

    buyer.api.cancel_order(order["order_id"]).require(200)
    assert buyer.api.my_coupons().require(200)["items"] == [issued]
    assert (balance_of(buyer), shop.stock_of(product_id)) == (10_000, 5)


def test_the_last_copy_is_issued_once(shop: Shop) -> None:
    coupon_id = shop.admin.register_coupon(total_quantity=1).require(201)["coupon_id"]
    buyers = [shop.new_buyer() for _ in range(4)]
    with ThreadPoolExecutor(len(buyers)) as threads:
        answers = list(threads.map(lambda each: each.api.issue_coupon(coupon_id), buyers))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    for answer in answers:
        if answer.status == 409:
            answer.require_problem(409, "COUPON_SOLD_OUT")
    offered = shop.anyone.coupons(limit=100).require(200)["items"]
    assert coupon_id not in {each["coupon_id"] for each in offered}


def test_an_unavailable_coupon_is_not_issued(shop: Shop) -> None:
    buyer, product = shop.new_buyer(), shop.new_product()
    over = shop.admin.register_coupon(valid_until="2026-01-02T00:00:00Z").require(201)
    buyer.api.issue_coupon(over["coupon_id"]).require_problem(409, "COUPON_EXPIRED")
    early = shop.admin.register_coupon(valid_from="2098-01-01T00:00:00Z").require(201)
    buyer.api.issue_coupon(early["coupon_id"]).require_problem(409, "COUPON_NOT_YET_VALID")
    buyer.api.issue_coupon(product).require_problem(404, "COUPON_NOT_FOUND")
    shop.admin.register_coupon(kind="RATE", value=101).require_problem(422, "VALIDATION_FAILED")


def test_another_users_coupon_is_not_used(shop: Shop) -> None:
    buyer, other, product = shop.new_buyer(5_000), shop.new_buyer(), shop.new_product()
    coupon_id = shop.admin.register_coupon().require(201)["coupon_id"]
    theirs = other.api.issue_coupon(coupon_id).require(201)["issued_coupon_id"]
    with shop.nothing_moves(buyer, product):
        place_with(buyer, theirs, (product, 1)).require_problem(409, "COUPON_NOT_USABLE")
    assert other.api.my_coupons().require(200)["items"][0]["status"] == "AVAILABLE"


def test_the_second_of_two_edits_of_one_version_is_stale(shop: Shop) -> None:
    product_id = shop.new_product(price=1_000)
    seen = shop.anyone.product(product_id)
    tag = seen.headers["ETag"]
    edited = shop.admin.edit_product(product_id, tag, price_amount=900)
    assert edited.require(200)["price"] == won(900)
    shop.admin.edit_product(product_id, tag, price_amount=800).require_problem(409, "STALE_VERSION")
    version = seen.require(200)["version"]
    shop.admin.edit_product(product_id, price_amount=800, version=version).require_problem(
        409, "STALE_VERSION"
    )
    stock = f"/admin/products/{product_id}/stock"
    headers = {"If-Match": tag}  # an edit moves no units, a count does
    assert shop.admin.send("PUT", stock, {"quantity": 1}, headers=headers).status == 200
    shop.admin.send("PUT", stock, {"quantity": 2}, headers=headers).require_problem(
        409, "STALE_VERSION"
    )
    again = shop.anyone.product(product_id)
    assert again.require(200)["price"] == won(900)
    headers = {"If-Match": again.headers["ETag"]}
    assert shop.admin.send("PUT", stock, {"quantity": 2}, headers=headers).status == 200


def test_an_edit_shows_in_lists_and_leaves_old_orders_unchanged(shop: Shop) -> None:
    brand = shop.new_brand("Acme")
    product_id = shop.new_product(price=1_000, brand=brand)
    buyer = shop.new_buyer(points=1_000)
    order_id = buyer.place_order((product_id, 1))
    before = buyer.api.order(order_id).require(200)
    shop.anyone.brand(brand["brand_id"]).require(200)
    shop.anyone.products(brand_id=brand["brand_id"]).require(200)  # and keeps it for a minute

    tag = shop.anyone.brand(brand["brand_id"]).headers["ETag"]
    shop.admin.edit_brand(brand["brand_id"], tag, name="Emca").require(200)
    shop.admin.edit_brand(brand["brand_id"], tag, name="Acem").require_problem(409, "STALE_VERSION")
    shop.admin.edit_product(product_id, price_amount=700).require(200)

    def shows() -> bool:
        [listed] = shop.anyone.products(brand_id=brand["brand_id"]).require(200)["items"]
        assert (listed["price"], listed["brand"]["name"]) == (won(700), "Emca")
        return True

    def brand_shows() -> bool:  # it is kept for a day: only the event brings the new name
        name: str = shop.anyone.brand(brand["brand_id"]).require(200)["name"]
        return name == "Emca"

    assert eventually(shows, WITHIN_SECONDS - 10)
    assert eventually(brand_shows)
    assert buyer.api.order(order_id).require(200) == before
