"""Changes of an order, from the handlers to PostgreSQL: each endpoint with every refusal."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from commerce.order.repository import SqlOrderRepository
from commerce.runtime import tokens
from commerce.runtime.db.connection import LOCK_TIMEOUT_MS, ConstraintViolated, Database
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared.errors import Busy
from commerce.shared.scopes import Scope
from tests.support.lambda_calls import Answer, call, function, http_event, lambda_context
from tests.support.orders import (
    a_pending_order,
    an_order,
    cancel,
    cancel_as_admin,
    deliver,
    events_of,
    history_of,
    outcome,
    ship,
    status_of,
    types_of,
)
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    an_admin,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)

pytestmark = pytest.mark.usefixtures("shop_environment")

STEPS = {
    "order/cancel_order": "/orders/{}/cancellation",
    "order/cancel_order_as_admin": "/admin/orders/{}/cancellation",
    "order/ship_order": "/admin/orders/{}/shipment",
    "order/deliver_order": "/admin/orders/{}/delivery",
}
ADMIN_STEPS = [name for name, path in STEPS.items() if path.startswith("/admin")]


class World:
    """A product of five at 100, a buyer of 1,000 points, and an admin."""

    def __init__(self) -> None:
        self.product = a_product(stock=5, price=100)
        self.buyer = a_buyer(points=1_000)
        self.admin = an_admin()

    def order(self, *steps: Callable[[Person, str], Answer]) -> str:
        """An order of two units that went through the admin's steps."""
        order_id = an_order(self.buyer, (self.product, 2))
        for step in steps:
            assert step(self.admin, order_id).status == 200
        return order_id

    def left(self) -> tuple[int, int]:
        return stock_of(self.product), balance_of(self.buyer.user_id)

    def assert_books_hold(self) -> None:
        assert_books_hold(self.product, users=[self.buyer.user_id])


@pytest.fixture
def world() -> World:
    return World()


def refused(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == answer.status
    return answer.status, answer.json["code"]


def test_a_users_cancellation_returns_everything(world: World) -> None:
    order_id = world.order()
    assert world.left() == (3, 800)

    answer = cancel(world.buyer, order_id, body={"reason": "Ordered by mistake"})

    assert answer.status == 200
    assert (answer.json["order_id"], answer.json["status"]) == (order_id, "CANCELLED")
    assert answer.json["points_used"] == {"amount": 200, "currency": "KRW"}
    assert world.left() == (5, 1_000)
    by = f"user:{world.buyer.user_id}"
    assert history_of(order_id) == [
        ("CONFIRMED", by, "Paid by points"),
        ("CANCELLED", by, "Ordered by mistake"),
    ]
    shown = call("order/get_order", "GET", f"/orders/{order_id}", token=world.buyer.token).json
    assert [(step["status"], step["by"], step["reason"]) for step in shown["history"]] == (
        history_of(order_id)
    )
    world.assert_books_hold()


def test_a_cancellation_records_an_event_with_what_was_returned(world: World) -> None:
    order_id = world.order()
    answer = cancel(world.buyer, order_id)
    event = events_of(order_id)[-1]
    assert (event["type"], event["aggregate_version"]) == ("OrderCancelled", 3)
    assert event["trace_id"] == answer.headers["x-request-id"]
    assert event["data"]["lines"][0]["product_id"] == world.product
    assert event["data"]["lines"][0]["quantity"] == 2
    assert {name: event["data"][name] for name in ("was_confirmed", "reason")} == {
        "was_confirmed": True,
        "reason": "Cancelled by its buyer",
    }
    assert event["data"]["points_used"] == {"amount": 200, "currency": "KRW"}
    assert event["data"]["card_refund"] == {"amount": 0, "currency": "KRW"}
    moved = rows(
        "SELECT data FROM outbox WHERE aggregate_id = $1 AND type = 'StockChanged'"
        " ORDER BY position",
        world.product,
    )
    assert [(row.data["change"], row.data["reason"]) for row in moved][-2:] == [
        (-2, "SOLD"),
        (2, "RETURNED"),
    ]


def test_a_cancellation_makes_a_sold_out_product_available(world: World) -> None:
    order_id = an_order(world.buyer, (world.product, 5))
    cancel(world.buyer, order_id)
    sql = "SELECT type, data FROM outbox WHERE aggregate_id = $1 ORDER BY position DESC LIMIT 1"
    [last] = rows(sql, world.product)
    assert (last.type, last.data["quantity"]) == ("StockReturned", 5)


@pytest.mark.parametrize(
    "request_",
    [{}, {"body": {}}, {"body": {"reason": None}}, {"raw_body": "null"}, {"raw_body": ""}],
    ids=str,
)
def test_a_cancellation_reason_is_optional(world: World, request_: Mapping[str, Any]) -> None:
    for answer, reason in (
        (cancel(world.buyer, order_id := world.order(), **request_), "Cancelled by its buyer"),
        (
            cancel_as_admin(world.admin, other_id := world.order(), **request_),
            "Cancelled by an admin",
        ),
    ):
        assert answer.status == 200
        assert history_of(answer.json["order_id"])[-1][2] == reason
    assert {status_of(order_id), status_of(other_id)} == {"CANCELLED"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "  "}, "reason"),
        ({"reason": "two\nlines"}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"reason": 1}, "reason"),
        ({"reson": "x"}, "reson"),
        ([], "body"),
        ("text", "body"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["order/cancel_order", "order/cancel_order_as_admin"])
