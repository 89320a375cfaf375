"""Reconciliation finds what does not hold, exactly that, and nothing else."""

import tracemalloc
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from commerce.app.reconciliation import (
    Finding,
    Reconciler,
    Reconciliation,
    Scope,
    reconcile,
    reconciler,
)
from commerce.app.transactions import in_transaction
from commerce.runtime.db.current import database
from tests.support.coupons import a_coupon, an_issued, place_with
from tests.support.orders import (
    a_pending_order,
    an_order,
    cancel,
    cancel_as_admin,
    charge,
    confirm,
    deliver,
    ship,
)
from tests.support.returns import a_delivered_order, a_return, receive_return
from tests.support.shop import Person, a_buyer, a_product, an_admin, rows

pytestmark = pytest.mark.usefixtures("own_shop")


class World:
    """Orders in every state, of two products and two buyers, in a database of their own."""

    def __init__(self) -> None:
        self.product, self.other = a_product(stock=9, price=100), a_product(stock=9, price=10)
        self.buyer, self.second = a_buyer(points=1_000), a_buyer(points=1_000)
        admin = an_admin()
        self.confirmed = self._order(self.buyer)
        self.cancelled = self._order(self.buyer)
        cancel(self.buyer, self.cancelled)
        self.recalled = self._order(self.second)
        ship(admin, self.recalled)
        cancel_as_admin(admin, self.recalled)
        self.delivered = self._order(self.second)
        ship(admin, self.delivered)
        deliver(admin, self.delivered)
        self.pending = a_pending_order(self.second, self.product, points=30)

    def _order(self, buyer: Person) -> str:
        return an_order(buyer, (self.product, 1), (self.other, 2))


@pytest.fixture
def world(own_shop: str) -> World:
    return World()


def found() -> list[tuple[str, dict[str, Any]]]:
    return [(each.rule, each.facts) for each in reconcile().findings]


def test_books_that_hold_have_no_findings(world: World) -> None:
    assert reconcile() == Reconciliation(
        products=2, accounts=2, orders=5, coupons=0, drops=0, findings=[], is_complete=True
    )
    assert reconcile().holds


def test_an_empty_shop_reconciles() -> None:
    assert reconcile().model_dump() == {
        "products": 0,
        "accounts": 0,
        "orders": 0,
        "coupons": 0,
        "drops": 0,
        "findings": [],
        "is_complete": True,
    }


def test_a_stock_unequal_to_its_movements_is_found(world: World) -> None:
    rows(
        "UPDATE stock SET quantity = quantity + 1, on_hand = on_hand + 1 WHERE product_id = $1",
        world.product,
    )
    rows(
        "UPDATE stock_movement SET on_hand_change = on_hand_change + 1"
        " WHERE product_id = $1 AND reason = 'COUNTED'",
        world.product,
    )
    [stock] = rows("SELECT quantity FROM stock WHERE product_id = $1", world.product)
    assert found() == [
        (
            "STOCK_IS_THE_SUM_OF_ITS_MOVEMENTS",
            {
                "product_id": world.product,
                "stock": stock.quantity,
                "movements": stock.quantity - 1,
            },
        )
    ]


def test_units_on_hand_unequal_to_their_movements_are_found(world: World) -> None:
    rows(
        "UPDATE stock_movement SET on_hand_change = on_hand_change - 1"
        " WHERE product_id = $1 AND reason = 'COUNTED'",
        world.product,
    )
    facts = {"product_id": world.product, "on_hand": 7, "allotted": 0, "allotted_moved": 0}
    assert found() == [("ON_HAND_IS_THE_SUM_OF_ITS_MOVEMENTS", {**facts, "on_hand_moved": 6})]


def test_units_that_no_order_and_no_drop_holds_are_found(world: World) -> None:
    rows("UPDATE stock SET on_hand = on_hand + 2 WHERE product_id = $1", world.product)
    rows(
        "UPDATE stock_movement SET on_hand_change = on_hand_change + 2"
        " WHERE product_id = $1 AND reason = 'COUNTED'",
        world.product,
    )
    facts = {"product_id": world.product, "reserved": 4, "allotted": 0, "held": 2}
    assert found() == [("RESERVED_IS_WHAT_ORDERS_HOLD", facts)]


