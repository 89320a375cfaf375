"""Staff and machines over HTTP: scopes, keys, suspensions, and the audit of all of it."""

from tests.e2e.caller import Answer, Caller, Json
from tests.e2e.shop import Buyer, Shop


def stock_of(caller: Caller, product_id: str, **headers: str) -> Answer:
    return caller.send("GET", f"/admin/products/{product_id}/stock", headers=headers)


def signed_in_again(shop: Shop, buyer: Buyer) -> Caller:
    answer = shop.anyone.open_session(buyer.user["login_id"], buyer.password)
    return shop.anyone.with_token(answer.require(201)["access_token"])


def test_staff_do_what_their_scopes_allow_until_they_are_revoked(shop: Shop) -> None:
    product_id, buyer = shop.new_product(stock=3), shop.new_buyer()
    path = f"/admin/staff/{buyer.user['user_id']}"
    stock_of(buyer.api, product_id).require_problem(403, "MISSING_SCOPE")
    granted = shop.admin.send("PUT", path, {"scopes": ["stock"]}).require(200)
    assert granted["scopes"] == ["stock"]
    staff = signed_in_again(shop, buyer)
    assert stock_of(staff, product_id).require(200)["available"] == 3
    refused = staff.register_brand("Mine").require_problem(403, "MISSING_SCOPE")
    assert refused["scope"] == "catalogue"
    staff.send("PUT", path, {"scopes": ["admin"]}).require_problem(403, "MISSING_SCOPE")
    assert shop.admin.send("DELETE", path).status == 204
    stock_of(staff, product_id).require_problem(401, "SESSION_ENDED")


def test_a_key_opens_its_scope_until_it_is_revoked(shop: Shop) -> None:
    product_id = shop.new_product(stock=3)
    body = {"name": "Warehouse", "scopes": ["stock"]}
    made: Json = shop.admin.send("POST", "/admin/api-keys", body).require(201)
    key = {"X-Api-Key": made["key"]}
    assert stock_of(shop.anyone, product_id, **key).require(200)["available"] == 3
    answer = shop.anyone.send("GET", "/admin/overview", headers=key)
    answer.require_problem(403, "MISSING_SCOPE")
    path = f"/admin/products/{product_id}/stock"
    shop.anyone.send("PUT", path, {"quantity": 2}, headers=key).require(200)
    assert shop.admin.send("DELETE", f"/admin/api-keys/{made['api_key_id']}").status == 204
    stock_of(shop.anyone, product_id, **key).require_problem(401, "INVALID_API_KEY")
    acts = shop.admin.send("GET", f"/admin/audit?by=key:{made['api_key_id']}").require(200)
    [act] = acts["items"]
    seen = act["action"], act["subject"], act["outcome"]
    assert seen == ("PUT /admin/products/{product_id}/stock", path, "DONE")
    assert [each["subject_id"] for each in act["changes"]] == [product_id]


def test_a_suspended_user_is_signed_out_and_stays_out_until_it_is_lifted(shop: Shop) -> None:
    buyer = shop.new_buyer()
    path = f"/admin/users/{buyer.user['user_id']}/suspension"
    shop.admin.send("POST", path, {"reason": "Uses stolen cards"}).require(200)
    buyer.api.me().require_problem(401, "SESSION_ENDED")
    login = buyer.user["login_id"], buyer.password
    shop.anyone.open_session(*login).require_problem(403, "ACCOUNT_SUSPENDED")
    found = shop.admin.send("GET", f"/admin/users?login_id={login[0]}").require(200)
    assert [each["suspension_reason"] for each in found["items"]] == ["Uses stolen cards"]
    assert shop.admin.send("DELETE", path).status == 204
    assert signed_in_again(shop, buyer).me().status == 200