def test_a_bad_body_cancels_nothing(world: World, name: str, body: Any, field: str) -> None:
    order_id = world.order()
    who = world.admin if "admin" in name else world.buyer
    answer = call(name, "POST", STEPS[name].format(order_id), body=body, token=who.token)
    assert refused(answer) == (422, "VALIDATION_FAILED")
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert status_of(order_id) == "CONFIRMED"
    assert world.left() == (3, 800)


def test_a_body_that_is_not_json_cancels_nothing(world: World) -> None:
    order_id = world.order()
    assert refused(cancel(world.buyer, order_id, raw_body="{")) == (400, "MALFORMED_JSON")
    assert status_of(order_id) == "CONFIRMED"


def test_an_admin_ships_and_delivers_an_order(world: World) -> None:
    order_id = world.order()
    assert ship(world.admin, order_id).json["status"] == "SHIPPED"
    assert deliver(world.admin, order_id).json["status"] == "DELIVERED"
    by = f"admin:{world.admin.user_id}"
    assert history_of(order_id)[1:] == [
        ("SHIPPED", by, "Handed over for delivery"),
        ("DELIVERED", by, "Received by its buyer"),
    ]
    assert types_of(order_id) == ["OrderPlaced", "OrderConfirmed", "OrderShipped", "OrderDelivered"]
    assert [event["aggregate_version"] for event in events_of(order_id)] == [1, 2, 3, 4]
    assert world.left() == (3, 800)
    world.assert_books_hold()


def test_an_admin_cancels_a_shipped_order(world: World) -> None:
    order_id = world.order(ship)
    assert refused(cancel(world.buyer, order_id)) == (409, "ORDER_NOT_CANCELLABLE")
    assert world.left() == (3, 800)
    answer = cancel_as_admin(world.admin, order_id, body={"reason": "Lost on the way"})
    assert (answer.status, answer.json["status"]) == (200, "CANCELLED")
    assert history_of(order_id)[-1] == (
        "CANCELLED",
        f"admin:{world.admin.user_id}",
        "Lost on the way",
    )
    assert world.left() == (3, 1_000)
    world.assert_books_hold()


def test_an_admin_cancels_an_order_only_as_they_saw_it(world: World) -> None:
    order_id = world.order(ship)
    seen = {"reason": "Lost on the way", "expected_status": "CONFIRMED"}
    assert refused(cancel_as_admin(world.admin, order_id, body=seen)) == (
        409,
        "ORDER_NOT_CANCELLABLE",
    )
    assert world.left() == (3, 800)
    seen["expected_status"] = "SHIPPED"
    assert cancel_as_admin(world.admin, order_id, body=seen).status == 200
    assert world.left() == (3, 1_000)


