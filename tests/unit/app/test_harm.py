"""Trouble is sorted by what it costs buyers."""

from commerce.app.operations.harm import RANKED, by_harm, is_urgent
from infra.template import read_template


def test_queues_are_sorted_by_harm_and_then_by_name() -> None:
    queues = ["user-acted", "mail-requested", "catalogue-changed", "shipping-order-confirmed",
              "order-payment-succeeded"]  # fmt: skip
    assert sorted(queues, key=by_harm) == [
        "order-payment-succeeded", "shipping-order-confirmed", "mail-requested",
        "catalogue-changed", "user-acted",
    ]  # fmt: skip


def test_a_paid_order_is_urgent_and_a_log_line_is_not() -> None:
    assert is_urgent("order-payment-succeeded")
    assert not is_urgent("mail-requested")
    assert not is_urgent("user-acted")


def test_every_ranked_queue_exists() -> None:
    text = str(read_template())
    assert [each for each in RANKED if f"-{each}'" not in text and f"'{each}'" not in text] == []