def test_allotted_units_unequal_to_their_movements_are_found(world: World) -> None:
    drop_id = uuid4()
    in_transaction(
        lambda shop: shop.stock.allot(UUID(world.product), 2, drop_id=drop_id, by="test")
    )
    assert found() == []
    rows("UPDATE stock SET allotted = 1 WHERE product_id = $1", world.product)
    facts = {"product_id": world.product, "allotted": 1}
    moved = {"on_hand": 7, "on_hand_moved": 7, "allotted_moved": 2}
    assert found() == [
        ("ON_HAND_IS_THE_SUM_OF_ITS_MOVEMENTS", {**facts, **moved}),
        ("RESERVED_IS_WHAT_ORDERS_HOLD", {**facts, "reserved": 4, "held": 2}),
    ]


def test_a_shipment_that_moved_nothing_is_found(world: World) -> None:
    sql = "DELETE FROM stock_movement WHERE order_id = $1 AND product_id = $2 AND reason = $3"
    rows(sql, world.delivered, world.other, "SHIPPED")
    balance_the_stock()
    assert found() == [stock_finding(world, world.delivered, ordered=2, sold=2, to_ship=2)]


def test_a_shipped_order_that_was_restocked_when_cancelled_is_found(world: World) -> None:
    rows(
        "INSERT INTO stock_movement (product_id, change, reason, order_id, at)"
        " VALUES ($1, 2, 'CANCELLED', $2, now())",
        world.other,
        world.recalled,
    )
    balance_the_stock()
    assert found() == [
        stock_finding(world, world.recalled, ordered=2, sold=2, returned=2, to_ship=2, shipped=2)
    ]


def test_movements_without_a_stock_are_found(world: World) -> None:
    nobody = str(uuid4())
    rows(
        "INSERT INTO stock_movement (product_id, change, reason, at)"
        " VALUES ($1, 3, 'COUNTED', now())",
        nobody,
    )
    assert found() == [
        (
            "STOCK_IS_THE_SUM_OF_ITS_MOVEMENTS",
            {"product_id": nobody, "stock": None, "movements": 3},
        )
    ]


def test_a_balance_unequal_to_its_ledger_is_found(world: World) -> None:
    rows("UPDATE point_account SET balance = 999 WHERE user_id = $1", world.buyer.user_id)
    [(rule, facts)] = found()
    assert rule == "BALANCE_IS_THE_SUM_OF_ITS_LEDGER"
    assert facts == {"user_id": str(world.buyer.user_id), "balance": 999, "ledger": 880}


def test_a_ledger_without_an_account_is_found(world: World) -> None:
    rows("DELETE FROM point_account WHERE user_id = $1", world.buyer.user_id)
    assert found() == [
        (
            "BALANCE_IS_THE_SUM_OF_ITS_LEDGER",
            {"user_id": str(world.buyer.user_id), "balance": None, "ledger": 880},
        )
    ]


def test_an_order_without_stock_movements_is_found(world: World) -> None:
    break_movement(world, "DELETE FROM stock_movement WHERE order_id = $1 AND product_id = $2")
    assert found() == [stock_finding(world, world.confirmed, ordered=2, sold=0)]


def test_an_order_with_too_many_units_taken_is_found(world: World) -> None:
    break_movement(
        world, "UPDATE stock_movement SET change = -3 WHERE order_id = $1 AND product_id = $2"
    )
    assert found() == [stock_finding(world, world.confirmed, ordered=2, sold=3)]


def test_a_cancelled_order_without_returned_stock_is_found(world: World) -> None:
    rows("DELETE FROM stock_movement WHERE order_id = $1 AND change > 0", world.cancelled)
    balance_the_stock()
    assert found() == [
        stock_finding(world, world.cancelled, product, quantity, quantity, to_return=quantity)
        for product, quantity in sorted([(world.product, 1), (world.other, 2)])
    ]