def test_an_admin_cancels_an_unshipped_order(world: World) -> None:
    assert cancel_as_admin(world.admin, world.order()).status == 200
    assert world.left() == (5, 1_000)
    world.assert_books_hold()


def test_a_pending_order_is_cancelled_with_its_points(world: World) -> None:
    order_id = a_pending_order(world.buyer, world.product, points=30)
    assert world.left() == (4, 970)
    assert cancel(world.buyer, order_id).status == 200
    assert world.left() == (5, 1_000)
    data = events_of(order_id)[-1]["data"]
    assert (data["was_confirmed"], data["card_refund"]["amount"]) == (False, 0)
    world.assert_books_hold()


def test_an_order_without_points_returns_none(world: World) -> None:
    order_id = a_pending_order(world.buyer, world.product, points=0)
    assert cancel(world.buyer, order_id).status == 200
    assert rows("SELECT amount FROM point_ledger WHERE order_id = $1", order_id) == []
    world.assert_books_hold()


@pytest.mark.parametrize(
    ("steps", "name", "code"),
    [
        ([ship], "order/cancel_order", "ORDER_NOT_CANCELLABLE"),
        ([ship], "order/ship_order", "ORDER_NOT_SHIPPABLE"),
        ([], "order/deliver_order", "ORDER_NOT_DELIVERABLE"),
        ([ship, deliver], "order/cancel_order", "ORDER_NOT_CANCELLABLE"),
        ([ship, deliver], "order/cancel_order_as_admin", "ORDER_NOT_CANCELLABLE"),
        ([ship, deliver], "order/ship_order", "ORDER_NOT_SHIPPABLE"),
        ([ship, deliver], "order/deliver_order", "ORDER_NOT_DELIVERABLE"),
        ([cancel_as_admin], "order/cancel_order", "ORDER_NOT_CANCELLABLE"),
        ([cancel_as_admin], "order/cancel_order_as_admin", "ORDER_NOT_CANCELLABLE"),
        ([cancel_as_admin], "order/ship_order", "ORDER_NOT_SHIPPABLE"),
        ([cancel_as_admin], "order/deliver_order", "ORDER_NOT_DELIVERABLE"),
    ],
)
def test_an_invalid_status_change_is_refused(
    world: World, steps: list[Callable[[Person, str], Answer]], name: str, code: str
) -> None:
    order_id = world.order(*steps)
    who = world.admin if name in ADMIN_STEPS else world.buyer
    status, left, history = status_of(order_id), world.left(), history_of(order_id)
    types = types_of(order_id)
    answer = call(name, "POST", STEPS[name].format(order_id), token=who.token)
    assert refused(answer) == (409, code)
    assert answer.json["detail"] == f"The order is {status}."
    assert (status_of(order_id), world.left(), history_of(order_id)) == (status, left, history)
    assert types_of(order_id) == types
    world.assert_books_hold()


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("order_id", [str(uuid4()), "no-id"], ids=["unknown", "no id"])
def test_a_status_change_of_an_unknown_order_is_not_found(
    world: World, name: str, order_id: str
) -> None:
    who = world.admin if name in ADMIN_STEPS else world.buyer
    answer = call(name, "POST", STEPS[name].format(order_id), token=who.token)
    assert refused(answer) == (404, "ORDER_NOT_FOUND")


def test_anothers_order_is_not_cancelled(world: World) -> None:
    order_id = world.order()
    assert refused(cancel(a_buyer(), order_id)) == (403, "NOT_YOUR_ORDER")
    assert refused(cancel(world.admin, order_id)) == (403, "NOT_YOUR_ORDER")
    assert status_of(order_id) == "CONFIRMED"
    assert world.left() == (3, 800)


