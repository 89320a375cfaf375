"""The use cases of the coupon context."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from commerce.coupon.commands import RegisterCoupon
from commerce.coupon.errors import CouponNotFound, CouponNotUsable, CouponSoldOut
from commerce.coupon.model import Coupon, IssuedCoupon, IssuedStatus
from commerce.coupon.repository import CouponRepository
from commerce.coupon.views import CouponView, IssuedCouponView, coupon_view, issued_view
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock, cursor
from commerce.shared.money import DEFAULT_CURRENCY, Money
from commerce.shared.pagination import newest_first
from commerce.shared.schemas import Page


@dataclass(frozen=True, slots=True)
class Quote:
    """The discount of an issued coupon, as it was read, on an order of this total."""

    issued: IssuedCoupon
    total: Money
    discount: Money

    @property
    def issued_coupon_id(self) -> UUID:
        """The id that the order stores."""
        return self.issued.id


class CouponFacade:
    """Coupons are registered by an admin, issued to users, and used by their orders."""

    def __init__(self, coupons: CouponRepository) -> None:
        self._coupons = coupons

    def register(self, command: RegisterCoupon, *, by: str = "system") -> CouponView:
        """Offer a new coupon."""
        coupon = Coupon(
            **command.model_dump(),
            id=clock.new_id(),
            currency=DEFAULT_CURRENCY,
            issued_quantity=0,
            as_of=clock.now(),
        )
        self._coupons.add(coupon)
        self._coupons.record(Change(by, "REGISTER_COUPON", coupon.id, {}, command.model_dump()))
        return coupon_view(coupon)

    def offers(self, *, limit: int, after: str | None) -> Page[CouponView]:
        """Return a page of coupons that can be issued now, newest first. Raises InvalidCursor."""
        return newest_first("coupons", after, limit, self._coupons.open_offers, coupon_view)

    def issue(self, coupon_id: str, *, user_id: UUID) -> tuple[IssuedCouponView, bool]:
        """Return the user's copy of a coupon, issued now if there was none, and whether it is new.

        Raises CouponNotFound, CouponNotYetValid, CouponExpired, CouponSoldOut.
        """
        id_ = cursor.parse_id(coupon_id)
        coupon, issued = self._coupons.find_for(id_, user_id) if id_ else (None, None)
        if coupon is None:
            raise CouponNotFound
        if issued is not None:
            return issued_view(issued), False
        issued = coupon.issue(clock.new_id(), user_id)
        self._coupons.issue(issued, on_sold_out=CouponSoldOut)
        return issued_view(issued), True

    def list(
        self, *, user_id: UUID, status: IssuedStatus | None, limit: int, after: str | None
    ) -> Page[IssuedCouponView]:
        """Return a page of the user's copies, newest first, of one status or all.

        Raises InvalidCursor.
        """
        listing = f"coupons:{user_id}:{status or 'all'}"
        read = partial(self._coupons.newest_of, user_id, status)
        return newest_first(listing, after, limit, read, issued_view)

    def reads_of_quote(self, issued_coupon_id: str) -> Sequence[Query]:
        """Return what `quote` will read."""
        id_ = cursor.parse_id(issued_coupon_id)
        return self._coupons.reads_of_issued(id_) if id_ else ()

    def quote(self, issued_coupon_id: str, *, user_id: UUID, total: Money) -> Quote:
        """Calculate the discount of the user's coupon. Raises CouponNotUsable with the reason."""
        id_ = cursor.parse_id(issued_coupon_id)
        issued = self._coupons.find_issued(id_) if id_ else None
        if issued is None or issued.user_id != user_id:
            raise CouponNotUsable("You have no such coupon.")
        return Quote(issued, total, issued.discount_on(total))

    def use(self, quote: Quote, order_id: UUID) -> None:
        """Use the coupon for an order, which stores the discount.

        It is decided on the coupon as read; the database checks the decision on commit, by its
        own clock. Raises CouponNotUsable with the reason, perhaps only on commit.
        """
        issued = quote.issued
        issued.use(order_id, quote.total)
        reason = partial(
            self._reason, str(quote.issued_coupon_id), user_id=issued.user_id, total=quote.total
        )
        self._coupons.use(issued, on_violation=reason)

    def restore(self, issued_coupon_id: UUID, order_id: UUID) -> None:
        """Make the coupon of a cancelled order usable again."""
        issued = self._coupons.lock_issued(issued_coupon_id)
        if issued is None:
            raise ValueError(f"order {order_id} names the coupon {issued_coupon_id}, unknown here")
        issued.restore(order_id)
        self._coupons.save(issued)

    def _reason(
        self, issued_coupon_id: str, *, user_id: UUID, total: Money
    ) -> CouponNotUsable | None:
        try:
            self.quote(issued_coupon_id, user_id=user_id, total=total)
        except CouponNotUsable as refused:
            return refused
        return None
