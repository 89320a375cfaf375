"""One text finds what it names: by its form, the database, the queues and the log."""

import json
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from commerce.app.messaging import relay
from commerce.app.operations import statements as order_statements
from commerce.app.operations.finding import statements as sql
from commerce.app.operations.finding import trace as trace_module
from commerce.app.operations.finding.views import SCOPES
from commerce.runtime.aws import client
from commerce.runtime.db.pipeline import Query
from commerce.runtime.messaging import failing
from commerce.runtime.messaging.failing import Failing
from commerce.shared import clock
from commerce.shared.scopes import Scope
from tests.support.coupons import a_coupon, an_issued
from tests.support.dead_letters import DeadQueue, an_order_message
from tests.support.drops import an_open_drop, entries
from tests.support.gateway import RunningGateway
from tests.support.operations import NAME, a_console_queue, discard, discard_event, find, requeue
from tests.support.orders import an_order
from tests.support.payments import a_card, a_card_order, pay, payments_of
from tests.support.points import post_charge
from tests.support.privacy import erase_me
from tests.support.quarantine import a_quarantined_event
from tests.support.returns import a_delivered_order, a_return, refund_order
from tests.support.sessions import Account, an_account
from tests.support.shop import a_brand, a_buyer, a_product, an_admin, rows, staff_with
from tests.support.staff import suspend

pytestmark = pytest.mark.usefixtures("own_shop", "cheap_hashes")

Search = Callable[..., Any]


