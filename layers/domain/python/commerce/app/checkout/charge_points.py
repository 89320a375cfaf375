"""Charging points: for nothing, or by card, credited once the card was charged."""

from uuid import UUID

from commerce.app.checkout.card_requests import ask_again, charge_card, release
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction, once
from commerce.payment import (
    Card,
    CardGiven,
    CardNotNeeded,
    Payment,
    PaymentFacade,
    PaymentView,
    first_answer,
    payment_view,
)
from commerce.point import (
    ChargePoints,
    ChargeView,
    Charging,
    ChargingClosed,
    PointFacade,
)
from commerce.runtime import replay
from commerce.runtime.idempotency import Claim
from commerce.shared.schemas import Amount


class BuyPoints(CardGiven):
    """Charge points; where they are bought, with the card that pays them, as in a payment."""

    amount: Amount

    @property
    def charge(self) -> ChargePoints:
        """The charge without its card."""
        return ChargePoints(amount=self.amount)


class ChargePage(ChargeView):
    """A charge with its payment, null where it cost nothing."""

    payment: PaymentView | None


def buy_points(
    command: BuyPoints, *, buyer_id: UUID, claim: Claim, callback_url: str
) -> ChargePage:
    """Charge points by the shop's rule; one by card is PENDING until the card was charged.

    Raises:
        ChargingClosed, DailyChargeLimitExceeded, BalanceLimitExceeded.
        CardNotNeeded: points cost nothing here, and a card was named.
        CardRequired, RawCardsRefused, TooManyDeclines, TooManyCards.
        TokenUsed: the gateway does not take the token; nothing was charged.
        PaymentGatewayUnavailable: the card was certainly not charged; the same key may try again.
    """
    charging = Charging.from_settings()
    if charging is Charging.CLOSED:
        raise ChargingClosed
    if charging is Charging.CARD:
        return _buy(command, buyer_id, claim, callback_url)
    if command.has_card:
        raise CardNotNeeded
    return once(claim, _charge_for_nothing, command.charge, buyer_id)


def charge_page(charge_id: str, *, buyer_id: UUID) -> ChargePage:
    """Return one of the buyer's charges. Raises ChargeNotFound, NotYourCharge."""
    charge = in_transaction(PointFacade.find_charge, charge_id, user_id=buyer_id)
    payments = in_transaction(PaymentFacade.of_subject, UUID(charge.charge_id))
    ours = [each for each in payments if not each.is_extra]
    return _page(charge, payment_view(ours[-1]) if ours else None)


def _buy(command: BuyPoints, buyer_id: UUID, claim: Claim, callback_url: str) -> ChargePage:
    card = command.card
    requested = once(claim, _request_charge, command.charge, card, buyer_id)
    if requested.payment is None:
        return requested  # the first answer, from when points cost nothing
    if not replay.is_replayed():
        charged = charge_card(requested.payment, buyer_id, card, callback_url)
        return _first_answer(requested, charged)
    payment = ask_again(requested.payment.payment_id)
    if payment.is_given_up:
        # That attempt is over, and nothing was charged: the same key makes a new charge.
        in_transaction(release, claim, requested)
        replay.reset()
        return _buy(command, buyer_id, claim, callback_url)
    return _first_answer(requested, payment)


def _request_charge(shop: Shop, command: ChargePoints, card: Card, buyer_id: UUID) -> ChargePage:
    shop.lock_ahead(*shop.points.locks_to_charge(buyer_id), *shop.payments.locks_of_buyer(buyer_id))
    charge = shop.points.request_charge(command, user_id=buyer_id)
    payment = shop.payments.request_for_charge(
        card,
        charge_id=UUID(charge.charge_id),
        buyer_id=buyer_id,
        amount=command.money,
    )
    return _page(charge, payment_view(payment))


def _charge_for_nothing(shop: Shop, command: ChargePoints, buyer_id: UUID) -> ChargePage:
    return _page(shop.points.charge(command, user_id=buyer_id), None)


def _first_answer(requested: ChargePage, payment: Payment) -> ChargePage:
    answer = first_answer(payment)
    # Its charge fails with the payment: the consumer of the event says so a moment later.
    status = "FAILED" if answer.status == "FAILED" else requested.status
    return requested.model_copy(update={"payment": answer, "status": status})


def _page(charge: ChargeView, payment: PaymentView | None) -> ChargePage:
    return ChargePage.model_validate({**dict(charge), "payment": payment})
