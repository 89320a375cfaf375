"""Deadlines: what is left of the invocation limits every wait."""

import math

from commerce.payment.deadline import GATEWAY_SECONDS, WRITING_SECONDS, gateway_deadline
from commerce.runtime.deadline import (
    ANSWER_RESERVE_SECONDS,
    Deadline,
    answering_within,
    left_seconds,
)


def test_outside_an_invocation_there_is_no_deadline() -> None:
    assert left_seconds() == math.inf
    assert left_seconds(3) <= 3
    assert 2 < Deadline.within(3).left_seconds <= 3


def test_a_wait_ends_in_time_for_the_answer() -> None:
    with answering_within(5):
        assert 3 < left_seconds() <= 5 - ANSWER_RESERVE_SECONDS
        assert left_seconds(1) <= 1
        assert left_seconds(60) <= 5 - ANSWER_RESERVE_SECONDS
    assert left_seconds() == math.inf


def test_the_earlier_deadline_counts() -> None:
    with answering_within(10):
        with answering_within(3):
            assert left_seconds() <= 3 - ANSWER_RESERVE_SECONDS
            with answering_within(60):
                assert left_seconds() <= 3 - ANSWER_RESERVE_SECONDS
        assert left_seconds() > 7


def test_a_deadline_that_is_over_leaves_nothing() -> None:
    with answering_within(0):
        assert left_seconds() == 0
        assert Deadline.within(60).is_over
    assert not Deadline.within(60).is_over


def test_an_exchange_with_the_gateway_leaves_time_to_record_it() -> None:
    assert GATEWAY_SECONDS - 1 < gateway_deadline().left_seconds <= GATEWAY_SECONDS
    with answering_within(4):
        longest = 4 - ANSWER_RESERVE_SECONDS - WRITING_SECONDS
        assert longest - 1 < gateway_deadline().left_seconds <= longest
    with answering_within(1):
        assert gateway_deadline().is_over
