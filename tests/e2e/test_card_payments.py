"""Card payments on the deployed stack: the gateway's own callback confirms, a refund reaches it."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.demo import a_token
from tests.e2e.caller import won
from tests.e2e.eventually import eventually
from tests.e2e.shop import Buyer, Shop, balance_of
from tests.e2e.stack import Stack


@pytest.fixture(autouse=True)
def _gateway(stack: Stack) -> Iterator[None]:
    stack.gateway.behave("healthy")
    yield
    stack.gateway.behave("default")


def a_card_order(shop: Shop, buyer: Buyer, price: int = 500, points: int = 0) -> dict[str, Any]:
    product = shop.new_product(stock=1, price=price)
    order: dict[str, Any] = buyer.api.place_card_order((product, 1), points=points).require(201)
    return order


def order_is(buyer: Buyer, order_id: str, status: str) -> dict[str, Any] | None:
    order: dict[str, Any] = buyer.api.order(order_id).require(200)
    return order if order["status"] == status else None


def test_a_callback_confirms_the_order_and_the_goods_go_out(
    stack: Stack, shop: Shop, buyer: Buyer
) -> None:
    order = a_card_order(shop, buyer, price=500, points=200)
    assert (order["status"], order["card_amount"]) == ("PENDING", won(300))

    payment = buyer.api.pay(order["order_id"]).require(201)

    assert (payment["status"], payment["amount"]) == ("PENDING", won(300))
    paid = eventually(lambda: order_is(buyer, order["order_id"], "CONFIRMED"))
    assert paid["payments"] == [{**payment, "status": "SUCCEEDED"}]
    assert buyer.api.payment(payment["payment_id"]).require(200)["status"] == "SUCCEEDED"
    [transaction] = stack.gateway.transactions(order["order_id"])
    assert [told["answer"] for told in transaction["callbacks"]] == [200]
    eventually(lambda: stack.delivery.notices(order["order_id"]))


def test_a_token_pays_one_order(stack: Stack, shop: Shop, buyer: Buyer) -> None:
    first, second = (a_card_order(shop, buyer)["order_id"] for _ in range(2))
    token = a_token(stack.gateway.url, "SAMSUNG", "1111-2222-3333-4444")
    buyer.api.pay(first, payment_token=token).require(201)
    paid = eventually(lambda: order_is(buyer, first, "CONFIRMED"))
    assert [each["card_last4"] for each in paid["payments"]] == ["4444"]
    refused = buyer.api.pay(second, payment_token=token).require(409)
    assert refused["code"] == "TOKEN_USED"


def test_a_paid_order_is_refunded_when_cancelled(stack: Stack, shop: Shop, buyer: Buyer) -> None:
    before = balance_of(buyer)
    order_id = a_card_order(shop, buyer, price=500, points=200)["order_id"]
    buyer.api.pay(order_id).require(201)
    eventually(lambda: order_is(buyer, order_id, "CONFIRMED"))
    assert balance_of(buyer) == before - 200

    buyer.api.cancel_order(order_id).require(200)

    assert balance_of(buyer) == before
    eventually(
        lambda: buyer.api.order(order_id).require(200)["payments"][0]["status"] == "REFUNDED",
    )
    [transaction] = stack.gateway.transactions(order_id)
    assert transaction["refunded_at"]


def refunded_by_gateway(stack: Stack, order_id: str) -> int:
    """Return what the gateway has refunded of an order."""
    [transaction] = stack.gateway.transactions(order_id)
    return sum(each["amount"] for each in transaction["refunds"])


def test_returned_units_and_refunds_by_staff_reach_the_card(
    stack: Stack, shop: Shop, buyer: Buyer
) -> None:
    product = shop.new_product(stock=3, price=500)
    order_id = buyer.api.place_card_order((product, 3)).require(201)["order_id"]
    buyer.api.pay(order_id).require(201)
    eventually(lambda: order_is(buyer, order_id, "CONFIRMED"))
    buyer.api.request_return(order_id, (product, 2)).require_problem(409, "RETURN_NOT_POSSIBLE")
    for step in ("shipment", "delivery"):
        shop.admin.take_step(order_id, step).require(200)

    requested = buyer.api.request_return(order_id, (product, 2)).require(201)
    received = shop.admin.receive_return(requested["return_id"], (product, 2)).require(200)
    shop.admin.refund_order(order_id, 100).require(201)

    assert (received["status"], received["refunded"]) == ("RECEIVED", won(1_000))
    assert shop.stock_of(product) == 2
    eventually(lambda: refunded_by_gateway(stack, order_id) == 1_100)
    order = buyer.api.order(order_id).require(200)
    assert (order["status"], order["refunded"]) == ("DELIVERED", won(1_100))
    assert order["returns"] == [received]
    assert [each["kind"] for each in order["refunds"]] == ["RETURN", "MANUAL"]
    shop.admin.refund_order(order_id, 401).require_problem(409, "REFUND_EXCEEDS_PAID")


@pytest.fixture
def _points_cost_money(stack: Stack) -> Iterator[None]:
    """Deploy PointCharging=CARD, for as long as a test lasts."""
    client, name = stack.aws("lambda"), stack.physical_id("ChargePointsFunction")
    found = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def configure(variables: dict[str, str]) -> None:
        environment = {"Variables": variables}
        client.update_function_configuration(FunctionName=name, Environment=environment)
        client.get_waiter("function_updated_v2").wait(FunctionName=name)

    configure({**found, "POINT_CHARGING": "CARD"})
    yield
    configure(found)


def charge_is(buyer: Buyer, charge_id: str, status: str) -> dict[str, Any] | None:
    path = f"/users/me/points/charges/{charge_id}"
    charge: dict[str, Any] = buyer.api.send("GET", path).require(200)
    return charge if charge["status"] == status else None


@pytest.mark.usefixtures("_points_cost_money")
def test_points_are_charged_to_a_card_credited_once_and_spent(stack: Stack, shop: Shop) -> None:
    buyer = shop.new_buyer()
    buyer.api.charge_points(3_000).require_problem(422, "CARD_REQUIRED")
    token = a_token(stack.gateway.url, "KB")
    card = {"card_type": "KB", "payment_token": token}

    charge = buyer.api.charge_points(3_000, **card).require(201)

    assert (charge["status"], charge["payment"]["status"]) == ("PENDING", "PENDING")
    credited = eventually(lambda: charge_is(buyer, charge["charge_id"], "CREDITED"))
    assert (credited["balance"], credited["payment"]["status"]) == (won(3_000), "SUCCEEDED")
    [transaction] = stack.gateway.transactions(charge["charge_id"])
    assert (transaction["amount"], transaction["refunds"]) == (3_000, [])
    buyer.place_order((shop.new_product(price=1_000), 1))
    assert balance_of(buyer) == 2_000


@pytest.mark.usefixtures("_points_cost_money")
def test_a_declined_charge_credits_nothing(stack: Stack, shop: Shop) -> None:
    buyer = shop.new_buyer()
    stack.gateway.behave("healthy", result="LIMIT_EXCEEDED")
    card = {"card_type": "KB", "payment_token": a_token(stack.gateway.url, "KB")}
    charge = buyer.api.charge_points(3_000, **card).require(201)
    failed = eventually(lambda: charge_is(buyer, charge["charge_id"], "FAILED"))
    assert failed["payment"]["failure_reason"] == "DECLINED"
    assert balance_of(buyer) == 0


def declined(buyer: Buyer, order_id: str) -> list[str] | None:
    """The reasons of the order's payments, as soon as all are declined."""
    payments = buyer.api.order(order_id).require(200)["payments"]
    if {each["status"] for each in payments} != {"FAILED"}:
        return None
    return [each["failure_reason"] for each in payments]


