"""Nudges of the relay, which most tests do without: they are a third of an order's CPU in tests."""

from commerce.app import transactions

really_nudge = transactions._nudge_the_relay


def silence() -> None:
    """Let transactions wake no relay; none runs in the tests of handlers."""
    transactions._nudge_the_relay = _stay_silent


def restore() -> None:
    """Let transactions wake the relay again."""
    transactions._nudge_the_relay = really_nudge


def _stay_silent() -> None:
    pass