def test_an_uncancelled_order_with_returned_stock_is_found(world: World) -> None:
    rows(
        "INSERT INTO stock_movement (product_id, change, reason, order_id, at)"
        " VALUES ($1, 2, 'RETURNED', $2, now())",
        world.other,
        world.confirmed,
    )
    balance_the_stock()
    assert found() == [stock_finding(world, world.confirmed, ordered=2, sold=2, returned=2)]


def test_a_cancelled_order_without_refunded_points_is_found(world: World) -> None:
    rows("DELETE FROM point_ledger WHERE order_id = $1 AND amount > 0", world.recalled)
    balance_the_points()
    missing, no_entry = found()
    assert missing == points_finding(
        world.recalled, world.second, 120, 120, to_give_back=120, given_back=0
    )
    assert (no_entry[0], no_entry[1]["points_made"]) == ("ORDER_REFUNDS_ARE_ITS_ROWS", 0)


def test_an_order_paid_from_another_account_is_found(world: World) -> None:
    rows(
        "UPDATE point_ledger SET user_id = $1 WHERE order_id = $2",
        world.second.user_id,
        world.confirmed,
    )
    balance_the_points()
    findings = {str(facts["user_id"]): (rule, facts) for rule, facts in found()}
    assert findings == {
        str(world.buyer.user_id): points_finding(world.confirmed, world.buyer, 120, 0),
        str(world.second.user_id): points_finding(world.confirmed, world.second, 0, 120),
    }


def test_a_pending_order_without_its_points_spent_is_found(world: World) -> None:
    rows("DELETE FROM point_ledger WHERE order_id = $1", world.pending)
    balance_the_points()
    assert found() == [points_finding(world.pending, world.second, 30, 0)]


def test_effects_of_an_unknown_order_are_found(world: World) -> None:
    for table, column in (
        ("order_history", "order_id"),
        ("order_line", "order_id"),
        ("orders", "id"),
    ):
        rows(f"DELETE FROM {table} WHERE {column} = $1", world.confirmed)
    balance_the_stock()
    findings = found()
    assert findings == [
        *(
            stock_finding(world, world.confirmed, product, 0, quantity)
            for product, quantity in sorted([(world.product, 1), (world.other, 2)])
        ),
        points_finding(world.confirmed, world.buyer, 0, 120),
    ]


def test_an_order_without_lines_or_with_a_wrong_total_is_found(world: World) -> None:
    rows("UPDATE orders SET total_amount = total_amount + 1 WHERE id = $1", world.delivered)
    assert found() == [
        (
            "ORDER_COSTS_WHAT_ITS_LINES_COST",
            {"order_id": world.delivered, "total": 121, "lines": 120},
        ),
        paid_finding(world.delivered, total=121, points_used=120),
    ]
    rows("DELETE FROM order_line WHERE order_id = $1", world.pending)
    assert ("ORDER_COSTS_WHAT_ITS_LINES_COST", {
        "order_id": world.pending, "total": 100, "lines": None,
    }) in found()  # fmt: skip


class Coupons:
    """An order with a coupon of 30, one whose coupon came back, and a copy that is not used."""

    def __init__(self) -> None:
        self.buyer, self.coupon = a_buyer(points=1_000), a_coupon(value=30, total_quantity=20)
        self.other = a_buyer()
        self.product = a_product(stock=9, price=100)
        self.used, self.unused = an_issued(self.buyer, self.coupon), an_issued(self.other)
        self.order = self._order()
        self.returned = an_issued(self.buyer, value=30)
        self.cancelled = self._order(self.returned)
        cancel(self.buyer, self.cancelled)

    def _order(self, copy: str | None = None) -> str:
        answer = place_with(self.buyer, copy or self.used, (self.product, 1))
        return str(answer.json["order_id"])

    def finding(self, order_id: str, **facts: Any) -> tuple[str, dict[str, Any]]:
        rest = {"status": "CONFIRMED", "discount": 30, "named": self.used, "used": self.used}
        return "ORDER_USES_ITS_COUPON", {"order_id": order_id, **rest, **facts}


