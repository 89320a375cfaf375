"""Use cases of drops: prepared by staff, entered by shoppers, moved on by `promote`."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch
from uuid import UUID

from commerce.app import drops
from commerce.app.transactions import in_transaction
from commerce.drop import promotion
from commerce.shared.errors import Busy, Unavailable
from tests.harness.crash.cases import (
    AGAIN,
    CREATED,
    DONE,
    OK,
    QUEUE,
    Case,
    Scenario,
    a_case,
    answered,
    nothing,
)
from tests.harness.crash.shoppers import signed_up
from tests.support.drops import (
    a_published_drop,
    begin_entries,
    drop_terms,
    end_claims,
    entries,
    join,
    order_offer,
    reach_draw,
    settle,
    shift,
)
from tests.support.lambda_calls import call, function, lambda_context, sqs_event
from tests.support.orders import cancel, ship
from tests.support.shop import a_buyer, rows

UNITS = 2
_PAST_ROUND = "1000"
_ENTERED = CREATED | OK  # the second try finds the entry of the first


def _alone() -> None:
    """Let `promote` find no drop of cases before: it would take steps for them, too."""
    ended = "SET state = 'CANCELLED', ended_at = now()"
    rows(f"UPDATE product_drop {ended} WHERE state <> 'DRAFT' RETURNING 1")
    rows("UPDATE drop_entry SET is_leaving_logged = true WHERE left_at IS NOT NULL RETURNING 1")


def _with_drop(case: Case, drop_id: object, **words: Any) -> Case:
    return replace(case, words={**case.words, "drop": str(drop_id), **words})


def _drafted() -> Case:
    _alone()
    case = a_case()
    drop = in_transaction(drops.create_drop, drop_terms(case.product, UNITS), by="test")
    return _with_drop(case, drop.drop_id)


def _published() -> Case:
    _alone()
    case = a_case(points=5_000)
    return _with_drop(case, a_published_drop(case.product, UNITS))


def _open() -> Case:
    """A drop that may be entered, and a buyer with an account."""
    _alone()
    case = signed_up()
    drop_id = a_published_drop(case.product, UNITS)
    begin_entries(drop_id)
    return _with_drop(case, drop_id)


def _entered(*, by_buyer: bool = True, others: int = 2) -> Case:
    """A drop before its draw, with the entries of the buyer and others."""
    case = _published()
    drop_id = UUID(case.words["drop"])
    begin_entries(drop_id)
    people = [a_buyer().user_id for _ in range(others)]
    for user_id in [case.buyer.user_id, *people] if by_buyer else people:
        entry, _ = join(drop_id, user_id)
        case = _with_drop(case, drop_id, entry=case.words.get("entry", entry.entry_id))
    return case


def _to_seal() -> Case:
    case = _entered()
    reach_draw(UUID(case.words["drop"]))
    return case


def _to_draw() -> Case:
    """A sealed drop whose round is published."""
    case = _to_seal()
    drop_id = UUID(case.words["drop"])
    in_transaction(drops._step, drop_id)
    shift(drop_id, beacon_round=_PAST_ROUND)
    return case


def _offering() -> Case:
    """The buyer and another have offers, and a third waits."""
    case = _entered(by_buyer=False, others=0)
    drop_id = UUID(case.words["drop"])
    entry, _ = join(drop_id, case.buyer.user_id)
    reach_draw(drop_id)
    settle(drop_id)
    for _ in range(2):
        join(drop_id, a_buyer().user_id)
    settle(drop_id)
    return _with_drop(case, drop_id, entry=entry.entry_id)


def _lapsing() -> Case:
    case = _offering()
    end_claims(UUID(case.words["drop"]))
    return case


def _ending() -> Case:
    """A drop whose time is over, and with it all offers."""
    case = _lapsing()
    _end_time(case)
    return case


def _closed() -> Case:
    case = _ending()
    settle(UUID(case.words["drop"]))
    return case


def _waited_for() -> Case:
    """A drop whose entries are several parts, before its draw."""
    return _entered(others=4)


def _cancelled() -> Case:
    """A cancelled drop with entries that are not ended yet."""
    case = _waited_for()
    assert _in_parts(_cancel_drop)(case) == "200"
    return case


def _end_time(case: Case) -> None:
    shift(
        UUID(case.words["drop"]),
        entries_at="clock_timestamp() - interval '2 h'",
        draws_at="clock_timestamp() - interval '1 h'",
        offers_until="clock_timestamp()",
    )


def _bought() -> Case:
    case = _offering()
    answer = order_offer(case.buyer, case.words["entry"], case.product)
    assert answer.status == 201, answer.json
    return replace(case, order=answer.json["order_id"])


def _ordered_by_card() -> Case:
    case = _offering()
    answer = order_offer(case.buyer, case.words["entry"], case.product, payment_method="CARD")
    assert answer.status == 201, answer.json
    return replace(case, order=answer.json["order_id"])


def _outcome(case: Case) -> tuple[list[Any], ...]:
    """Return the drop's state, lots, entries and log."""
    drop_id = UUID(case.words["drop"])
    sql = "SELECT state, log_number, version FROM product_drop WHERE id = $1"
    lots = "SELECT units, returned, numbered, served FROM drop_lot WHERE drop_id = $1"
    log = "SELECT kind FROM drop_log WHERE drop_id = $1 ORDER BY number"
    return (
        [tuple(row) for row in rows(sql, drop_id)],
        [tuple(row) for row in rows(lots, drop_id)],
        [(row.status, row.position) for row in entries(drop_id)],
        [row.kind for row in rows(log, drop_id)],
    )


