"""Refused entries and purchases: counted for the report, and at no cost to those who may enter."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from commerce.app.retention import delete_expired
from commerce.app.transactions import in_transaction
from commerce.drop import CancelDrop, DropFacade
from commerce.drop import statements as sql
from commerce.runtime import tokens
from commerce.shared import clock
from docs.verify_drop import verify
from tests.harness.crash.shoppers import sign_up
from tests.support.drops import (
    a_proof,
    a_published_drop,
    begin_entries,
    end_claims,
    in_line,
    join,
    order_offer,
    reach_draw,
    settle,
    shift,
)
from tests.support.lambda_calls import Answer, call
from tests.support.orders import place
from tests.support.proxy import PostgresProxy
from tests.support.shop import Person, a_buyer, a_key, a_product, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

ROUND_TRIPS = 3  # the account and the terms, the entry under the lock, the commit


def a_user() -> Person:
    answer = sign_up(a_key()[:10])
    assert answer.status == 201, answer.json
    return Person(answer.json["user_id"], tokens.sign(answer.json["user_id"]))


def enter(drop_id: UUID, user: Person) -> Answer:
    return call("drop/enter_drop", "POST", f"/drops/{drop_id}/entries", token=user.token, body={})


def end(drop_id: UUID) -> None:
    end_claims(drop_id)
    shift(
        drop_id,
        entries_at="clock_timestamp() - interval '3 h'",
        draws_at="clock_timestamp() - interval '2 h'",
        offers_until="clock_timestamp()",
    )
    settle(drop_id)


def report(drop_id: UUID) -> dict[str, int]:
    return in_transaction(DropFacade.report, str(drop_id)).refusals


def logged(drop_id: UUID, kind: str) -> Any:
    sql = "SELECT data::jsonb AS data FROM drop_log WHERE drop_id = $1 AND kind = $2"
    return rows(sql, drop_id, kind)[0].data["refusals"]


def test_the_report_and_the_public_log_have_refusals_by_reason() -> None:
    product = a_product(stock=1, price=100)
    until = clock.rfc3339(clock.now() + timedelta(hours=1))
    drop_id = a_published_drop(product, verified_only=False, accounts_before=until)
    early, late, buyer = a_user(), a_user(), a_buyer(points=200)
    later = "UPDATE user_account SET created_at = now() + interval '2 h' WHERE id = $1 RETURNING 1"
    rows(later, late.user_id)
    assert [enter(drop_id, early).json["code"] for _ in range(3)] == ["DROP_NOT_OPEN"] * 3
    begin_entries(drop_id)
    assert enter(drop_id, late).json["code"] == "NOT_ELIGIBLE"
    assert place(buyer, (product, 1)).json["code"] == "DROP_ONLY"
    join(drop_id, buyer.user_id)
    reach_draw(drop_id)
    settle(drop_id)
    end_claims(drop_id)
    [(_, entry)] = in_line(drop_id, [buyer])
    assert order_offer(buyer, entry, product).json["code"] == "OFFER_NOT_VALID"

    end(drop_id)

    expected = {
        "DROP_NOT_OPEN": 1,
        "DROP_ONLY": 1,
        "NOT_ELIGIBLE: The account was made too late for this drop.": 1,
        "OFFER_NOT_VALID": 1,
    }
    assert report(drop_id) == logged(drop_id, "CLOSED") == expected
    assert [claim for claim, holds in verify(a_proof(drop_id)) if not holds] == []


def test_an_account_that_tries_many_times_at_once_counts_once() -> None:
    drop_id, users = a_published_drop(a_product(stock=1)), [a_user() for _ in range(4)]

    run_concurrently([partial(enter, drop_id, user) for user in users for _ in range(8)])
    in_transaction(DropFacade.cancel, str(drop_id), CancelDrop(reason="Not now"), by="test")

    assert report(drop_id) == logged(drop_id, "CANCELLED") == {"DROP_NOT_OPEN": 4}


def test_what_is_refused_after_the_end_changes_no_report() -> None:
    drop_id, user = a_published_drop(a_product(stock=1), verified_only=False), a_user()
    begin_entries(drop_id)
    reach_draw(drop_id)
    end(drop_id)

    assert enter(drop_id, user).json["code"] == "DROP_CLOSED"

    assert report(drop_id) == {}
    assert rows("SELECT 1 FROM drop_refusal WHERE drop_id = $1", drop_id) == []


def test_a_refusal_is_answered_though_it_cannot_be_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drop_id, user = a_published_drop(a_product(stock=1)), a_user()

    def fail(**_: object) -> None:
        raise OSError("the database is away")

    monkeypatch.setattr(sql, "REFUSE", fail)
    answer = enter(drop_id, user)

    assert (answer.status, answer.json["code"]) == (409, "DROP_NOT_OPEN")


def test_an_erased_user_leaves_no_refusal() -> None:
    drop_id, user = a_published_drop(a_product(stock=1)), clock.new_id()
    in_transaction(DropFacade.count_refusal, str(drop_id), user_id=user, reason="DROP_NOT_OPEN")

    in_transaction(DropFacade.erase_user, user)

    assert rows("SELECT 1 FROM drop_refusal WHERE user_id = $1", user) == []


def test_an_entry_takes_three_round_trips(proxy: PostgresProxy) -> None:
    drop_id = a_published_drop(a_product(stock=1), verified_only=False)
    begin_entries(drop_id)
    first, second = a_user(), a_user()
    assert enter(drop_id, first).status == 201  # the function is warm
    proxy.forget()

    assert enter(drop_id, second).status == 201

    assert len(proxy.trips) == ROUND_TRIPS
    assert not any(trip.holds("drop_refusal") for trip in proxy.trips)


def test_a_refused_entry_waits_once_more_and_outside_a_transaction(proxy: PostgresProxy) -> None:
    drop_id, user = a_published_drop(a_product(stock=1), verified_only=False), a_user()
    assert enter(drop_id, user).status == 409  # the function is warm
    proxy.forget()

    assert enter(drop_id, a_user()).json["code"] == "DROP_NOT_OPEN"

    counting = [trip for trip in proxy.trips if trip.holds("drop_refusal")]
    assert [(len(counting), trip.is_in_transaction) for trip in counting] == [(1, False)]


def test_refusals_are_deleted_thirty_days_after_their_drops_end() -> None:
    ended, recent, under_way = [a_published_drop(a_product(stock=1)) for _ in range(3)]
    for drop_id in (ended, recent, under_way):
        assert enter(drop_id, a_user()).status == 409
    for drop_id, days in ((ended, 31), (recent, 29)):
        end(drop_id)
        shift(drop_id, ended_at=f"now() - interval '{days} days'")
    before = report(ended)

    delete_expired()

    left = rows(
        "SELECT drop_id FROM drop_refusal WHERE drop_id = ANY ($1)", [ended, recent, under_way]
    )
    assert {row.drop_id for row in left} == {recent, under_way}
    assert report(ended) == before != {}
