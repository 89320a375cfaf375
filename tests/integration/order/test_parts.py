"""Parts of an order are cancelled: its units, its money by means, and who learns of it."""

from typing import Any

import pytest

from infra.local.gateway.behaviour import Mode
from tests.support.addresses import an_address
from tests.support.coupons import an_issued, place_with
from tests.support.delivery import Delivery
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import Answer, call
from tests.support.orders import (
    a_pending_order,
    cancel,
    cancel_as_admin,
    deliver,
    events_of,
    history_of,
    outcome,
    place,
    ship,
    status_of,
    types_of,
    won,
)
from tests.support.payments import (
    events_of_payments,
    follow,
    place_by_card,
    reconcile,
    statuses_of,
)
from tests.support.shipping import consume as send_notice
from tests.support.shop import (
    Person,
    a_key,
    a_product,
    balance_of,
    rows,
    stock_of,
)
from tests.support.two_products import TwoProducts

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def world() -> TwoProducts:
    return TwoProducts()


def lines(*units: tuple[str, int]) -> dict[str, Any]:
    return {"lines": [{"product_id": id_, "quantity": quantity} for id_, quantity in units]}


def part(buyer: Person, order_id: str, *units: tuple[str, int], **request: Any) -> Answer:
    return cancel(buyer, order_id, body=lines(*units), **request)


def shown(buyer: Person, order_id: str) -> dict[str, Any]:
    found = call("order/get_order", "GET", f"/orders/{order_id}", token=buyer.token).json
    return dict(found)


def test_cancelled_units_are_in_stock_again_and_their_points_on_the_account(
    world: TwoProducts,
) -> None:
    order_id = world.order()
    assert world.left() == (2, 4, 670)

    answer = part(world.buyer, order_id, (world.anvil.upper(), 2))

    assert (answer.status, answer.json["status"]) == (200, "CONFIRMED")
    assert answer.json["refunded"] == won(200)
    assert [
        (each["product_name"], each["quantity"], each["cancelled_quantity"])
        for each in answer.json["lines"]
    ] == [("Anvil", 3, 2), ("Rope", 1, 0)]
    assert world.left() == (4, 4, 870)
    by = f"user:{world.buyer.user_id}"
    assert history_of(order_id)[1:] == [("CONFIRMED", by, "Cancelled by its buyer")]
    page = shown(world.buyer, order_id)
    [refund] = page["refunds"]
    assert (refund["kind"], refund["amount"]) == ("CANCELLATION", won(200))
    assert (refund["card_amount"], refund["points"]) == (won(0), won(200))
    assert page["total"] == won(330)
    world.assert_books_hold()


def test_the_event_has_the_units_what_is_left_and_what_was_refunded(world: TwoProducts) -> None:
    order_id = world.order()
    answer = cancel(
        world.buyer, order_id, body={"reason": "Jane wants less", **lines((world.anvil, 3))}
    )
    event = events_of(order_id)[-1]
    assert (event["type"], event["aggregate_version"]) == ("OrderLinesCancelled", 3)
    assert event["trace_id"] == answer.headers["x-request-id"]
    data = event["data"]
    assert data["lines"] == [
        {
            "product_id": world.anvil,
            "product_name": "Anvil",
            "unit_price": won(100),
            "quantity": 3,
            "quantity_left": 0,
        }
    ]
    assert (data["total"], data["points_refund"], data["card_refund"]) == (
        won(300),
        won(300),
        won(0),
    )
    assert data["reason"] == "Cancelled by its buyer"  # no words of a buyer's
    assert history_of(order_id)[-1][2] == "Jane wants less"


