"""The audit: an act of staff leaves a row with its outcome, whether it was done or refused."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from commerce.entrypoints.http import acts
from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock
from commerce.shared.clock import rfc3339
from commerce.shared.errors import Unavailable
from commerce.shared.scopes import Scope
from infra.ops.__main__ import main
from tests.support.admin import stock_seen
from tests.support.lambda_calls import Answer, call
from tests.support.shop import Person, a_buyer, a_key, a_product, an_admin, rows, staff_with
from tests.support.staff import (
    a_key_with,
    acts_by,
    audit,
    by_key,
    find_users,
    get_user,
    list_staff,
    signed_in,
    suspend,
    unknown_id,
)

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")

SET = "PUT /admin/products/{product_id}/stock"
ADJUST = "POST /admin/products/{product_id}/stock/adjustments"


def set_stock(product_id: str, quantity: Any, by: Person) -> Answer:
    return call(
        "product/set_stock", "PUT", f"/admin/products/{product_id}/stock",
        resource="/admin/products/{product_id}/stock", body={"quantity": quantity}, token=by.token,
    )  # fmt: skip


def test_done_refused_and_invalid_acts_leave_different_rows() -> None:
    staff, product_id = staff_with(Scope.STOCK), a_product(3)
    assert set_stock(product_id, 5, staff).status == 200
    assert set_stock(unknown_id(), 5, staff).status == 404
    assert set_stock(product_id, "many", staff).status == 422
    assert acts_by(f"admin:{staff.user_id}") == [
        (SET, "DONE", None),
        (SET, "REFUSED", "PRODUCT_NOT_FOUND"),
        (SET, "REFUSED", "VALIDATION_FAILED"),
    ]


def test_an_act_names_person_path_request_and_change() -> None:
    account, token = signed_in(Scope.STOCK)
    product_id = a_product(3)
    answer = set_stock(product_id, 5, Person(account.user_id, token))
    [act] = audit(f"?by=admin:{account.user_id}").json["items"]
    assert act["subject"] == f"/admin/products/{product_id}/stock"
    assert act["request_id"] == answer.headers["x-request-id"]
    [change] = act["changes"]
    assert (change["action"], change["subject_id"]) == ("SET_STOCK", product_id)
    assert act["messages"] == 0


def test_a_replayed_act_differs_from_the_first() -> None:
    staff, key = staff_with(Scope.STOCK), a_key()
    path = f"/admin/products/{a_product(3)}/stock/adjustments"
    for _ in range(2):
        answer = call(
            "product/adjust_stock", "POST", path, token=staff.token, key=key,
            resource="/admin/products/{product_id}/stock/adjustments",
            body={"delta": 1, "reason": "FOUND"},
        )  # fmt: skip
        assert answer.status == 201
    outcomes = [each[:2] for each in acts_by(f"admin:{staff.user_id}")]
    assert outcomes == [(ADJUST, "DONE"), (ADJUST, "REPLAYED")]


def test_every_read_of_personal_data_is_audited_and_no_other_read() -> None:
    reader, product_id = an_admin(), a_product(3)
    account, _ = signed_in()
    assert get_user(account.user_id, token=reader.token).status == 200
    assert find_users(f"?login_id={account.login_id}", token=reader.token).status == 200
    assert list_staff(token=reader.token).status == 200
    order = call(
        "operations/get_order_as_admin", "GET", f"/admin/orders/{unknown_id()}",
        resource="/admin/orders/{order_id}", token=reader.token,
    )  # fmt: skip
    assert order.status == 404
    assert stock_seen(product_id, reader).status == 200
    assert acts_by(f"admin:{reader.user_id}") == [
        ("GET /admin/users/{user_id}", "DONE", None),
        ("GET /admin/users", "DONE", None),
        ("GET /admin/staff", "DONE", None),
        ("GET /admin/orders/{order_id}", "REFUSED", "ORDER_NOT_FOUND"),
    ]


def test_a_search_is_audited_with_the_user_found_and_without_the_words() -> None:
    reader, (account, _) = an_admin(), signed_in()
    email = f"{account.login_id}@example.com"
    assert find_users(f"?email={quote(email)}", token=reader.token).json["items"]
    [act] = audit(f"?by=admin:{reader.user_id}").json["items"]
    [change] = act["changes"]
    assert (change["action"], change["subject_id"]) == ("read user", str(account.user_id))
    assert email not in json.dumps(act)


def test_an_act_of_a_key_is_named_after_the_key() -> None:
    made = a_key_with("stock")
    path = f"/admin/products/{unknown_id()}/stock"
    call("product/set_stock", "PUT", path, body={"quantity": 1}, headers=by_key(made["key"]))
    assert [each[1:] for each in acts_by(f"key:{made['api_key_id']}")] == [
        ("REFUSED", "PRODUCT_NOT_FOUND")
    ]


def test_callers_without_the_scope_fill_no_audit() -> None:
    for somebody in (a_buyer(), staff_with(Scope.COUPONS)):
        assert set_stock(a_product(3), 1, somebody).status == 403
        assert acts_by(f"admin:{somebody.user_id}") == []
        assert acts_by(f"user:{somebody.user_id}") == []


def test_an_act_that_cannot_be_recorded_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    staff, product_id = staff_with(Scope.STOCK), a_product(3)
    run = Database.run

    def without_the_audit(self: Database, queries: list[Query], **more: Any) -> Any:
        if any("INSERT INTO staff_act" in query.sql for query in queries):
            raise Unavailable
        return run(self, queries, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "run", without_the_audit)
        assert set_stock(product_id, 9, staff).status == 503
    assert stock_seen(product_id).json["available"] == 3


def test_an_act_whose_outcome_is_not_recorded_is_answered_and_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    staff, product_id = staff_with(Scope.STOCK), a_product(3)
    run = Database.run

    def without_the_outcome(self: Database, queries: list[Query], **more: Any) -> Any:
        if any("UPDATE staff_act" in query.sql for query in queries):
            raise Unavailable
        return run(self, queries, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "run", without_the_outcome)
        assert set_stock(product_id, 9, staff).status == 200
    assert acts_by(f"admin:{staff.user_id}") == [(SET, "UNKNOWN", None)]


def test_an_internal_error_is_audited_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    staff, product_id = staff_with(Scope.STOCK), a_product(3)
    run = Database.run

    def broken(self: Database, queries: list[Query], **more: Any) -> Any:
        if any("admin_audit" in query.sql for query in queries):
            raise RuntimeError("broken")
        return run(self, queries, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "run", broken)
        assert set_stock(product_id, 9, staff).status == 500
    assert acts_by(f"admin:{staff.user_id}") == [(SET, "FAILED", "INTERNAL_ERROR")]


def test_the_audit_is_read_page_by_page_and_by_action_and_time(own_shop: str) -> None:
    staff, product_id = an_admin(), a_product(3)
    start = clock.now() - timedelta(seconds=1)
    for quantity in (4, 5, 6):
        set_stock(product_id, quantity, staff)
    account, _ = signed_in()
    suspend(account.user_id, token=staff.token)
    seen: list[str] = []
    cursor = ""
    while True:
        page = audit(f"?limit=2&cursor={cursor}").json
        seen += [each["action"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    suspended = "POST /admin/users/{user_id}/suspension"
    assert seen == [suspended, SET, SET, SET]
    assert len(audit(f"?action={quote(SET)}").json["items"]) == 3
    assert len(audit(f"?since={quote(rfc3339(start))}").json["items"]) == 4
    assert audit(f"?until={quote(rfc3339(start))}").json["items"] == []
    later = quote(rfc3339(clock.now() + timedelta(minutes=1)))
    assert audit(f"?since={later}").json["items"] == []
    assert len(audit("?since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z").json["items"]) == 4
    assert audit("?until=0001-01-01T00:00:00Z").json["items"] == []
    other = audit("?limit=1").json["next_cursor"]
    assert audit(f"?action={quote(SET)}&cursor={other}").json["code"] == "INVALID_CURSOR"
    assert audit("?since=yesterday").json["code"] == "VALIDATION_FAILED"


def test_a_path_is_recorded_cut_and_without_what_is_not_storable() -> None:
    staff = staff_with(Scope.STOCK)
    for id_ in ("x" * 2000, "a\0b", "a\ud800b"):
        assert set_stock(id_, 1, staff).status == 404
    subjects = [row.subject for row in rows(
        'SELECT subject FROM staff_act WHERE "by" = $1 ORDER BY id', f"admin:{staff.user_id}"
    )]  # fmt: skip
    assert len(subjects[0]) == acts.MAX_SUBJECT
    assert "\N{REPLACEMENT CHARACTER}" in subjects[1]
    assert "/a?b/" in subjects[2]


@pytest.mark.parametrize("word", ["%00", "%0A", "\ud800"])
def test_words_that_are_not_storable_are_refused(word: str) -> None:
    for answer in (audit(f"?by={word}"), audit(f"?action={word}"), find_users(f"?email={word}")):
        assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")


def test_operators_commands_are_in_the_audit_too(capsys: pytest.CaptureFixture[str]) -> None:
    account, _ = signed_in()
    main(["staff", "grant", account.login_id, "stock", "--yes", "--json"])
    main(["staff", "grant", "nobody0000", "stock", "--yes", "--json"])
    capsys.readouterr()
    assert main(["audit", "--action", "make ops staff grant", "--limit", "2", "--json"]) == 0
    refused, done = json.loads(capsys.readouterr().out)["acts"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", "USER_NOT_FOUND")
    assert (done["outcome"], done["subject"]) == ("DONE", f"{account.login_id} stock")
    [change] = done["changes"]
    assert change["after"] == {"scopes": ["stock"]}
    assert main(["audit", "--since", "2099-01-01T00:00:00Z", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"acts": []}


def test_the_log_of_an_act_has_no_more_than_ids(
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    account, _ = signed_in()
    reader = an_admin()
    find_users(f"?login_id={account.login_id}", token=reader.token)
    assert account.login_id not in json.dumps(logged())