@pytest.mark.parametrize("name", ADMIN_STEPS)
def test_only_an_admin_ships_delivers_and_cancels_for_others(world: World, name: str) -> None:
    order_id = world.order()
    answer = call(name, "POST", STEPS[name].format(order_id), token=world.buyer.token)
    assert refused(answer) == (403, "MISSING_SCOPE")
    assert status_of(order_id) == "CONFIRMED"


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(
    ("token", "code"), [(None, "NOT_SIGNED_IN"), ("forged", "INVALID_TOKEN")], ids=str
)
def test_a_status_change_needs_a_token(
    world: World, name: str, token: str | None, code: str
) -> None:
    order_id = world.order()
    answer = call(name, "POST", STEPS[name].format(order_id), token=token)
    assert refused(answer) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert status_of(order_id) == "CONFIRMED"


def test_cancellations_without_a_key_are_separate_requests(world: World) -> None:
    order_id = world.order()
    assert [outcome(cancel(world.buyer, order_id)) for _ in range(3)] == [
        "200",
        "ORDER_NOT_CANCELLABLE",
        "ORDER_NOT_CANCELLABLE",
    ]
    scope = f"%{world.buyer.user_id} POST /orders/{order_id}%"
    assert rows("SELECT key FROM once WHERE scope LIKE $1", scope) == []
    assert world.left() == (5, 1_000)


def test_a_cancellations_key_replays_the_answer(world: World) -> None:
    order_id, key = world.order(), a_key()
    first, again = (cancel(world.buyer, order_id, key=key, body={}) for _ in range(2))
    assert (again.status, again.json) == (200, first.json)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert outcome(cancel(world.buyer, order_id)) == "ORDER_NOT_CANCELLABLE"
    other_key = cancel(world.buyer, order_id, key=a_key())
    assert outcome(other_key) == "ORDER_NOT_CANCELLABLE"
    assert world.left() == (5, 1_000)
    world.assert_books_hold()


def test_a_refusal_is_replayed_too(world: World) -> None:
    order_id, key = world.order(ship), a_key()
    first, again = (cancel(world.buyer, order_id, key=key) for _ in range(2))
    assert refused(again) == refused(first) == (409, "ORDER_NOT_CANCELLABLE")
    assert again.headers["idempotency-replayed"] == "true"


def test_a_key_belongs_to_one_body(world: World) -> None:
    order_id, key = world.order(), a_key()
    cancel(world.buyer, order_id, key=key, body={"reason": "One"})
    answer = cancel(world.buyer, order_id, key=key, body={"reason": "Another"})
    assert refused(answer) == (422, "IDEMPOTENCY_KEY_REUSED")


def cancel_as_the_gateway_calls(buyer: Person, order_id: str, key: str) -> dict[str, Any]:
    """The resource is the same for every order; the path tells them apart."""
    event = http_event("POST", f"/orders/{order_id}/cancellation", token=buyer.token, key=key)
    event["resource"] = "/orders/{order_id}/cancellation"
    event["pathParameters"] = {"order_id": order_id}
    answer: dict[str, Any] = function("order/cancel_order")(event, lambda_context())
    return answer


def test_a_key_belongs_to_one_order(world: World) -> None:
    first, second, key = world.order(), world.order(), a_key()
    assert cancel_as_the_gateway_calls(world.buyer, first, key)["statusCode"] == 200
    answer = cancel_as_the_gateway_calls(world.buyer, second, key)
    assert answer["statusCode"] == 422
    assert "IDEMPOTENCY_KEY_REUSED" in answer["body"]
    assert status_of(second) == "CONFIRMED"
    world.assert_books_hold()


@pytest.mark.parametrize("key", ["short", "x" * 65, "with space"])
def test_an_invalid_key_cancels_nothing(world: World, key: str) -> None:
    order_id = world.order()
    answer = cancel(world.buyer, order_id, key=key)
    assert refused(answer) == (400, "IDEMPOTENCY_KEY_INVALID")
    assert status_of(order_id) == "CONFIRMED"