@pytest.fixture
def coupons(own_shop: str) -> Coupons:
    return Coupons()


class TestCoupons:
    def test_consistent_coupon_books_have_no_findings(self, coupons: Coupons) -> None:
        assert reconcile() == Reconciliation(
            products=1, accounts=1, orders=2, coupons=3, drops=0, findings=[], is_complete=True
        )

    def test_a_surplus_or_missing_copy_is_found(self, coupons: Coupons) -> None:
        more = "UPDATE coupon_stripe SET quantity_left = quantity_left + $2"
        rows(f"{more} WHERE coupon_id = $1 AND number = 0", coupons.coupon, 3)
        facts = {"coupon_id": coupons.coupon, "total": 20, "left_over": 22, "issued": 1}
        assert found() == [("COUPON_ISSUED_WHAT_IS_NOT_LEFT", facts)]
        rows(f"{more} WHERE coupon_id = $1 AND number = 0", coupons.coupon, -4)
        assert found() == [("COUPON_ISSUED_WHAT_IS_NOT_LEFT", {**facts, "left_over": 18})]

    def test_more_copies_than_offered_are_found(self, coupons: Coupons) -> None:
        rows("UPDATE coupon SET total_quantity = 0 WHERE id = $1", coupons.coupon)
        rows("UPDATE coupon_stripe SET quantity_left = 0 WHERE coupon_id = $1", coupons.coupon)
        facts = {"coupon_id": coupons.coupon, "total": 0, "left_over": 0, "issued": 1}
        assert found() == [("COUPON_ISSUED_WHAT_IS_NOT_LEFT", facts)]

    def test_an_order_whose_coupon_is_unused_is_found(self, coupons: Coupons) -> None:
        rows("UPDATE issued_coupon SET used_by_order = NULL WHERE id = $1", coupons.used)
        assert found() == [coupons.finding(coupons.order, used=None)]

    def test_a_cancelled_order_that_kept_its_coupon_is_found(self, coupons: Coupons) -> None:
        rows(
            "UPDATE issued_coupon SET used_by_order = $2 WHERE id = $1",
            coupons.returned,
            coupons.cancelled,
        )
        names = {"named": coupons.returned, "used": coupons.returned}
        assert found() == [coupons.finding(coupons.cancelled, status="CANCELLED", **names)]

    def test_a_coupon_used_by_an_unknown_order_is_found(self, coupons: Coupons) -> None:
        nobody = str(uuid4())
        rows("UPDATE issued_coupon SET used_by_order = $2 WHERE id = $1", coupons.unused, nobody)
        nothing = {"status": None, "discount": None, "named": None, "used": coupons.unused}
        assert found() == [coupons.finding(nobody, **nothing)]

    def test_an_order_with_another_users_coupon_is_found(self, coupons: Coupons) -> None:
        rows("UPDATE issued_coupon SET user_id = $2 WHERE id = $1", coupons.used,
             coupons.other.user_id)  # fmt: skip
        assert found() == [coupons.finding(coupons.order)]

    def test_a_discount_unequal_to_its_lines_is_found(self, coupons: Coupons) -> None:
        rows("UPDATE order_line SET discount_amount = 29 WHERE order_id = $1", coupons.order)
        facts = {"order_id": coupons.order, "discount": 30, "lines": 29}
        assert found() == [("ORDER_DISCOUNT_IS_THAT_OF_ITS_LINES", facts)]


def test_an_order_whose_history_ends_in_another_status_is_found(world: World) -> None:
    rows("UPDATE orders SET status = 'SHIPPED' WHERE id = $1", world.delivered)
    assert found() == [
        (
            "ORDER_IS_WHERE_ITS_HISTORY_ENDS",
            {"order_id": world.delivered, "status": "SHIPPED", "history": "DELIVERED"},
        )
    ]