def test_a_declined_order_can_be_paid_until_its_third_decline(
    stack: Stack, shop: Shop, buyer: Buyer
) -> None:
    stack.gateway.behave("healthy", result="LIMIT_EXCEEDED")
    order_id = a_card_order(shop, buyer)["order_id"]
    for number in (1, 2, 3):
        assert order_is(buyer, order_id, "PENDING")
        buyer.api.pay(order_id).require(201)
        reasons = eventually(lambda: declined(buyer, order_id))
        assert reasons == ["DECLINED"] * number
    eventually(lambda: order_is(buyer, order_id, "CANCELLED"))


def test_only_the_gateways_callback_changes_a_payment(shop: Shop, buyer: Buyer) -> None:
    order_id = a_card_order(shop, buyer)["order_id"]
    callback = {"transactionKey": "TX", "orderId": order_id, "amount": 500, "status": "SUCCESS"}
    shop.anyone.send("POST", "/payments/callbacks", callback).require_problem(401, "BAD_SIGNATURE")
    assert order_is(buyer, order_id, "PENDING")


@pytest.mark.parametrize(
    ("function", "done"),
    [
        ("EveryMinuteReconcile", {"asked", "ended", "failed", "unknown"}),
        ("EveryMinuteExpire", {"expired", "waiting", "failed"}),
    ],
)
def test_the_every_minute_functions_run_as_deployed(
    stack: Stack, function: str, done: set[str]
) -> None:
    assert set(stack.invoke(f"{function}Function", {"id": "by hand"})) == done
