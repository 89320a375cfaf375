"""Limits against those who try card after card: spec §6."""

from collections.abc import Collection
from datetime import datetime, timedelta

from commerce.payment.card import Card
from commerce.payment.errors import TooManyCards, TooManyDeclines
from commerce.payment.model import Payment
from commerce.runtime import settings
from commerce.runtime.business_time import begin_of_day

MAX_CARDS_PER_DAY = 5  # spec §6
MAX_DECLINES_PER_DAY = 10  # spec §6


def require_within_limits(today: Collection[Payment], card: Card, *, at: datetime) -> None:
    """Require that a buyer with these payments of the day may try this card.

    A payment without a result counts as a decline, so that many at once do not exceed the limit. A
    card is known by its type and last four digits; of a token they are unknown until the gateway
    has taken the payment, and it counts as another card.

    Raises TooManyDeclines, TooManyCards.
    """
    tomorrow = begin_of_day(at + timedelta(days=1))
    wait = int((tomorrow - at).total_seconds()) + 1
    max_cards = settings.number("MAX_CARDS_PER_DAY", MAX_CARDS_PER_DAY)
    max_declines = settings.number("MAX_DECLINES_PER_DAY", MAX_DECLINES_PER_DAY)
    taken = [each for each in today if not each.is_given_up]
    if sum(each.is_declined or each.is_unsettled for each in taken) >= max_declines:
        raise TooManyDeclines(
            f"{max_declines} payments were declined or are under way; try again tomorrow.",
            retry_after_seconds=wait,
        )
    known = {(each.card_type, each.card_last4) for each in taken if each.card_last4}
    cards = len(known) + sum(each.card_last4 is None for each in taken)
    if cards >= max_cards and (card.type.value, card.last4) not in known:
        raise TooManyCards(
            f"{max_cards} cards were tried; use one of them, or try again tomorrow.",
            retry_after_seconds=wait,
        )
