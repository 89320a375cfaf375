"""Coupons from the handlers to PostgreSQL and back."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from commerce.runtime.db.connection import Database
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock
from tests.support.coupons import (
    a_coupon,
    an_issued,
    an_offer,
    copies_of,
    coupon_events,
    end,
    issue,
    mine,
    status_of_coupon,
)
from tests.support.lambda_calls import Answer, call
from tests.support.orders import outcome
from tests.support.other_connection import wait_until
from tests.support.shop import Person, a_buyer, an_admin, assert_books_hold, rows

pytestmark = pytest.mark.usefixtures("shop_environment")


def register(body: Any, by: Person | None = None) -> Answer:
    token = (by or an_admin()).token
    return call("coupon/register_coupon", "POST", "/admin/coupons", body=body, token=token)


def offers(query: str = "") -> Answer:
    return call("coupon/list_coupons", "GET", f"/coupons{query}")


def offered(coupon_id: str) -> dict[str, Any] | None:
    """The coupon, where it is among the offers."""
    cursor: str | None = ""
    while cursor is not None:
        page = offers(f"?limit=100&cursor={cursor}").json
        for each in page["items"]:
            if each["coupon_id"] == coupon_id:
                return dict(each)
        cursor = page["next_cursor"]
    return None


def test_a_registered_coupon_is_offered_publicly() -> None:
    offer = an_offer(
        name="Autumn \N{ANCHOR}", kind="RATE", value=15, max_discount=5_000,
        min_order_amount=10_000, total_quantity=7,
    )  # fmt: skip
    answer = register(offer)
    coupon_id = answer.json["coupon_id"]
    assert (answer.status, answer.json) == (
        201,
        {**offer, "coupon_id": coupon_id, "issued_quantity": 0},
    )
    assert answer.headers["etag"].startswith('"1-')
    issue(a_buyer(), coupon_id)
    assert offered(coupon_id) == {**answer.json, "issued_quantity": 1}


def test_a_time_is_accepted_in_any_zone_and_shown_in_utc() -> None:
    answer = register(
        an_offer(valid_from="2026-01-31T18:30:00+09:00", valid_until="2036-01-31T09:30:00Z")
    )
    assert answer.json["valid_from"] == "2026-01-31T09:30:00.000000Z"
    assert answer.json["valid_until"] == "2036-01-31T09:30:00.000000Z"


def test_omitted_cap_and_minimum_mean_none() -> None:
    answer = register(an_offer())
    assert (answer.json["max_discount"], answer.json["min_order_amount"]) == (None, 0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"kind": "GIFT"}, "kind"),
        ({"kind": None}, "kind"),
        ({"value": 0}, "value"),
        ({"value": -1}, "value"),
        ({"value": "10"}, "value"),
        ({"value": 10**9 + 1}, "value"),
        ({"kind": "RATE", "value": 101}, "body"),
        ({"max_discount": 0}, "max_discount"),
        ({"max_discount": True}, "max_discount"),
        ({"min_order_amount": -1}, "min_order_amount"),
        ({"total_quantity": 0}, "total_quantity"),
        ({"total_quantity": 1.5}, "total_quantity"),
        ({"valid_from": "2026-01-31T09:30:00"}, "valid_from"),
        ({"valid_from": "yesterday"}, "valid_from"),
        ({"valid_until": "2036-W49-1T00:00:00Z"}, "valid_until"),
        ({"valid_until": "20361201T000000Z"}, "valid_until"),
        ({"valid_until": "2036-12-01 00:00:00Z"}, "valid_until"),
        ({"valid_until": 1790000000}, "valid_until"),
        ({"valid_until": "0001-01-01T00:00:00+14:00"}, "valid_until"),
        ({"valid_from": "2036-01-31T09:30:00Z"}, "body"),
        ({"issued_quantity": 1}, "issued_quantity"),
    ],
)
def test_an_invalid_coupon_is_refused(change: dict[str, Any], field: str) -> None:
    answer = register({**an_offer(), **change})
    assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")
    assert field in {each["field"] for each in answer.json["errors"]}


@pytest.mark.parametrize("name", ["name", "kind", "value", "total_quantity", "valid_from"])
def test_every_missing_field_is_named(name: str) -> None:
    offer = an_offer()
    del offer[name]
    assert [each["field"] for each in register(offer).json["errors"]] == [name]


def test_only_an_admin_registers_coupons() -> None:
    assert register(an_offer(), by=a_buyer()).status == 403


def test_the_audit_names_the_admin_who_registered_a_coupon() -> None:
    admin = an_admin()
    coupon_id = register(an_offer(value=7), by=admin).json["coupon_id"]
    [entry] = rows('SELECT "by", action, before, after FROM admin_audit WHERE subject_id = $1',
                   coupon_id)  # fmt: skip
    assert (entry.by, entry.action) == (f"admin:{admin.user_id}", "REGISTER_COUPON")
    assert (entry.before, entry.after["value"], entry.after["kind"]) == ({}, 7, "FIXED")


def test_a_user_gets_one_copy_and_a_repeat_returns_it() -> None:
    user, coupon = a_buyer(), a_coupon(total_quantity=5)
    first, again = issue(user, coupon), issue(user, coupon.upper())
    assert first.json == {
        "issued_coupon_id": first.json["issued_coupon_id"],
        "coupon_id": coupon,
        "status": "AVAILABLE",
    }
    assert (first.status, again.status, again.json) == (201, 200, first.json)
    assert copies_of(coupon) == 1
    assert coupon_events(first.json["issued_coupon_id"]) == ["CouponIssued"]
    assert_books_hold(coupons=[coupon])


@pytest.mark.parametrize(
    "coupon_id", ["00000000-0000-4000-8000-000000000000", "autumn", "1", "%00"]
)
def test_an_unknown_coupon_is_not_found(coupon_id: str) -> None:
    answer = issue(a_buyer(), coupon_id)
    assert (answer.status, answer.json["code"]) == (404, "COUPON_NOT_FOUND")


@pytest.mark.parametrize("quantity", [1, 3, 17, 40])
def test_exactly_all_copies_are_issued(quantity: int) -> None:
    coupon = a_coupon(total_quantity=quantity)
    assert {issue(a_buyer(), coupon).status for _ in range(quantity)} == {201}
    assert offered(coupon) is None
    answer = issue(a_buyer(), coupon)
    assert (answer.status, answer.json["code"]) == (409, "COUPON_SOLD_OUT")
    assert copies_of(coupon) == quantity
    assert_books_hold(coupons=[coupon])


def test_a_user_with_a_copy_gets_it_again_after_the_coupon_is_sold_out() -> None:
    user, coupon = a_buyer(), a_coupon(total_quantity=1)
    first = issue(user, coupon)
    again = issue(user, coupon)
    assert (again.status, again.json) == (200, first.json)


def test_an_expired_coupon_is_neither_issued_nor_offered() -> None:
    coupon = a_coupon()
    end(coupon)
    answer = issue(a_buyer(), coupon)
    assert (answer.status, answer.json["code"]) == (409, "COUPON_EXPIRED")
    assert offered(coupon) is None
    assert copies_of(coupon) == 0


def test_a_coupon_before_its_start_is_neither_issued_nor_offered() -> None:
    coupon = a_coupon(valid_from=clock.rfc3339(clock.now() + timedelta(hours=1)))
    answer = issue(a_buyer(), coupon)
    assert (answer.status, answer.json["code"]) == (409, "COUPON_NOT_YET_VALID")
    assert offered(coupon) is None


def test_an_already_expired_coupon_can_be_registered() -> None:
    past = clock.rfc3339(clock.now() - timedelta(hours=1))
    answer = register(an_offer(valid_until=past))
    assert answer.status == 201
    assert issue(a_buyer(), answer.json["coupon_id"]).json["code"] == "COUPON_EXPIRED"


def test_issuing_a_coupon_needs_a_token() -> None:
    path = f"/coupons/{a_coupon()}/issues"
    assert call("coupon/issue_coupon", "POST", path).status == 401


def test_offers_come_newest_first_page_by_page() -> None:
    ids = [a_coupon() for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while not set(ids) <= set(seen):
        page = offers(f"?limit=2&cursor={cursor}").json
        seen += [each["coupon_id"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert [each for each in seen if each in ids] == ids[::-1]
    assert len(seen) == len(set(seen))
    answer = offers("?cursor=forged")
    assert (answer.status, answer.json["code"]) == (422, "INVALID_CURSOR")


class TestMine:
    def test_my_coupons_are_listed_newest_first_page_by_page(self) -> None:
        user = a_buyer()
        ids = [an_issued(user) for _ in range(5)]
        first = mine(user, "?limit=2").json
        second = mine(user, f"?limit=2&cursor={first['next_cursor']}").json
        third = mine(user, f"?limit=2&cursor={second['next_cursor']}").json
        pages = (first, second, third)
        assert [e["issued_coupon_id"] for page in pages for e in page["items"]] == ids[::-1]
        assert third["next_cursor"] is None

    def test_a_user_sees_only_their_own_coupons(self) -> None:
        user, other = a_buyer(), a_buyer()
        an_issued(user)
        an_issued(user)
        assert mine(other).json == {"items": [], "next_cursor": None}
        cursor = mine(user, "?limit=1").json["next_cursor"]
        assert mine(other, f"?cursor={cursor}").json["code"] == "INVALID_CURSOR"

    def test_my_coupons_can_be_filtered_by_status(self) -> None:
        user, over = a_buyer(), a_coupon()
        fresh, expired = an_issued(user), an_issued(user, over)
        end(over)
        shown = {
            status: [e["issued_coupon_id"] for e in mine(user, f"?status={status}").json["items"]]
            for status in ("AVAILABLE", "USED", "EXPIRED")
        }
        assert shown == {"AVAILABLE": [fresh], "USED": [], "EXPIRED": [expired]}
        assert status_of_coupon(user, expired) == "EXPIRED"
        assert status_of_coupon(user, fresh) == "AVAILABLE"

    @pytest.mark.parametrize("query", ["?status=LOST", "?status=", "?limit=0", "?limit=101"])
    def test_an_invalid_filter_is_refused(self, query: str) -> None:
        assert mine(a_buyer(), query).status == 422


@pytest.mark.parametrize(("they", "expected"), [("ROLLBACK", "201"), ("COMMIT", "COUPON_SOLD_OUT")])
def test_an_issue_that_finds_only_locked_stripes_waits_for_them(
    database_url: str, they: str, expected: str
) -> None:
    coupon = a_coupon(total_quantity=2)
    take = """
        WITH taken AS (
            UPDATE coupon_stripe SET quantity_left = 0 WHERE coupon_id = $1 RETURNING number
        )
        INSERT INTO issued_coupon (id, coupon_id, user_id, issued_at, version)
        SELECT gen_random_uuid(), $1, gen_random_uuid(), now(), 1 FROM taken
    """
    answer = issue_while(database_url, Query(take, [coupon]), they, a_buyer(), coupon)
    assert outcome(answer) == expected
    assert_books_hold(coupons=[coupon])


@pytest.mark.parametrize(("they", "expected"), [("ROLLBACK", 201), ("COMMIT", 200)])
def test_a_concurrent_issue_returns_the_copy_being_issued(
    database_url: str, they: str, expected: int
) -> None:
    coupon, user, copy = a_coupon(total_quantity=1), a_buyer(), str(clock.new_id())
    take = """
        WITH taken AS (
            UPDATE coupon_stripe SET quantity_left = 0 WHERE coupon_id = $1
        )
        INSERT INTO issued_coupon (id, coupon_id, user_id, issued_at, version)
        VALUES ($2, $1, $3, now(), 1)
    """
    query = Query(take, [coupon, copy, user.user_id])
    answer = issue_while(database_url, query, they, user, coupon)
    assert answer.status == expected
    assert (answer.json["issued_coupon_id"] == copy) is (expected == 200)
    assert copies_of(coupon) == 1
    assert_books_hold(coupons=[coupon])


def issue_while(url: str, query: Query, end_by: str, user: Person, coupon: str) -> Answer:
    """Issue a copy while another transaction, which ran the query, is open; return the answer."""
    holder, answers = Database(lambda: url), list[Answer]()

    def ask() -> None:
        answers.append(issue(user, coupon))
        database().close()

    waiting = threading.Thread(target=ask)
    [[mine]] = holder.run([Query("BEGIN"), query, Query("SELECT pg_backend_pid() AS pid")])[-1:]
    waiting.start()
    sql = "SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))"
    wait_until(lambda: bool(rows(sql, mine.pid)))
    holder.run([Query(end_by)], in_transaction=True)
    waiting.join(30)
    holder.close()
    [answer] = answers
    return answer