def test_waiting_too_long_for_the_orders_lock_is_busy(world: World, database_url: str) -> None:
    order_id = world.order()
    holder = Database(lambda: database_url)
    holder.run([Query("BEGIN"), Query("SELECT FROM orders WHERE id = $1 FOR UPDATE", [order_id])])
    answer = ship(world.admin, order_id)
    holder.run([Query("ROLLBACK")])
    holder.close()
    assert LOCK_TIMEOUT_MS == 3_000
    assert refused(answer) == (503, "BUSY")
    assert answer.headers["retry-after"] == "1"
    assert ship(world.admin, order_id).status == 200


def test_an_order_stays_locked_until_its_change_is_saved(world: World, database_url: str) -> None:
    order_id = world.order()
    look = Query("SELECT FROM orders WHERE id = $1 FOR UPDATE NOWAIT", [order_id])
    other = Database(lambda: database_url)
    with UnitOfWork(database()) as uow:
        SqlOrderRepository(uow).lock(UUID(order_id))
        with pytest.raises(Busy):
            other.run([look])
    other.run([look])
    other.close()


def test_a_status_change_of_a_stale_order_is_not_written(world: World, database_url: str) -> None:
    """Without the lock, too: the guard in the UPDATE refuses, and the whole step is done again."""
    order_id = world.order()
    in_between: list[int] = []

    def unlocked_read(self: Any, id_: Any) -> Any:
        found = self.find(id_)
        if not in_between:
            in_between.append(1)
            other = Database(lambda: database_url)
            other.run([Query("UPDATE orders SET version = version + 1 WHERE id = $1", [order_id])])
            other.close()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("commerce.order.repository.SqlOrderRepository.lock", unlocked_read)
        assert cancel(world.buyer, order_id).status == 200
    assert world.left() == (5, 1_000)
    assert [event["aggregate_version"] for event in events_of(order_id)] == [1, 2, 4]
    world.assert_books_hold()


SELL_AGAIN = """
    INSERT INTO stock_movement (product_id, change, reason, order_id, at)
    SELECT product_id, change, 'SOLD', order_id, at
    FROM stock_movement WHERE order_id = $1 AND change < 0
"""
SPEND_AGAIN = """
    INSERT INTO point_ledger (id, user_id, amount, currency, reason, order_id, at)
    SELECT gen_random_uuid(), user_id, -1, currency, 'AGAIN', order_id, at
    FROM point_ledger WHERE order_id = $1 AND amount < 0
"""
REFUND_AGAIN = """
    INSERT INTO point_ledger (id, user_id, amount, currency, reason, order_id, at)
    SELECT id, user_id, amount, currency, 'AGAIN', order_id, at
    FROM point_ledger WHERE order_id = $1 AND amount > 0
"""
REFUND_MORE = "UPDATE orders SET card_refunded_amount = 1 WHERE id = $1"
UNDO_A_PART = "UPDATE orders SET points_refunded_amount = points_used_amount - 1 WHERE id = $1"
CANCEL_MORE = "UPDATE order_line SET cancelled_quantity = quantity + 1 WHERE order_id = $1"


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        (SELL_AGAIN, "stock_taken_once_per_reason"),
        (SPEND_AGAIN, "points_spent_once_per_order"),
        (REFUND_AGAIN, "point_ledger_pkey"),
        (REFUND_MORE, "cancelled_order_is_refunded|order_never_overrefunded"),
        (UNDO_A_PART, "cancelled_order_is_refunded"),
        (CANCEL_MORE, "no_more_goes_back_than_was_bought"),
    ],
)
def test_the_database_refuses_a_second_compensation(world: World, sql: str, rule: str) -> None:
    order_id = world.order()
    cancel(world.buyer, order_id)
    with pytest.raises(ConstraintViolated, match=rule):
        rows(sql, order_id)
    world.assert_books_hold()


def test_the_history_names_an_admin_who_cancels_as_the_buyer_as_user(world: World) -> None:
    order_id = world.order()
    both = Person(world.buyer.user_id, tokens.sign(world.buyer.user_id, frozenset({Scope.ADMIN})))
    assert cancel(both, order_id).status == 200
    assert history_of(order_id)[-1][1] == f"user:{world.buyer.user_id}"