@pytest.fixture(autouse=True)
def dead(own_shop: str, monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    return a_console_queue(monkeypatch)


@pytest.fixture(autouse=True)
def log(dead: DeadQueue, monkeypatch: pytest.MonkeyPatch) -> Callable[[Search], None]:
    """Let searches of the log be answered by the test; it is empty at first."""

    def answer(search: Search) -> None:
        monkeypatch.setattr(client("logs", attempts=1), "filter_log_events", search)

    answer(lambda **_: {"events": []})
    return answer


def found_by(text: str) -> dict[str, Any]:
    """Return what was found, by its kind."""
    answer = find(text)
    assert answer.status == 200, answer.json
    return {each["kind"]: each for each in answer.json["found"]}


def a_paid_order(gateway: RunningGateway) -> tuple[str, str, str]:
    """Return an order, its payment, and the payment's transaction key."""
    gateway.behave("healthy")
    buyer = a_buyer()
    order_id = a_card_order(buyer, a_product(stock=5, price=100))
    assert pay(buyer, order_id).status == 201
    [payment] = payments_of(order_id)
    assert payment.transaction_key
    return order_id, str(payment.id), payment.transaction_key


def test_an_order_and_its_buyer_are_found_and_lead_to_their_pages() -> None:
    buyer = a_buyer(points=1_000)
    order_id = an_order(buyer, (a_product(stock=5, price=100), 1))
    for typed in (order_id, f' "{order_id.upper()}" '):
        [order] = found_by(typed).values()
        assert (order["kind"], order["id"], order["state"]) == ("ORDER", order_id, "CONFIRMED")
        assert (order["link"], order["user_id"]) == (f"order={order_id}", str(buyer.user_id))


def test_a_payment_is_found_by_its_id_and_by_its_transaction_key(gateway: RunningGateway) -> None:
    order_id, payment_id, key = a_paid_order(gateway)
    for typed in (payment_id, key, f"tr-{key[3:].upper()}", f"“{key}”"):
        payment = found_by(typed)["PAYMENT"]
        assert (payment["id"], payment["order_id"]) == (payment_id, order_id)
        assert payment["link"] == f"payment={payment_id}"


def test_a_charge_of_points_leads_to_its_payment(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINT_CHARGING", "CARD")
    gateway.behave("healthy")
    buyer = a_buyer()
    answer = post_charge(buyer, 1_000, **a_card())
    assert answer.status == 201, answer.json
    charge_id = answer.json["charge_id"]
    [payment] = rows("SELECT id FROM payment WHERE charge_id = $1", charge_id)
    charge = found_by(charge_id)["CHARGE"]
    assert (charge["link"], charge["order_id"]) == (f"payment={payment.id}", None)
    assert charge["user_id"] == str(buyer.user_id)
    assert found_by(str(payment.id))["PAYMENT"]["link"] == f"payment={payment.id}"


def test_things_of_each_context_are_found_by_their_ids() -> None:
    buyer, admin, brand = a_buyer(points=10_000), an_admin(), a_brand()
    product = a_product(stock=5, price=100)
    order_id = a_delivered_order(buyer, admin, (product, 2))
    return_id = a_return(buyer, order_id, (product, 1))
    assert refund_order(admin, order_id, 50).status == 201
    [refund] = rows("SELECT id FROM order_refund WHERE order_id = $1", order_id)
    coupon = a_coupon()
    issued = an_issued(buyer, coupon)
    drop_id, _ = an_open_drop(entrants=1)
    [entry, *_] = entries(drop_id)
    for id_, kind, link in (
        (return_id, "RETURN", f"order={order_id}"),
        (str(refund.id), "REFUND", f"order={order_id}"),
        (product, "PRODUCT", None),
        (brand, "BRAND", None),
        (coupon, "COUPON", None),
        (issued, "ISSUED_COUPON", None),
        (str(drop_id), "DROP", f"drop={drop_id}"),
        (str(entry.id), "DROP_ENTRY", f"drop={drop_id}"),
    ):
        found = found_by(id_)
        assert {each: found[each]["link"] for each in found} == {kind: link}
        owner = str(buyer.user_id) if kind == "RETURN" else None
        assert found[kind]["user_id"] == owner  # staff of coupons and drops see no users


def test_a_user_is_found_by_login_id_in_any_case_and_the_audit_names_them() -> None:
    account, admin = an_account(), an_admin()
    for typed in (account.login_id.lower(), account.login_id, str(account.user_id)):
        answer = find(typed, by=admin)
        [user] = answer.json["found"]
        assert (user["kind"], user["id"]) == ("USER", str(account.user_id))
        assert (user["state"], user["link"]) == ("ACTIVE", f"user={account.user_id}")
        assert "example.com" not in json.dumps(answer.json)
    acts = rows("SELECT subject, outcome FROM staff_act WHERE by = $1", f"admin:{admin.user_id}")
    assert [tuple(each) for each in acts] == [("/admin/find", "DONE")] * 3
    changes = rows("SELECT action FROM admin_audit WHERE subject_id = $1", account.user_id)
    assert [each.action for each in changes] == ["read user"] * 3


def test_an_erased_user_is_found_by_id_only_and_a_forgotten_login_id_says_so() -> None:
    account: Account = an_account()
    assert erase_me(account.tokens()["access_token"]).status == 204
    [user] = found_by(str(account.user_id)).values()
    assert (user["kind"], user["state"], user["link"]) == ("USER", "ERASED", None)
    answer = find(account.login_id).json
    assert answer["found"] == []
    assert "That of an erased user is forgotten" in answer["notes"][0]


def test_what_the_scopes_do_not_allow_is_not_searched_and_named() -> None:
    account = an_account()
    order_id = an_order(a_buyer(points=1_000), (a_product(stock=5, price=100), 1))
    staff = staff_with(Scope.OPS)
    for text, kind, scope in (
        (order_id, "ORDER", "orders:read"), (account.login_id, "USER", "users:read")
    ):  # fmt: skip
        answer = find(text, by=staff).json
        assert answer["found"] == []
        assert {"kind": kind, "scope": scope} in answer["not_searched"]
        assert kind not in answer["searched"]
    assert rows("SELECT FROM admin_audit WHERE subject_id = $1", account.user_id) == []
    assert find(order_id, by=staff_with(Scope.ORDERS_READ)).json["code"] == "MISSING_SCOPE"


def test_an_event_is_found_as_it_is_and_one_that_is_gone_is_no_longer_kept() -> None:
    id_, _ = a_quarantined_event()
    event = found_by(id_)["EVENT"]
    assert (event["state"], event["link"]) == ("OrderConfirmed, QUARANTINED", f"event={id_}")
    requeue(id_)
    relay().run()
    assert found_by(id_)["EVENT"]["state"] == "OrderConfirmed, PUBLISHED"
    old = str(clock.first_id_at(clock.now() - timedelta(days=8)))
    old = old[:14] + "7" + old[15:19] + "8" + old[20:]  # as ids are made
    answer = find(old).json
    assert (answer["found"], "no longer kept" in answer["notes"][0]) == ([], True)
    assert {"EVENT", "ORDER", "PAYMENT", "DEAD_LETTER", "TRACE"} <= set(answer["searched"])


def test_a_dead_letter_is_found_by_its_order_its_event_and_its_message(dead: DeadQueue) -> None:
    order_id = an_order(a_buyer(points=1_000), (a_product(stock=5, price=100), 1))
    event_id = str(clock.new_id())
    [message_id] = dead.fill(an_order_message(order_id, event_id))
    for typed in (order_id, event_id, message_id):
        letter = found_by(typed)["DEAD_LETTER"]
        assert (letter["id"], letter["order_id"]) == (message_id, order_id)
        assert letter["link"] == f"queue={NAME}"
    assert len(dead.dead_letters()) == 1  # looking takes nothing


def test_a_failing_and_a_discarded_message_are_found_by_their_ids(dead: DeadQueue) -> None:
    now = clock.now()
    failing.note([Failing("m-1-2-3-4-5-6", NAME, 2, "HTTP 503", "OrderConfirmed", now, now)], [])
    failed = found_by("m-1-2-3-4-5-6")["FAILING_MESSAGE"]
    assert (failed["state"], failed["link"]) == (f"{NAME}: HTTP 503", "failing")
    [message_id] = dead.fill(an_order_message("o-1"))
    discard([message_id], "Settled by telephone")
    gone = found_by(message_id)["DISCARDED_MESSAGE"]
    assert (gone["state"], gone["link"]) == (f"{NAME}: Settled by telephone", "discarded=messages")
    event_id, _ = a_quarantined_event()
    discard_event(event_id, "Settled by telephone")
    assert found_by(event_id)["DISCARDED_MESSAGE"]["state"].startswith("quarantine")


def test_a_trace_leads_to_its_log_lines_its_events_and_its_acts(
    log: Callable[[Search], None],
) -> None:
    order_id = an_order(a_buyer(points=1_000), (a_product(stock=5, price=100), 1))
    [event, *_] = rows("SELECT trace_id FROM outbox WHERE aggregate_id = $1", order_id)
    now, searched = clock.now(), list[dict[str, Any]]()

    def search(**given: Any) -> Any:
        searched.append(given)
        line = {"message": "answered", "function_name": "place_order", "correlation_id": "t"}
        at = int(now.timestamp() * 1000)
        is_newest = "endTime" not in given
        lines = [{"eventId": "1", "timestamp": at, "message": json.dumps(line)}]
        return {"events": lines if is_newest else []}

    log(search)
    answer = find(event.trace_id.upper()).json
    [found] = answer["found"]
    assert (found["kind"], found["link"]) == ("TRACE", f"trace={event.trace_id}")
    kinds = Counter((each["kind"], each["what"]) for each in answer["entries"])
    for known in (("LOG", "answered"), ("EVENT", "OrderPlaced"), ("EVENT", "OrderConfirmed")):
        assert kinds[known] == 1
    assert answer["is_complete"] is True
    assert {each["filterPattern"] for each in searched} == {f'"{event.trace_id}"'}
    spans = [(each["startTime"], each.get("endTime")) for each in searched]
    assert len(spans) == len(trace_module.LOOKED_BACK) - 1
    assert all(ends == begins - 1 for (begins, _), (_, ends) in pairwise(spans))


def test_the_acts_of_a_request_are_found_by_its_id_without_a_log(
    log: Callable[[Search], None],
) -> None:
    id_, _ = a_quarantined_event()
    discard_event(id_, "Settled by telephone")
    [act] = rows("SELECT trace_id FROM ops_audit WHERE message_id = $1", id_)

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "Throttled", "Message": ""}}, "FilterLogEvents")

    log(refuse)
    answer = find(act.trace_id).json
    [entry] = [each for each in answer["entries"] if each["kind"] == "ACT"]
    assert (entry["what"], entry["detail"]) == ("dlq discard", "Settled by telephone")
    assert answer["is_complete"] is False