def test_a_finding_is_readable(world: World) -> None:
    finding = Finding(rule="A_RULE", facts={"product_id": "p1", "stock": 5, "movements": None})
    assert str(finding) == "A_RULE: product_id p1, stock 5, movements None"


def test_only_the_scope_is_checked(world: World) -> None:
    rows("UPDATE stock SET quantity = quantity + 1 WHERE product_id = $1", world.product)
    rows("UPDATE point_account SET balance = 1 WHERE user_id = $1", world.buyer.user_id)
    rows("UPDATE orders SET total_amount = total_amount + 1 WHERE id = $1", world.delivered)
    fine = Scope([UUID(world.other)], [world.second.user_id], [UUID(world.confirmed)])
    assert reconcile(fine) == Reconciliation(
        products=1, accounts=1, orders=1, coupons=0, drops=0, findings=[], is_complete=True
    )
    broken = Scope([UUID(world.product)], [world.buyer.user_id], [UUID(world.delivered)] * 2)
    assert [each.rule for each in reconcile(broken).findings] == [
        "STOCK_IS_THE_SUM_OF_ITS_MOVEMENTS",
        "RESERVED_IS_WHAT_ORDERS_HOLD",
        "BALANCE_IS_THE_SUM_OF_ITS_LEDGER",
        "ORDER_COSTS_WHAT_ITS_LINES_COST",
        "ORDER_IS_PAID_IN_FULL",
    ]
    assert reconcile(Scope()).model_dump()["orders"] == 0


def test_a_missing_product_in_the_scope_is_a_finding(world: World) -> None:
    nobody = uuid4()
    missing = reconcile(Scope(products=[nobody]))
    assert [each.facts["stock"] for each in missing.findings] == [None]
    assert reconcile(Scope(users=[nobody], orders=[nobody])).holds


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_every_chunk_is_checked(world: World, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "CHUNK", chunk)
    rows("UPDATE stock SET quantity = quantity + 1")
    rows("UPDATE point_account SET balance = balance + 1")
    rows("UPDATE orders SET total_amount = total_amount + 1")
    seen: list[tuple[str, int]] = []
    done = reconcile(progress=lambda name, count: seen.append((name, count)))
    assert (done.products, done.accounts, done.orders) == (2, 2, 5)
    # Of each product, what is available and what is reserved; the pending order waits for its card.
    assert len(done.findings) == 2 * 2 + 2 + 5 + 4
    assert dict(seen) == {"products": 2, "accounts": 2, "orders": 5}
    assert [count for name, count in seen if name == "orders"][:2] == [chunk, min(5, 2 * chunk)]


def test_too_many_findings_end_the_check_early(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "CHUNK", 1)
    monkeypatch.setattr(reconciler, "MAX_FINDINGS", 3)
    rows("UPDATE stock SET quantity = quantity + 1")
    rows("UPDATE orders SET total_amount = total_amount + 1")
    done = reconcile()
    assert (len(done.findings), done.orders, done.is_complete) == (4, 0, False)
    assert not done.holds


def test_reconciling_changes_nothing(world: World) -> None:
    rows("UPDATE stock SET quantity = quantity + 1")
    assert reconcile() == reconcile()


def test_memory_stays_constant_for_larger_books(own_shop: str) -> None:
    few = peak_after_adding(1_000)
    many = peak_after_adding(19_000)
    assert many < 1.3 * few


def peak_after_adding(accounts: int) -> int:
    rows(
        "WITH added AS (INSERT INTO point_account SELECT gen_random_uuid(), 5, 'KRW', 1"
        f" FROM generate_series(1, {accounts}) RETURNING user_id)"
        " INSERT INTO point_ledger (id, user_id, amount, currency, reason, at)"
        " SELECT gen_random_uuid(), user_id, 5, 'KRW', 'CHARGED', now() FROM added"
    )
    Reconciler(database()).run()  # what is loaded once is loaded now
    tracemalloc.start()
    done = Reconciler(database()).run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert done.holds
    assert done.accounts >= accounts
    return peak