def test_the_last_units_cancel_the_order_and_only_then_the_coupon_comes_back(
    world: TwoProducts,
) -> None:
    copy = an_issued(world.buyer, value=100)
    placed = place_with(world.buyer, copy, (world.anvil, 3))
    order_id = str(placed.json["order_id"])
    used = "SELECT used_by_order AS used FROM issued_coupon WHERE id = $1"
    balances = [balance_of(world.buyer.user_id)]
    for _ in range(3):
        assert rows(used, copy)[0].used is not None
        assert part(world.buyer, order_id, (world.anvil, 1)).status == 200
        balances.append(balance_of(world.buyer.user_id))
    assert balances == [800, 867, 934, 1_000]
    assert status_of(order_id) == "CANCELLED"
    assert rows(used, copy)[0].used is None
    assert types_of(order_id)[2:] == [
        "OrderLinesCancelled",
        "OrderLinesCancelled",
        "OrderCancelled",
    ]
    assert events_of(order_id)[-1]["data"]["lines"][0]["quantity"] == 1
    assert stock_of(world.anvil) == 5
    world.assert_books_hold()


def test_a_whole_cancellation_refunds_what_parts_have_left(world: TwoProducts) -> None:
    order_id = world.order()
    part(world.buyer, order_id, (world.anvil, 1))
    answer = cancel(world.buyer, order_id)
    assert (answer.json["status"], answer.json["refunded"]) == ("CANCELLED", won(330))
    assert [each["cancelled_quantity"] for each in answer.json["lines"]] == [3, 1]
    assert world.left() == (5, 5, 1_000)
    data = events_of(order_id)[-1]["data"]
    assert [(each["product_name"], each["quantity"]) for each in data["lines"]] == [
        ("Anvil", 2),
        ("Rope", 1),
    ]
    assert (data["total"], data["points_used"]) == (won(230), won(230))
    amounts = [each["amount"] for each in shown(world.buyer, order_id)["refunds"]]
    assert amounts == [won(100), won(230)]
    world.assert_books_hold()


def test_only_what_is_left_is_shipped(world: TwoProducts) -> None:
    order_id = world.order()
    part(world.buyer, order_id, (world.anvil, 2), (world.rope, 1))
    assert ship(world.admin, order_id).status == 200
    sql = "SELECT on_hand FROM stock WHERE product_id = $1"
    assert [rows(sql, id_)[0].on_hand for id_ in (world.anvil, world.rope)] == [4, 5]
    assert deliver(world.admin, order_id).status == 200
    world.assert_books_hold()


def test_a_shipped_order_that_staff_cancel_refunds_what_parts_have_left(world: TwoProducts) -> None:
    order_id = world.order()
    part(world.buyer, order_id, (world.anvil, 1))
    ship(world.admin, order_id)
    answer = cancel_as_admin(world.admin, order_id, body=lines((world.anvil, 1)))
    assert outcome(answer) == "ORDER_NOT_CANCELLABLE"
    assert "only a CONFIRMED one" in answer.json["detail"]
    assert cancel_as_admin(world.admin, order_id).json["refunded"] == won(330)
    assert world.left() == (3, 4, 1_000)
    world.assert_books_hold()


def test_an_admin_cancels_a_part_of_anybodys_order(world: TwoProducts) -> None:
    order_id = world.order()
    answer = cancel_as_admin(world.admin, order_id, body=lines((world.rope, 1)))
    assert answer.status == 200
    assert history_of(order_id)[-1][1:] == (
        f"admin:{world.admin.user_id}",
        "Cancelled by an admin",
    )
    assert world.left() == (2, 5, 700)
    world.assert_books_hold()


@pytest.mark.parametrize("quantity", [4, 10**9])
def test_more_than_is_left_is_refused_and_says_what_is_left(
    world: TwoProducts, quantity: int
) -> None:
    order_id = world.order()
    answer = part(world.buyer, order_id, (world.rope, 1), (world.anvil, quantity))
    assert outcome(answer) == "NOTHING_LEFT"
    assert answer.json["errors"] == [{"product_id": world.anvil, "requested": quantity, "left": 3}]
    assert world.left() == (2, 4, 670)
    assert types_of(order_id) == ["OrderPlaced", "OrderConfirmed"]


def test_what_is_no_product_of_the_order_has_nothing_left(world: TwoProducts) -> None:
    order_id = world.order()
    for id_ in (a_product(), "no-id"):
        answer = part(world.buyer, order_id, (id_, 1))
        assert outcome(answer) == "NOTHING_LEFT"
        assert answer.json["errors"] == [{"product_id": id_, "requested": 1, "left": 0}]
    assert world.left() == (2, 4, 670)