def test_a_reason_about_a_user_is_in_no_trace() -> None:
    account = an_account()
    assert suspend(account.user_id, "Uses stolen cards").status == 200
    [change] = rows("SELECT trace_id FROM admin_audit WHERE subject_id = $1", account.user_id)
    [entry] = [each for each in find(change.trace_id).json["entries"] if each["kind"] == "ACT"]
    assert (entry["what"], entry["detail"]) == ("suspend user", "")


def test_a_search_of_the_log_that_is_out_of_time_says_so(
    log: Callable[[Search], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_module, "SEARCH_SECONDS", 0.0)
    answer = find("1f7c1f3e-5b0f-4c39-9d0b-6e2a7e0c9a41").json
    assert (answer["found"], answer["is_complete"]) == ([], False)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "VALIDATION_FAILED"),
        ("a\0b", "VALIDATION_FAILED"),
        ("\u202ea", "VALIDATION_FAILED"),
        ("x" * 10_000, "VALIDATION_FAILED"),
        ("two words", "NO_SUCH_FORM"),
        ("'; DROP TABLE orders --", "NO_SUCH_FORM"),
        ('"', "NO_SUCH_FORM"),
    ],
)
def test_a_hostile_text_is_refused_at_the_edge(text: str, code: str) -> None:
    answer = find(text)
    assert (answer.status, answer.json["code"]) == (422, code)