def break_movement(world: World, sql: str) -> None:
    """Break the order's movement of the other product, but not the sum of the product's stock."""
    rows(sql, world.confirmed, world.other)
    balance_the_stock()


def balance_the_stock() -> None:
    """Let each stock be what its movements sum to, with what orders hold reserved."""
    rows(
        "UPDATE stock SET quantity = (SELECT sum(change) FROM stock_movement"
        " WHERE stock_movement.product_id = stock.product_id)"
    )
    rows(
        "UPDATE stock SET on_hand = quantity + coalesce((SELECT -sum(change)"
        " FROM stock_movement AS moved JOIN orders ON orders.id = moved.order_id"
        " WHERE moved.product_id = stock.product_id AND moved.reason = 'SOLD'"
        " AND status IN ('PENDING', 'CONFIRMED')), 0)"
    )
    rows(
        "UPDATE stock_movement SET on_hand_change = on_hand_change + stock.on_hand - ("
        " SELECT sum(on_hand_change) FROM stock_movement AS moved"
        " WHERE moved.product_id = stock.product_id)"
        " FROM stock WHERE stock.product_id = stock_movement.product_id AND reason = 'COUNTED'"
    )


def balance_the_points() -> None:
    rows(
        "UPDATE point_account SET balance = (SELECT sum(amount) FROM point_ledger"
        " WHERE point_ledger.user_id = point_account.user_id)"
    )
    rows(
        """
        UPDATE point_ledger SET position = numbered.position, balance_after = numbered.balance
        FROM (
            SELECT id, row_number() OVER ledger AS position, sum(amount) OVER ledger AS balance
            FROM point_ledger WINDOW ledger AS (PARTITION BY user_id ORDER BY id)
        ) AS numbered WHERE numbered.id = point_ledger.id
        """
    )


def stock_finding(
    world: World,
    order_id: str,
    product_id: str | None = None,
    ordered: int = 0,
    sold: int = 0,
    *,
    to_return: int = 0,
    returned: int = 0,
    to_ship: int = 0,
    shipped: int = 0,
) -> tuple[str, dict[str, Any]]:
    return (
        "ORDER_MOVED_ITS_STOCK",
        {
            "order_id": order_id,
            "product_id": product_id or world.other,
            "ordered": ordered,
            "sold": sold,
            "to_return": to_return,
            "returned": returned,
            "to_ship": to_ship,
            "shipped": shipped,
        },
    )


def paid_finding(
    order_id: str, total: int, points_used: int, discount: int = 0
) -> tuple[str, dict[str, Any]]:
    facts = {
        "order_id": order_id,
        "total": total,
        "discount": discount,
        "points_used": points_used,
    }
    return "ORDER_IS_PAID_IN_FULL", facts


def points_finding(
    order_id: str,
    user: Person,
    points_used: int,
    spent: int,
    *,
    to_give_back: int = 0,
    given_back: int = 0,
) -> tuple[str, dict[str, Any]]:
    return (
        "ORDER_MOVED_ITS_POINTS",
        {
            "order_id": order_id,
            "user_id": str(user.user_id),
            "points_used": points_used,
            "spent": spent,
            "to_give_back": to_give_back,
            "given_back": given_back,
        },
    )


def a_paid_order(world: World) -> str:
    order_id = a_pending_order(world.buyer, world.product, points=40, expires_in=timedelta(1))
    assert confirm(order_id) == "CONFIRMED"
    return order_id


def test_an_order_paid_by_card_and_points_reconciles(world: World) -> None:
    a_paid_order(world)
    assert reconcile().holds


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ("DELETE FROM payment WHERE order_id = $1", ["PAID_ORDER_HAS_ITS_PAYMENT"]),
        (
            "UPDATE payment SET amount = amount + 1 WHERE order_id = $1",
            ["PAID_ORDER_HAS_ITS_PAYMENT", "PAYMENT_IS_OF_WHAT_IS_DUE"],
        ),
        ("UPDATE payment SET currency = 'EUR' WHERE order_id = $1", ["PAYMENT_IS_OF_WHAT_IS_DUE"]),
        (
            "UPDATE payment SET status = 'REFUNDED' WHERE order_id = $1",
            ["PAID_ORDER_HAS_ITS_PAYMENT", "PAYMENT_HAS_ITS_ORDER"],
        ),
        ("UPDATE payment SET is_extra = true WHERE order_id = $1", ["PAYMENT_HAS_ITS_ORDER"]),
    ],
)
def test_a_payment_that_does_not_match_its_order_is_found(
    world: World, change: str, rules: list[str]
) -> None:
    order_id = a_paid_order(world)
    rows(change, order_id)
    assert [(rule, facts["order_id"]) for rule, facts in found()] == [
        (rule, order_id) for rule in rules
    ]