@pytest.mark.parametrize(
    ("units", "field"),
    [
        ([], "lines"),
        ([("anvil", 0)], "lines.0.quantity"),
        ([("anvil", 1), ("ANVIL", 1)], "lines"),
    ],
    ids=["none", "zero", "twice"],
)
def test_bad_lines_cancel_nothing(
    world: TwoProducts, units: list[tuple[str, int]], field: str
) -> None:
    order_id = world.order()
    ids = {"anvil": world.anvil, "ANVIL": world.anvil.upper()}
    answer = part(world.buyer, order_id, *((ids[name], n) for name, n in units))
    assert (answer.status, [each["field"] for each in answer.json["errors"]]) == (422, [field])
    assert world.left() == (2, 4, 670)


def test_an_unpaid_order_is_cancelled_as_a_whole_or_not_at_all(world: TwoProducts) -> None:
    placed = place_by_card(world.buyer, (world.anvil, 2), points=50)
    order_id = str(placed.json["order_id"])
    assert outcome(part(world.buyer, order_id, (world.anvil, 1))) == "ORDER_NOT_CANCELLABLE"
    assert part(world.buyer, order_id, (world.anvil, 2)).json["status"] == "CANCELLED"
    assert world.left() == (5, 5, 1_000)
    pending = a_pending_order(world.buyer, world.rope, points=10)
    assert cancel(world.buyer, pending).json["refunded"] == won(10)
    world.assert_books_hold()


def test_one_key_cancels_one_part(world: TwoProducts) -> None:
    order_id, key = world.order(), a_key()
    first, again = (part(world.buyer, order_id, (world.anvil, 1), key=key) for _ in range(2))
    assert (again.status, again.json) == (200, first.json)
    assert again.headers["idempotency-replayed"] == "true"
    assert world.left() == (3, 4, 770)


def test_cancelled_units_count_no_longer_for_the_buyers_limit(world: TwoProducts) -> None:
    rows("UPDATE product SET max_per_buyer = 3 WHERE id = $1", world.anvil)
    order_id = world.order()
    assert outcome(place(world.buyer, (world.anvil, 1))) == "PURCHASE_LIMIT"
    part(world.buyer, order_id, (world.anvil, 2))
    refused = place(world.buyer, (world.anvil, 3))
    assert (refused.json["limit"], refused.json["already"]) == (3, 1)
    assert place(world.buyer, (world.anvil, 2)).status == 201


