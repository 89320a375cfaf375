"""Delivered units go back: requested, received, refunded once, restocked where staff say so."""

from datetime import timedelta
from typing import Any

import pytest

from commerce.order.returns import RETURN_DAYS
from infra.local.gateway.behaviour import Mode
from tests.support.coupons import an_issued, place_with
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import Answer, call
from tests.support.orders import (
    an_order,
    cancel,
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
)
from tests.support.returns import (
    a_delivered_order,
    a_return,
    get_return,
    hand_over,
    receive_return,
    refund_order,
    reject_return,
    request_return,
    withdraw_return,
)
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    balance_of,
    rows,
)
from tests.support.two_products import TwoProducts

pytestmark = pytest.mark.usefixtures("shop_environment")


class World(TwoProducts):
    """Two products whose orders are delivered."""

    def delivered(self) -> str:
        """Three anvils and a rope, paid with 330 points, delivered."""
        return a_delivered_order(self.buyer, self.admin, (self.anvil, 3), (self.rope, 1))

    def delivered_by_card(self, points: int | None = None) -> str:
        """The same, of which a card paid what the points did not."""
        order_id = self.paid_by_card(points)
        hand_over(self.admin, order_id)
        return order_id

    def on_hand(self) -> list[int]:
        """The anvils and the ropes in the building."""
        sql = "SELECT on_hand FROM stock WHERE product_id = $1"
        return [rows(sql, id_)[0].on_hand for id_ in (self.anvil, self.rope)]


@pytest.fixture
def world() -> World:
    return World()


def shown(buyer: Person, order_id: str) -> dict[str, Any]:
    found = call("order/get_order", "GET", f"/orders/{order_id}", token=buyer.token).json
    return dict(found)


def test_a_return_is_requested_received_refunded_and_restocked(world: World) -> None:
    order_id = world.delivered()
    answer = request_return(world.buyer, order_id, (world.anvil.upper(), 2))

    assert (answer.status, answer.json["status"]) == (201, "REQUESTED")
    return_id = answer.json["return_id"]
    [line] = answer.json["lines"]
    assert (line["product_name"], line["quantity"], line["reason"]) == ("Anvil", 2, "Too heavy")
    assert answer.json["refunded"] == won(0)
    assert world.left() == (2, 4, 670)

    received = receive_return(world.admin, return_id, (world.anvil, 2))

    assert (received.status, received.json["status"]) == (200, "RECEIVED")
    [line] = received.json["lines"]
    assert (line["received_quantity"], line["restocked_quantity"]) == (2, 2)
    assert received.json["refunded"] == won(200)
    assert world.left() == (4, 4, 870)
    assert world.on_hand() == [4, 4]
    world.assert_books_hold()


def test_the_order_shows_its_returns_and_refunds_to_buyer_and_staff(world: World) -> None:
    order_id = world.delivered()
    return_id = a_return(world.buyer, order_id, (world.anvil, 1))
    received = receive_return(world.admin, return_id, (world.anvil, 1)).json
    page = shown(world.buyer, order_id)
    assert (page["status"], page["refunded"]) == ("DELIVERED", won(100))
    assert page["returns"] == [received] == [get_return(world.buyer, return_id).json]
    [refund] = page["refunds"]
    assert (refund["refund_id"], refund["kind"]) == (received["refund_id"], "RETURN")
    assert (refund["card_amount"], refund["points"]) == (won(0), won(100))
    assert [each["returned_quantity"] for each in page["lines"]] == [1, 0]
    path = f"/admin/orders/{order_id}"
    staff = call("operations/get_order_as_admin", "GET", path, token=world.admin.token).json
    assert (staff["returns"], staff["refunds"]) == (page["returns"], page["refunds"])
    assert history_of(order_id)[-2:] == [
        ("DELIVERED", f"user:{world.buyer.user_id}", "Return requested"),
        ("DELIVERED", f"admin:{world.admin.user_id}", "Return received"),
    ]


def test_the_events_name_units_and_money_and_no_words_of_the_buyer(world: World) -> None:
    order_id = world.delivered()
    return_id = a_return(world.buyer, order_id, (world.anvil, 2), (world.rope, 1))
    assert receive_return(world.admin, return_id, (world.anvil, 1), restock=False).status == 200
    requested, received = events_of(order_id)[-2:]
    assert (requested["type"], received["type"]) == ("ReturnRequested", "ReturnReceived")
    assert requested["data"]["return_id"] == received["data"]["return_id"] == return_id
    assert [each["quantity"] for each in requested["data"]["lines"]] == [2, 1]
    assert "heavy" not in str(requested["data"])
    [line] = received["data"]["lines"]
    assert (line["quantity"], line["restocked_quantity"]) == (1, 0)
    assert received["data"]["total"] == received["data"]["points_refund"] == won(100)
    assert received["data"]["card_refund"] == won(0)


