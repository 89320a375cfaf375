"""Use cases of returns, and of refunds by staff."""

from collections.abc import Callable
from dataclasses import replace

from tests.harness.crash.cases import (
    CREATED,
    OK,
    QUEUE,
    Case,
    Scenario,
    answered,
    consuming,
    ordered,
    with_newest_event,
)
from tests.support.returns import (
    a_return,
    get_return,
    hand_over,
    receive_return,
    refund_order,
    reject_return,
    request_return,
    withdraw_return,
)
from tests.support.shop import rows

ENDED = OK | {"409 RETURN_NOT_POSSIBLE"}
REFUNDING = "payment/on_paid_order_cancelled"


def _delivered() -> Case:
    case = ordered()
    hand_over(case.admin, case.order)
    return case


def _returning(case: Case | None = None) -> Case:
    case = case or _delivered()
    return_id = a_return(case.buyer, case.order, (case.product, 1))
    return replace(case, words={"return": return_id})


def _request(case: Case) -> str:
    return answered(request_return(case.buyer, case.order, (case.product, 2), key=case.key))


def _receive(case: Case) -> str:
    return answered(receive_return(case.admin, case.words["return"], (case.product, 1)))


def _refund(case: Case) -> str:
    return answered(refund_order(case.admin, case.order, 300, key=case.key))


def _returns_of(case: Case) -> object:
    sql = (
        "SELECT status, received_quantity, restocked_quantity, refund_id IS NULL AS is_free"
        " FROM order_return JOIN order_return_line ON return_id = order_return.id"
        " WHERE order_id = $1 ORDER BY order_return.id"
    )
    return [tuple(row) for row in rows(sql, case.order)]


def scenarios(confirmed_by_card: Callable[[], Case]) -> tuple[Scenario, ...]:
    """Return the scenarios; `confirmed_by_card` orders two units that a card has paid."""

    def delivered_by_card() -> Case:
        case = confirmed_by_card()
        hand_over(case.admin, case.order)
        return case

    def received_by_card() -> Case:
        case = _returning(delivered_by_card())
        assert _receive(case) == "200"
        return with_newest_event(case, "ReturnReceived")

    def refunded_by_staff() -> Case:
        case = confirmed_by_card()
        assert _refund(case) == "201"
        return with_newest_event(case, "OrderRefunded")

    return (
        Scenario(
            "request_return", "order/request_return", _delivered, _request, CREATED,
            look=_returns_of,
        ),
        Scenario(
            "get_return", "order/get_return", _returning,
            lambda case: answered(
                get_return(case.buyer, case.words["return"]), lambda seen: seen["status"]
            ),
            frozenset({"200 REQUESTED"}),
        ),
        Scenario(
            "withdraw_return", "order/withdraw_return", _returning,
            lambda case: answered(withdraw_return(case.buyer, case.words["return"], case.key)),
            OK, look=_returns_of,
        ),
        Scenario(
            "reject_return", "order/reject_return", _returning,
            lambda case: answered(reject_return(case.admin, case.words["return"])),
            ENDED, look=_returns_of,
        ),
        Scenario(
            "receive_return", "order/receive_return", _returning, _receive, ENDED,
            look=_returns_of,
        ),
        Scenario(
            "receive_return_by_card", "order/receive_return",
            lambda: _returning(delivered_by_card()), _receive, ENDED, look=_returns_of,
        ),
        Scenario("refund_order", "order/refund_order", ordered, _refund, CREATED),
        Scenario(
            "refund_order_by_card", "order/refund_order", confirmed_by_card, _refund, CREATED
        ),
        Scenario(
            "refund_returned", REFUNDING, received_by_card, consuming(REFUNDING), QUEUE,
        ),
        Scenario(
            "refund_by_staff", REFUNDING, refunded_by_staff, consuming(REFUNDING), QUEUE,
        ),
    )  # fmt: skip