def test_nothing_is_found_by_an_id_of_nothing_and_it_says_what_was_searched() -> None:
    answer = find(str(clock.new_id())).json
    assert (answer["found"], answer["entries"], answer["notes"]) == ([], [], [])
    assert set(answer["searched"]) == set(SCOPES)
    assert answer["not_searched"] == []


def test_events_near_a_moment_are_read_by_the_index_of_their_ids() -> None:
    id_ = "lpad(to_hex(n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0')"
    rows(
        "INSERT INTO outbox (id, source, type, occurred_at, aggregate_id, aggregate_version,"
        f" trace_id, data, published_at) SELECT ({id_})::uuid, 's', 't', now(), gen_random_uuid(),"
        " 1, md5(n::text), '{}', now() FROM generate_series(1, 20000) AS n"
    )
    rows("ANALYZE outbox")
    ids = {"first_ids": [clock.new_id()] * 10, "end_ids": [clock.new_id()] * 10}
    for query in (
        sql.EVENTS_OF_TRACE(trace_id="t", **ids),
        order_statements.EVENTS_ABOUT(subjects=[clock.new_id()], **ids),
    ):
        plan = "\n".join(row[0] for row in rows(f"EXPLAIN {query.sql}", *query.values))
        assert "Seq Scan on outbox" not in plan, plan
        assert "outbox_id_key" in plan


def test_each_look_up_is_by_an_index() -> None:
    """With sequential scans off, a plan that still has one has no index to use."""
    id_, text = clock.new_id(), secrets.token_hex(4)
    queries: list[Query] = [
        *(each(id=id_) for each in sql.BY_ID.values()),
        sql.PAYMENT_BY_KEY(keys=[text]),
        sql.USER_BY_LOGIN(login_id=text),
        sql.FAILING(message_id=text),
        sql.DISCARDED(message_id=text, action=text, limit=10),
        sql.ACTS_OF_TRACE(trace_id=text, limit=10),
        sql.EVENTS_OF_TRACE(trace_id=text, first_ids=[id_], end_ids=[id_]),
    ]
    rows("SET enable_seqscan = off")
    for query in queries:
        plan = "\n".join(row[0] for row in rows(f"EXPLAIN {query.sql}", *query.values))
        assert "Seq Scan" not in plan, plan
    rows("SET enable_seqscan = on")