def test_damaged_units_are_refunded_and_not_restocked(world: World) -> None:
    order_id = world.delivered()
    return_id = a_return(world.buyer, order_id, (world.anvil, 3))
    assert receive_return(world.admin, return_id, (world.anvil, 3), restock=False).status == 200
    assert world.left() == (2, 4, 970)
    assert world.on_hand() == [2, 4]
    world.assert_books_hold()


def test_what_did_not_come_is_not_refunded_and_may_be_returned_again(world: World) -> None:
    order_id = world.delivered()
    return_id = a_return(world.buyer, order_id, (world.anvil, 3), (world.rope, 1))
    answer = receive_return(world.admin, return_id, (world.anvil, 1))
    assert [each["received_quantity"] for each in answer.json["lines"]] == [1, 0]
    assert world.left() == (3, 4, 770)
    assert request_return(world.buyer, order_id, (world.anvil, 2), (world.rope, 1)).status == 201
    world.assert_books_hold()


def test_a_return_is_received_once(world: World) -> None:
    order_id = world.delivered()
    return_id = a_return(world.buyer, order_id, (world.anvil, 2))
    first, again = (receive_return(world.admin, return_id, (world.anvil, 1)) for _ in range(2))
    assert (first.status, outcome(again)) == (200, "RETURN_NOT_POSSIBLE")
    assert world.left() == (3, 4, 770)
    assert outcome(withdraw_return(world.buyer, return_id)) == "RETURN_NOT_POSSIBLE"
    assert outcome(reject_return(world.admin, return_id)) == "RETURN_NOT_POSSIBLE"
    world.assert_books_hold()


@pytest.mark.parametrize("quantity", [3, 10**9])
def test_more_than_was_requested_is_not_received(world: World, quantity: int) -> None:
    order_id = world.delivered()
    return_id = a_return(world.buyer, order_id, (world.anvil, 2))
    answer = receive_return(world.admin, return_id, (world.anvil, quantity))
    assert outcome(answer) == "RETURN_NOT_POSSIBLE"
    assert answer.json["errors"] == [{"product_id": world.anvil, "requested": quantity, "left": 2}]
    assert outcome(receive_return(world.admin, return_id, (world.rope, 1))) == "RETURN_NOT_POSSIBLE"
    assert get_return(world.buyer, return_id).json["status"] == "REQUESTED"
    assert world.left() == (2, 4, 670)


def test_units_on_their_way_back_cannot_be_returned_again(world: World) -> None:
    order_id = world.delivered()
    first = a_return(world.buyer, order_id, (world.anvil, 2))
    answer = request_return(world.buyer, order_id, (world.anvil, 2))
    assert outcome(answer) == "RETURN_NOT_POSSIBLE"
    assert answer.json["errors"] == [{"product_id": world.anvil, "requested": 2, "left": 1}]
    assert withdraw_return(world.buyer, first).json["status"] == "WITHDRAWN"
    second = a_return(world.buyer, order_id, (world.anvil, 3))
    receive_return(world.admin, second, (world.anvil, 3))
    assert outcome(request_return(world.buyer, order_id, (world.anvil, 1))) == "RETURN_NOT_POSSIBLE"
    assert world.left() == (5, 4, 970)
    world.assert_books_hold()


def test_units_that_were_cancelled_cannot_be_returned(world: World) -> None:
    order_id = an_order(world.buyer, (world.anvil, 3))
    cancel(world.buyer, order_id, body={"lines": [{"product_id": world.anvil, "quantity": 2}]})
    hand_over(world.admin, order_id)
    assert outcome(request_return(world.buyer, order_id, (world.anvil, 2))) == "RETURN_NOT_POSSIBLE"
    return_id = a_return(world.buyer, order_id, (world.anvil, 1))
    receive_return(world.admin, return_id, (world.anvil, 1))
    assert world.left() == (5, 5, 1_000)
    world.assert_books_hold()


def test_a_withdrawn_return_changes_nothing_and_is_withdrawn_once(world: World) -> None:
    order_id, key = world.delivered(), a_key()
    return_id = a_return(world.buyer, order_id, (world.anvil, 2))
    first, again = (withdraw_return(world.buyer, return_id, key) for _ in range(2))
    assert (first.status, first.json["status"]) == (200, "WITHDRAWN")
    assert (again.json, again.headers["idempotency-replayed"]) == (first.json, "true")
    assert outcome(withdraw_return(world.buyer, return_id)) == "RETURN_NOT_POSSIBLE"
    assert outcome(receive_return(world.admin, return_id, (world.anvil, 2))) == (
        "RETURN_NOT_POSSIBLE"
    )
    assert world.left() == (2, 4, 670)
    assert history_of(order_id)[-1][2] == "Return withdrawn"
    world.assert_books_hold()