class TestByCard:
    def test_the_card_gets_its_part_first_and_each_refund_has_its_own_key(
        self, world: TwoProducts, gateway: RunningGateway
    ) -> None:
        order_id = world.paid_by_card(points=130)  # 200 by card
        assert part(world.buyer, order_id, (world.anvil, 1)).json["refunded"] == won(100)
        follow(order_id)
        [payment] = shown(world.buyer, order_id)["payments"]
        assert (payment["status"], payment["refunded"]) == ("PARTIALLY_REFUNDED", won(100))

        assert part(world.buyer, order_id, (world.anvil, 2)).status == 200
        follow(order_id)

        assert world.left() == (5, 4, 970)
        refunds = shown(world.buyer, order_id)["refunds"]
        assert [(each["card_amount"], each["points"]) for each in refunds] == [
            (won(100), won(0)),
            (won(100), won(100)),
        ]
        [transaction] = gateway.transactions(order_id)
        assert [(each["refundKey"], each["amount"]) for each in transaction["refunds"]] == [
            (each["refund_id"], 100) for each in refunds
        ]
        [payment] = shown(world.buyer, order_id)["payments"]
        assert (payment["status"], payment["refunded"]) == ("REFUNDED", won(200))
        assert status_of(order_id) == "CONFIRMED"
        events = [each for each in events_of_payments(order_id) if "refund_id" in each["data"]]
        assert [(each["data"]["amount"], each["data"]["reason"]) for each in events] == [
            (won(100), "LINES_CANCELLED")
        ] * 2
        world.assert_books_hold()
        assert cancel(world.buyer, order_id).json["refunded"] == won(330)
        follow(order_id)
        assert world.left() == (5, 5, 1_000)
        world.assert_books_hold()

    @pytest.mark.usefixtures("own_shop")
    @pytest.mark.parametrize("failure", ["error", "hang"])
    def test_a_refund_without_an_answer_is_requested_again_by_the_reconciler(
        self, world: TwoProducts, gateway: RunningGateway, failure: Mode
    ) -> None:
        order_id = world.paid_by_card()
        part(world.buyer, order_id, (world.anvil, 1))
        gateway.behave(failure, on="refunds")
        follow(order_id)
        [payment] = shown(world.buyer, order_id)["payments"]
        assert (payment["status"], payment["refunded"]) == ("REFUND_PENDING", won(0))
        part(world.buyer, order_id, (world.anvil, 1))
        gateway.behave("healthy")

        reconcile()

        assert statuses_of(order_id) == ["SUCCEEDED"]
        [payment] = shown(world.buyer, order_id)["payments"]
        assert (payment["status"], payment["refunded"]) == ("PARTIALLY_REFUNDED", won(200))
        [row] = rows("SELECT asked_at FROM payment WHERE order_id = $1", order_id)
        reconcile()
        assert rows("SELECT asked_at FROM payment WHERE order_id = $1", order_id) == [row]
        [transaction] = gateway.transactions(order_id)
        assert [each["amount"] for each in transaction["refunds"]] == [100, 100]
        world.assert_books_hold()

    @pytest.mark.usefixtures("own_shop")
    def test_a_whole_refund_begun_by_the_release_before_is_completed(
        self, world: TwoProducts, gateway: RunningGateway
    ) -> None:
        order_id = world.paid_by_card()
        cancel(world.buyer, order_id)
        # As it was kept before there were rows of refunds.
        rows("DELETE FROM payment_refund WHERE payment_id IN"
             " (SELECT id FROM payment WHERE order_id = $1)", order_id)  # fmt: skip
        rows("DELETE FROM order_refund WHERE order_id = $1", order_id)
        rows("UPDATE payment SET refund_requested_amount = 0 WHERE order_id = $1", order_id)
        rows("UPDATE orders SET card_refunded_amount = 0 WHERE id = $1", order_id)
        assert shown(world.buyer, order_id)["refunded"] == won(330)

        reconcile()

        assert statuses_of(order_id) == ["REFUNDED"]
        [transaction] = gateway.transactions(order_id)
        assert [each["amount"] for each in transaction["refunds"]] == [330]
        world.assert_books_hold()


class TestDelivery:
    def test_the_delivery_system_is_sent_what_is_left_and_last_a_withdrawal(
        self, world: TwoProducts, delivery: Delivery
    ) -> None:
        placed = place(world.buyer, (world.anvil, 3), (world.rope, 1), ship_to=an_address())
        order_id = str(placed.json["order_id"])
        assert send_notice(events_of(order_id)[-1])
        for units in ([(world.anvil, 2)], [(world.rope, 1)], [(world.anvil, 1)]):
            part(world.buyer, order_id, *units)
            assert send_notice(events_of(order_id)[-1])

        notices = [
            (
                each["kind"],
                [(line["product_name"], line["quantity"]) for line in each["lines"]],
            )
            for each in delivery.received(order_id)
        ]
        assert notices == [
            ("ORDER", [("Anvil", 3), ("Rope", 1)]),
            ("UPDATE", [("Anvil", 1), ("Rope", 1)]),
            ("UPDATE", [("Anvil", 1)]),
            ("WITHDRAWAL", [("Anvil", 1)]),
        ]
        world.assert_books_hold()

    def test_an_event_that_overtook_the_order_sends_it_as_it_is(
        self, world: TwoProducts, delivery: Delivery
    ) -> None:
        order_id = world.order()
        confirmed = events_of(order_id)[-1]
        part(world.buyer, order_id, (world.anvil, 3))
        assert send_notice(events_of(order_id)[-1])
        assert delivery.received(order_id) == []
        assert send_notice(confirmed)
        [notice] = delivery.received(order_id)
        assert [(each["product_name"], each["quantity"]) for each in notice["lines"]] == [
            ("Rope", 1)
        ]
        world.assert_books_hold()