def _by_admin(name: str, method: str, step: str, body: Any = None) -> Callable[[Case], str]:
    def act(case: Case) -> str:
        path = f"/admin/drops/{case.words['drop']}{step}"
        sent = body(case) if callable(body) else body
        token, key = case.admin.token, case.key
        return answered(call(f"drop/{name}", method, path, body=sent, token=token, key=key))

    return act


def _to_create() -> Case:
    """A product, and the terms of a drop: the same whenever they are sent again."""
    case = a_case()
    terms = drop_terms(case.product, UNITS).model_dump_json(exclude_unset=True)
    return replace(case, words={"terms": terms})


def _create(case: Case) -> str:
    body = json.loads(case.words["terms"])
    token, key = case.admin.token, case.key
    return answered(
        call("drop/create_drop", "POST", "/admin/drops", body=body, token=token, key=key)
    )


def _by_buyer(name: str, method: str, body: Any = None) -> Callable[[Case], str]:
    def act(case: Case) -> str:
        step = "" if method == "POST" else "/me"
        path = f"/drops/{case.words['drop']}/entries{step}"
        return answered(call(f"drop/{name}", method, path, body=body, token=case.buyer.token))

    return act


def _read(name: str, path: str, seen: Callable[[Any], object]) -> Callable[[Case], str]:
    def act(case: Case) -> str:
        token = case.admin.token if path.startswith("/admin") else case.buyer.token
        place = path.format(drop=case.words["drop"])
        return answered(call(f"drop/{name}", "GET", place, token=token), seen)

    return act


def _promote(_: Case) -> str:
    """Let the minute's run happen; it is repeated where a drop failed or waits for the beacon."""
    try:
        done = function("drop/every_minute_promote")({}, lambda_context(60))
    except (Busy, Unavailable):
        return AGAIN
    return AGAIN if done["failed"] or done["awaiting_beacon"] else DONE


def _in_parts(act: Callable[[Case], str]) -> Callable[[Case], str]:
    """Do it as with a large drop, whose entries are several parts."""

    def act_in_parts(case: Case) -> str:
        with patch.multiple(promotion, PART=2, DRAW_PART=2):
            return act(case)

    return act_in_parts


_promote_in_parts = _in_parts(_promote)


def _nudge(_: Case) -> str:
    answer = function("drop/on_drop_nudged")(sqs_event({}), lambda_context(60))
    return AGAIN if answer["batchItemFailures"] else DONE


def _place(method: str) -> Callable[[Case], str]:
    def act(case: Case) -> str:
        entry, product = case.words["entry"], case.product
        answer = order_offer(case.buyer, entry, product, key=case.key, payment_method=method)
        return answered(answer)

    return act


def _cancel(case: Case) -> str:
    return answered(cancel(case.buyer, case.order, key=case.key))


def _ship(case: Case) -> str:
    return answered(ship(case.admin, case.order))


_REASON = {"reason": "Damaged"}
_LATER = {"offers_until": "2099-01-01T00:00:00Z"}


def _rule(case: Case) -> dict[str, str]:
    return {"entry_id": case.words["entry"], "rule": "One per household"}


_cancel_drop = _by_admin("cancel_drop", "POST", "/cancellation", _REASON)


def _first_state(body: Any) -> str:
    return str(body["items"][0]["state"])


def _minute(
    name: str,
    arrange: Callable[[], Case],
    act: Callable[[Case], str] = _promote,
) -> Scenario:
    return Scenario(name, "drop/every_minute_promote", arrange, act, QUEUE, look=_outcome)