def test_a_rejected_return_shows_its_buyer_why(world: World) -> None:
    order_id = world.delivered()
    return_id = a_return(world.buyer, order_id, (world.anvil, 2))
    assert reject_return(world.admin, return_id, "It was worn").status == 200
    found = get_return(world.buyer, return_id).json
    assert (found["status"], found["rejection_reason"]) == ("REJECTED", "It was worn")
    assert found["ended_at"] is not None
    assert outcome(receive_return(world.admin, return_id, (world.anvil, 2))) == (
        "RETURN_NOT_POSSIBLE"
    )
    assert world.left() == (2, 4, 670)
    world.assert_books_hold()


def test_only_a_delivered_order_is_returned(world: World) -> None:
    order_id = an_order(world.buyer, (world.anvil, 1))
    pending = str(place_by_card(world.buyer, (world.rope, 1)).json["order_id"])
    for before in (lambda: None, lambda: ship(world.admin, order_id)):
        before()
        answer = request_return(world.buyer, order_id, (world.anvil, 1))
        assert outcome(answer) == "RETURN_NOT_POSSIBLE"
    assert outcome(request_return(world.buyer, pending, (world.rope, 1))) == "RETURN_NOT_POSSIBLE"
    deliver(world.admin, order_id)
    assert request_return(world.buyer, order_id, (world.anvil, 1)).status == 201
    cancel(world.buyer, pending)
    assert outcome(request_return(world.buyer, pending, (world.rope, 1))) == "RETURN_NOT_POSSIBLE"
    assert "ReturnRequested" not in types_of(pending)


@pytest.mark.parametrize(
    ("late_by", "result"), [(timedelta(seconds=-60), "201"), (timedelta(0), "RETURN_NOT_POSSIBLE")]
)
def test_the_window_ends_so_many_days_after_the_delivery(
    world: World, late_by: timedelta, result: str
) -> None:
    order_id = world.delivered()
    rows(
        "UPDATE order_history SET at = now() - CAST($2 AS interval)"
        " WHERE order_id = $1 AND status = 'DELIVERED'",
        order_id,
        timedelta(days=RETURN_DAYS) + late_by,
    )
    assert outcome(request_return(world.buyer, order_id, (world.anvil, 1))) == result


def test_the_window_is_a_parameter(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETURN_DAYS", "2")
    order_id = world.delivered()
    rows("UPDATE order_history SET at = at - interval '3 days' WHERE order_id = $1", order_id)
    answer = request_return(world.buyer, order_id, (world.anvil, 1))
    assert answer.json["detail"] == "It could be returned within 2 days."


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [{"product_id": "x", "quantity": 0, "reason": "No"}],
        [{"product_id": "x", "quantity": 1}],
        [{"product_id": "x", "quantity": 1, "reason": " "}],
        [{"product_id": x, "quantity": 1, "reason": "No"} for x in ("a", "A")],
    ],
    ids=["none", "zero", "no reason", "blank", "twice"],
)
def test_bad_lines_request_nothing(world: World, lines: list[dict[str, Any]]) -> None:
    order_id = world.delivered()
    path, body = f"/orders/{order_id}/returns", {"lines": lines}
    token = world.buyer.token
    answer = call("order/request_return", "POST", path, token=token, body=body, key=a_key())
    assert answer.status == 422
    assert shown(world.buyer, order_id)["returns"] == []


def test_a_return_is_its_buyers_alone(world: World) -> None:
    order_id, other = world.delivered(), a_buyer()
    return_id = a_return(world.buyer, order_id, (world.anvil, 1))
    assert outcome(request_return(other, order_id, (world.anvil, 1))) == "NOT_YOUR_ORDER"
    for refused in (get_return(other, return_id), withdraw_return(other, return_id)):
        assert (refused.status, outcome(refused)) == (403, "NOT_YOUR_RETURN")
    for id_ in ("no-id", order_id):
        for unknown in (
            get_return(other, id_),
            withdraw_return(other, id_),
            receive_return(world.admin, id_, (world.anvil, 1)),
            reject_return(world.admin, id_),
        ):
            assert (unknown.status, outcome(unknown)) == (404, "RETURN_NOT_FOUND")
    assert get_return(world.buyer, return_id).json["status"] == "REQUESTED"