def test_a_charge_for_a_cancelled_order_may_take_ten_minutes_to_be_refunded(world: World) -> None:
    order_id = a_pending_order(world.buyer, world.product, points=0)
    cancel(world.buyer, order_id)
    charge(order_id)
    assert reconcile().holds
    rows(
        "UPDATE payment SET changed_at = now() - interval '11 minutes' WHERE order_id = $1",
        order_id,
    )
    [(rule, facts)] = found()
    assert rule == "PAYMENT_HAS_ITS_ORDER"
    assert (facts["order_id"], facts["payment"], facts["status"]) == (
        order_id,
        "SUCCEEDED",
        "CANCELLED",
    )


class Parts:
    """An order of three units at 100, of which one was cancelled and its points refunded."""

    def __init__(self) -> None:
        self.buyer, self.product = a_buyer(points=1_000), a_product(stock=9, price=100)
        self.order = an_order(self.buyer, (self.product, 3))
        body = {"lines": [{"product_id": self.product, "quantity": 1}]}
        assert cancel(self.buyer, self.order, body=body).status == 200

    def refunds_finding(self, **facts: Any) -> tuple[str, dict[str, Any]]:
        as_it_is = {"card": 0, "points": 100, "card_said": 0, "points_said": 100, "card_made": 0,
                    "points_made": 100}  # fmt: skip
        order = {"order_id": self.order, "status": "CONFIRMED"}
        return "ORDER_REFUNDS_ARE_ITS_ROWS", {**order, **as_it_is, **facts}


@pytest.fixture
def parts(own_shop: str) -> Parts:
    return Parts()


class TestParts:
    def test_consistent_books_of_parts_have_no_findings(self, parts: Parts) -> None:
        assert reconcile().holds

    def test_units_that_did_not_come_back_are_found(self, parts: Parts) -> None:
        rows("UPDATE order_line SET cancelled_quantity = 0 WHERE order_id = $1", parts.order)
        assert [rule for rule, _ in found()] == [
            "RESERVED_IS_WHAT_ORDERS_HOLD",
            "ORDER_MOVED_ITS_STOCK",
        ]

    def test_units_that_were_not_refunded_are_found(self, parts: Parts) -> None:
        rows("UPDATE order_line SET cancelled_quantity = 2 WHERE order_id = $1", parts.order)
        assert [rule for rule, _ in found()] == [
            "RESERVED_IS_WHAT_ORDERS_HOLD",
            "ORDER_MOVED_ITS_STOCK",
            "PARTS_OF_AN_ORDER_ARE_REFUNDED",
        ]
        [last] = [facts for rule, facts in found() if rule == "PARTS_OF_AN_ORDER_ARE_REFUNDED"]
        assert last == {"order_id": parts.order, "due": 200, "refunded": 100}

    def test_a_refund_without_its_ledger_entry_is_found(self, parts: Parts) -> None:
        rows(
            "UPDATE point_ledger SET id = gen_random_uuid() WHERE order_id = $1 AND amount > 0",
            parts.order,
        )
        assert found() == [parts.refunds_finding(points_made=0)]

    def test_a_refund_of_another_sum_than_the_order_says_is_found(self, parts: Parts) -> None:
        rows("UPDATE order_refund SET points_amount = 101 WHERE order_id = $1", parts.order)
        assert found() == [parts.refunds_finding(points_said=101)]