def _place_scenario(name: str, method: str) -> Scenario:
    return Scenario(name, "order/place_order", _offering, _place(method), CREATED, look=_outcome)


def _staff(
    name: str,
    arrange: Callable[[], Case],
    act: Callable[[Case], str],
    then: Callable[[Case], object] = nothing,
) -> Scenario:
    return Scenario(name, f"drop/{name}", arrange, act, OK, then=then, look=_outcome)


_STATE = "200 OFFERING"

SCENARIOS = (
    Scenario(
        "list_drops", "drop/list_drops", _offering,
        _read("list_drops", "/drops", _first_state), frozenset({_STATE}),
    ),
    Scenario(
        "get_drop", "drop/get_drop", _offering,
        _read("get_drop", "/drops/{drop}", lambda body: body["state"]), frozenset({_STATE}),
    ),
    Scenario(
        "get_drop_proof", "drop/get_drop_proof", _offering,
        _read("get_drop_proof", "/drops/{drop}/proof", lambda body: len(body["entries"])),
        frozenset({"200 1"}),
    ),
    Scenario(
        "get_drop_report", "drop/get_drop_report", _closed,
        _read("get_drop_report", "/drops/{drop}/report", lambda body: body["oversold"]),
        frozenset({"200 0"}),
    ),
    Scenario(
        "get_my_entry", "drop/get_my_entry", _offering,
        _read("get_my_entry", "/drops/{drop}/entries/me", lambda body: body["status"]),
        frozenset({"200 OFFERED"}),
    ),
    Scenario(
        "list_drops_as_admin", "drop/list_drops_as_admin", _offering,
        _read("list_drops_as_admin", "/admin/drops", _first_state), frozenset({_STATE}),
    ),
    Scenario(
        "get_drop_as_admin", "drop/get_drop_as_admin", _offering,
        _read("get_drop_as_admin", "/admin/drops/{drop}", lambda body: body["state"]),
        frozenset({_STATE}),
    ),
    Scenario(
        "enter_drop", "drop/enter_drop", _open, _by_buyer("enter_drop", "POST", {}), _ENTERED,
        look=_outcome,
    ),
    Scenario(
        "withdraw_entry", "drop/withdraw_entry", _offering,
        _by_buyer("withdraw_entry", "DELETE"), OK, then=_promote, look=_outcome,
    ),
    Scenario("create_drop", "drop/create_drop", _to_create, _create, CREATED),
    _staff("edit_drop", _published, _by_admin("edit_drop", "PATCH", "", _LATER)),
    _staff("publish_drop", _drafted, _by_admin("publish_drop", "POST", "/publication")),
    _staff(
        "add_drop_units", _offering, _by_admin("add_drop_units", "POST", "/units", {"add": 1}),
        then=_promote,
    ),
    _staff("cancel_drop", _offering, _cancel_drop, then=_promote),
    Scenario(
        "cancel_drop_in_parts", "drop/cancel_drop", _waited_for, _in_parts(_cancel_drop), OK,
        then=_promote, look=_outcome,
    ),
    _staff(
        "disqualify_entry", _entered,
        _by_admin("disqualify_entry", "POST", "/disqualifications", _rule),
    ),
    _minute("seal_drop", _to_seal),
    _minute("draw_drop", _to_draw),
    _minute("lapse_offers", _lapsing),
    _minute("close_drop", _ending),
    _minute("seal_drop_in_parts", _to_seal, _promote_in_parts),
    _minute("draw_drop_in_parts", _to_draw, _promote_in_parts),
    _minute("close_drop_in_parts", _ending, _promote_in_parts),
    _minute("end_cancelled_drop", _cancelled, _promote_in_parts),
    Scenario(
        "promote_nudged", "drop/on_drop_nudged", _lapsing, _nudge, QUEUE, then=_promote,
        look=_outcome,
    ),
    _place_scenario("order_offer", "POINT"),
    _place_scenario("order_offer_by_card", "CARD"),
    Scenario(
        "cancel_offer_bought", "order/cancel_order", _bought, _cancel, OK, then=_promote,
        look=_outcome,
    ),
    Scenario(
        "cancel_offer_ordered", "order/cancel_order", _ordered_by_card, _cancel, OK,
        look=_outcome,
    ),
    Scenario(
        "ship_offer", "order/ship_order", _bought, _ship, OK | {"409 ORDER_NOT_SHIPPABLE"},
        look=_outcome,
    ),
)  # fmt: skip