def test_one_key_is_one_return(world: World) -> None:
    order_id, key = world.delivered(), a_key()
    first, again = (
        request_return(world.buyer, order_id, (world.anvil, 1), key=key) for _ in range(2)
    )
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["idempotency-replayed"] == "true"
    assert len(shown(world.buyer, order_id)["returns"]) == 1


def test_parts_bear_their_shares_of_the_discount_and_the_coupon_stays_used(world: World) -> None:
    copy = an_issued(world.buyer, value=100)
    order_id = str(place_with(world.buyer, copy, (world.anvil, 3)).json["order_id"])
    hand_over(world.admin, order_id)
    balances = [balance_of(world.buyer.user_id)]
    for _ in range(3):
        return_id = a_return(world.buyer, order_id, (world.anvil, 1))
        assert receive_return(world.admin, return_id, (world.anvil, 1)).status == 200
        balances.append(balance_of(world.buyer.user_id))
    assert balances == [800, 867, 934, 1_000]
    assert status_of(order_id) == "DELIVERED"
    [row] = rows("SELECT used_by_order AS used FROM issued_coupon WHERE id = $1", copy)
    assert str(row.used) == order_id
    world.assert_books_hold()


def test_returned_units_count_no_longer_for_the_buyers_limit(world: World) -> None:
    rows("UPDATE product SET max_per_buyer = 3 WHERE id = $1", world.anvil)
    order_id = world.delivered()
    return_id = a_return(world.buyer, order_id, (world.anvil, 2))
    assert outcome(place(world.buyer, (world.anvil, 1))) == "PURCHASE_LIMIT"
    receive_return(world.admin, return_id, (world.anvil, 2))
    assert place(world.buyer, (world.anvil, 2)).status == 201


def test_restocked_units_are_movements_of_their_order(world: World) -> None:
    order_id = world.delivered()
    return_id = a_return(world.buyer, order_id, (world.anvil, 2))
    receive_return(world.admin, return_id, (world.anvil, 2))
    path = f"/admin/products/{world.anvil}/stock/movements"
    name, token = "product/list_stock_movements", world.admin.token
    newest = call(name, "GET", path, token=token).json["items"][0]
    assert (newest["reason"], newest["order_id"]) == ("RETURNED", order_id)
    assert newest["change"] == {"on_hand": 2, "reserved": 0, "available": 2}
    assert newest["by"] == f"admin:{world.admin.user_id}"


class TestByCard:
    def test_the_card_gets_its_part_first_and_the_rest_are_points(
        self, world: World, gateway: RunningGateway
    ) -> None:
        order_id = world.delivered_by_card(points=130)  # 200 by card
        for units in (1, 2):
            return_id = a_return(world.buyer, order_id, (world.anvil, units))
            assert receive_return(world.admin, return_id, (world.anvil, units)).status == 200
        follow(order_id)
        refunds = shown(world.buyer, order_id)["refunds"]
        assert [(each["card_amount"], each["points"]) for each in refunds] == [
            (won(100), won(0)),
            (won(100), won(100)),
        ]
        [transaction] = gateway.transactions(order_id)
        assert [(each["refundKey"], each["amount"]) for each in transaction["refunds"]] == [
            (each["refund_id"], 100) for each in refunds
        ]
        assert world.left() == (5, 4, 970)
        reasons = [
            each["data"]["reason"]
            for each in events_of_payments(order_id)
            if each["type"] == "PaymentRefunded"
        ]
        assert reasons == ["LINES_RETURNED"] * 2
        world.assert_books_hold()

    @pytest.mark.usefixtures("own_shop")
    @pytest.mark.parametrize("failure", ["error", "hang"])
    def test_a_refund_without_an_answer_is_requested_again_by_the_reconciler(
        self, world: World, gateway: RunningGateway, failure: Mode
    ) -> None:
        order_id = world.delivered_by_card()
        return_id = a_return(world.buyer, order_id, (world.anvil, 1))
        gateway.behave(failure, on="refunds")
        assert receive_return(world.admin, return_id, (world.anvil, 1)).status == 200
        follow(order_id)
        [payment] = shown(world.buyer, order_id)["payments"]
        assert (payment["status"], payment["refunded"]) == ("REFUND_PENDING", won(0))
        gateway.behave("healthy")
        reconcile()
        [payment] = shown(world.buyer, order_id)["payments"]
        assert (payment["status"], payment["refunded"]) == ("PARTIALLY_REFUNDED", won(100))
        [transaction] = gateway.transactions(order_id)
        assert [each["amount"] for each in transaction["refunds"]] == [100]
        world.assert_books_hold()