class Returned:
    """A delivered order of three units at 100, of which two came back and one is on its way."""

    def __init__(self) -> None:
        self.buyer, self.admin = a_buyer(points=1_000), an_admin()
        self.product = a_product(stock=9, price=100)
        units = (self.product, 1)
        self.order = a_delivered_order(self.buyer, self.admin, (self.product, 3))
        self.returns = [a_return(self.buyer, self.order, units) for _ in range(3)]
        for return_id, restock in zip(self.returns, (True, False), strict=False):
            answer = receive_return(self.admin, return_id, units, restock=restock)
            assert answer.status == 200

    def units_finding(self, **facts: int) -> tuple[str, dict[str, Any]]:
        as_it_is = {"returned": 2, "received": 2, "restocked": 1, "moved": 1, "open": 1}
        line = {"order_id": self.order, "product_id": self.product, "status": "DELIVERED"}
        return "RETURNED_UNITS_WERE_RECEIVED", {**line, **as_it_is, **facts}


@pytest.fixture
def returned(own_shop: str) -> Returned:
    return Returned()


class TestReturns:
    def test_consistent_books_of_returns_have_no_findings(self, returned: Returned) -> None:
        assert reconcile().holds

    def test_returned_units_that_were_not_received_are_found(self, returned: Returned) -> None:
        rows("UPDATE order_line SET returned_quantity = 1 WHERE order_id = $1", returned.order)
        assert found() == [returned.units_finding(returned=1)]

    def test_units_of_a_return_that_was_not_received_are_found(self, returned: Returned) -> None:
        rows(
            "UPDATE order_return_line SET received_quantity = 1 WHERE return_id = $1",
            returned.returns[2],
        )
        assert found() == [returned.units_finding(received=3)]

    def test_units_that_were_restocked_in_words_only_are_found(self, returned: Returned) -> None:
        rows(
            "UPDATE order_return_line SET restocked_quantity = 1 WHERE return_id = $1",
            returned.returns[1],
        )
        assert found() == [returned.units_finding(restocked=2)]

    def test_more_on_its_way_back_than_was_kept_is_found(self, returned: Returned) -> None:
        rows("UPDATE order_return_line SET quantity = 2 WHERE return_id = $1", returned.returns[2])
        assert found() == [returned.units_finding(open=2)]

    def test_a_return_without_its_refund_is_found(self, returned: Returned) -> None:
        [row] = rows(
            "UPDATE order_return SET refund_id = NULL WHERE id = $1"
            " RETURNING (SELECT refund_id FROM order_return WHERE id = $1) AS was",
            returned.returns[0],
        )
        facts = {"order_id": returned.order, "return_id": None, "kind": "RETURN"}
        assert found() == [("RETURN_HAS_ITS_REFUND", {**facts, "refund_id": str(row.was)})]

    def test_a_return_with_a_refund_of_another_kind_is_found(self, returned: Returned) -> None:
        rows("UPDATE order_refund SET kind = 'MANUAL' WHERE order_id = $1", returned.order)
        assert [(rule, facts["return_id"], facts["kind"]) for rule, facts in found()] == [
            ("RETURN_HAS_ITS_REFUND", return_id, "MANUAL") for return_id in returned.returns[:2]
        ]


class TestRefundsOfPayments:
    def test_a_payments_refund_without_its_row_is_found(self, own_shop: str) -> None:
        world = World()
        confirm(world.pending)
        rows("UPDATE payment SET refund_requested_amount = 40, refunded_amount = 40")
        assert [
            (facts["requested"], facts["refunded"], facts["rows_requested"])
            for rule, facts in found()
            if rule == "PAYMENT_REFUNDS_ARE_ITS_ROWS"
        ] == [(40, 40, 0)]


def test_a_scope_narrows_each_book_to_its_ids(world: World) -> None:
    user, order = world.buyer.user_id, UUID(world.confirmed)
    found = reconcile(Scope([UUID(world.product)], [user], [order]))
    assert (found.products, found.accounts, found.orders) == (1, 1, 1)
