"""A user is erased by the deployed stack: the export before it, and what is left after it."""

from tests.e2e.shop import Shop


def test_a_user_reads_what_is_kept_and_is_erased_for_good(shop: Shop) -> None:
    buyer, product = shop.new_buyer(points=2_000), shop.new_product(price=1_000)
    order_id = buyer.place_order((product, 1))
    kept = buyer.api.send("GET", "/users/me/export").require(200)["items"]
    assert {"account", "orders", "point_entries"} <= {each["section"] for each in kept}

    password = {"password": buyer.password}
    refused = buyer.api.send("DELETE", "/users/me", password).require_problem(409, "OPEN_ORDERS")
    assert refused["order_ids"] == [order_id]
    buyer.api.send("POST", f"/orders/{order_id}/cancellation").require(200)
    buyer.api.send("DELETE", "/users/me", {"password": "wrong"}).require_problem(401)

    assert buyer.api.send("DELETE", "/users/me", password).status == 204
    buyer.api.send("GET", "/users/me").require_problem(401, "SESSION_ENDED")