class TestRefundsByStaff:
    def test_the_card_gets_its_part_first_and_the_goods_stay(
        self, world: World, gateway: RunningGateway
    ) -> None:
        order_id = world.delivered_by_card(points=130)  # 200 by card
        answer = refund_order(world.admin, order_id, 250)
        assert (answer.status, answer.json["refunded"]) == (201, won(250))
        assert [each["returned_quantity"] for each in answer.json["lines"]] == [0, 0]
        follow(order_id)
        [refund] = shown(world.buyer, order_id)["refunds"]
        assert (refund["kind"], refund["card_amount"], refund["points"]) == (
            "MANUAL",
            won(200),
            won(50),
        )
        [transaction] = gateway.transactions(order_id)
        assert [each["amount"] for each in transaction["refunds"]] == [200]
        assert world.left() == (2, 4, 920)
        assert events_of(order_id)[-1]["type"] == "OrderRefunded"
        assert history_of(order_id)[-1] == (
            "DELIVERED",
            f"admin:{world.admin.user_id}",
            "Refunded: A scratch",
        )
        world.assert_books_hold()

    def test_no_more_than_was_paid_is_refunded(self, world: World) -> None:
        order_id = world.delivered()
        assert refund_order(world.admin, order_id, 300).status == 201
        answer = refund_order(world.admin, order_id, 31)
        assert (answer.status, outcome(answer)) == (409, "REFUND_EXCEEDS_PAID")
        assert answer.json["left"] == won(30)
        assert world.left() == (2, 4, 970)
        assert refund_order(world.admin, order_id, 30).status == 201
        return_id = a_return(world.buyer, order_id, (world.anvil, 3))
        received = receive_return(world.admin, return_id, (world.anvil, 3)).json
        assert (received["refunded"], received["refund_id"]) == (won(0), None)
        assert world.left() == (5, 4, 1_000)
        world.assert_books_hold()

    def test_a_cancellation_refunds_what_staff_have_left(self, world: World) -> None:
        order_id = an_order(world.buyer, (world.anvil, 3))
        assert refund_order(world.admin, order_id, 50).status == 201
        assert cancel(world.buyer, order_id).json["refunded"] == won(300)
        assert outcome(refund_order(world.admin, order_id, 1)) == "REFUND_EXCEEDS_PAID"
        assert world.left() == (5, 5, 1_000)
        world.assert_books_hold()

    def test_an_unpaid_order_is_not_refunded(self, world: World) -> None:
        placed = place_by_card(world.buyer, (world.anvil, 2), points=50)
        answer = refund_order(world.admin, str(placed.json["order_id"]), 1)
        assert (outcome(answer), answer.json["left"]) == ("REFUND_EXCEEDS_PAID", won(0))
        assert world.left() == (3, 5, 950)

    def test_one_key_is_one_refund_and_the_audit_has_the_reason(self, world: World) -> None:
        order_id, key = world.delivered(), a_key()
        first, again = (refund_order(world.admin, order_id, 10, key=key) for _ in range(2))
        assert (again.status, again.json) == (201, first.json)
        assert world.left() == (2, 4, 680)
        changes = rows("SELECT before, after FROM admin_audit WHERE subject_id = $1"
                       " AND action = 'REFUND_ORDER'", order_id)  # fmt: skip
        [change] = changes
        assert change.before == {"refunded": won(0)}
        assert change.after == {"refunded": won(10), "reason": "A scratch"}

    @pytest.mark.parametrize("amount", [0, -1, "1", 10**10])
    def test_a_bad_amount_refunds_nothing(self, world: World, amount: Any) -> None:
        order_id = world.delivered()
        assert refund_order(world.admin, order_id, amount).status == 422
        assert world.left() == (2, 4, 670)

    def test_an_order_that_is_not_there_is_not_refunded(self, world: World) -> None:
        for answer in (refund_order(world.admin, id_, 1) for id_ in ("no-id", world.anvil)):
            assert (answer.status, outcome(answer)) == (404, "ORDER_NOT_FOUND")


def test_money_that_went_back_is_in_the_ledger_under_its_refund(world: World) -> None:
    order_id = world.delivered()
    return_id = a_return(world.buyer, order_id, (world.rope, 1))
    receive_return(world.admin, return_id, (world.rope, 1))
    answer: Answer = call(
        "point/list_point_entries", "GET", "/users/me/points/entries", token=world.buyer.token
    )
    newest = answer.json["items"][0]
    assert (newest["amount"], newest["reason"], newest["order_id"]) == (
        won(30),
        "ORDER_REFUNDED",
        order_id,
    )
