"""The composition of the contexts: one facade each, on one unit of work."""

from functools import cached_property
from typing import TYPE_CHECKING

from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import UnitOfWork

# For annotations only: a function that imported every context would start slowly.
if TYPE_CHECKING:
    from commerce.app.brand_names import BrandNames
    from commerce.brand import BrandFacade
    from commerce.coupon import CouponFacade
    from commerce.drop import DropFacade, DropPromotion
    from commerce.like import LikeFacade
    from commerce.metrics import MetricsFacade
    from commerce.notification import NotificationFacade
    from commerce.order import OrderFacade
    from commerce.payment import PaymentFacade
    from commerce.point import PointFacade
    from commerce.product import ProductFacade, StockFacade
    from commerce.product.striping import StripingFacade
    from commerce.ranking import RankingFacade
    from commerce.ranking.periods import PeriodicalRankingFacade
    from commerce.shipping import ShippingFacade
    from commerce.user import UserFacade
    from commerce.user.address_book import AddressBookFacade
    from commerce.user.api_keys import ApiKeyFacade
    from commerce.user.erasure import ErasureFacade
    from commerce.user.mail_tokens import MailTokenFacade
    from commerce.user.recipients import RecipientFacade
    from commerce.user.sessions import SessionFacade
    from commerce.user.staff import StaffFacade


class Shop:
    """Every facade on one unit of work; each is built, and its context imported, on first use."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow

    @cached_property
    def users(self) -> "UserFacade":
        from commerce.user import UserFacade
        from commerce.user.repository import SqlUserRepository

        return UserFacade(SqlUserRepository(self.uow))

    @cached_property
    def staff(self) -> "StaffFacade":
        from commerce.user.sessions import SqlSessionRepository
        from commerce.user.staff import StaffFacade, StaffRepository

        return StaffFacade(StaffRepository(self.uow), SqlSessionRepository(self.uow))

    @cached_property
    def api_keys(self) -> "ApiKeyFacade":
        from commerce.user.api_keys import ApiKeyFacade, ApiKeyRepository

        return ApiKeyFacade(ApiKeyRepository(self.uow))

    @cached_property
    def address_book(self) -> "AddressBookFacade":
        from commerce.user.address_book import AddressBookFacade, AddressRepository

        return AddressBookFacade(AddressRepository(self.uow))

    @cached_property
    def sessions(self) -> "SessionFacade":
        from commerce.user.repository import SqlUserRepository
        from commerce.user.sessions import SessionFacade, SqlSessionRepository

        return SessionFacade(SqlUserRepository(self.uow), SqlSessionRepository(self.uow))

    @cached_property
    def erasure(self) -> "ErasureFacade":
        from commerce.user.erasure import ErasureFacade, ErasureRepository
        from commerce.user.repository import SqlUserRepository

        return ErasureFacade(SqlUserRepository(self.uow), ErasureRepository(self.uow))

    @cached_property
    def mail_tokens(self) -> "MailTokenFacade":
        from commerce.user.mail_tokens import MailTokenFacade, MailTokenRepository
        from commerce.user.repository import SqlUserRepository
        from commerce.user.sessions import SqlSessionRepository

        return MailTokenFacade(
            SqlUserRepository(self.uow),
            SqlSessionRepository(self.uow),
            MailTokenRepository(self.uow),
        )

    @cached_property
    def recipients(self) -> "RecipientFacade":
        from commerce.user.recipients import RecipientFacade, RecipientRepository

        return RecipientFacade(RecipientRepository(self.uow))

    @cached_property
    def notifications(self) -> "NotificationFacade":
        from commerce.notification import MailRepository, NotificationFacade

        return NotificationFacade(MailRepository(self.uow))

    def read_ahead(self, *queries: Query) -> None:
        """Read in one round trip what facades say that they will read."""
        if queries:
            self.uow.read_ahead(*queries)

    def lock_ahead(self, *queries: Query) -> None:
        """Lock in one round trip, and in this order, what facades say that they will lock."""
        self.uow.lock_ahead(*queries)

    @cached_property
    def brand_names(self) -> "BrandNames":
        from commerce.app.brand_names import BrandNames

        return BrandNames(self.uow)

    @cached_property
    def brands(self) -> "BrandFacade":
        from commerce.brand import BrandFacade, SqlBrandRepository

        return BrandFacade(SqlBrandRepository(self.uow))

    @cached_property
    def products(self) -> "ProductFacade":
        from commerce.product import ProductFacade, SqlProductRepository

        return ProductFacade(SqlProductRepository(self.uow))

    @cached_property
    def stock(self) -> "StockFacade":
        from commerce.product import SqlProductRepository, StockFacade

        return StockFacade(SqlProductRepository(self.uow))

    @cached_property
    def striping(self) -> "StripingFacade":
        from commerce.product.striping import SqlStripeRepository, StripingFacade

        return StripingFacade(SqlStripeRepository(self.uow))

    @cached_property
    def points(self) -> "PointFacade":
        from commerce.point import PointFacade
        from commerce.point.repository import SqlPointRepository

        return PointFacade(SqlPointRepository(self.uow))

    @cached_property
    def coupons(self) -> "CouponFacade":
        from commerce.coupon import CouponFacade
        from commerce.coupon.repository import SqlCouponRepository

        return CouponFacade(SqlCouponRepository(self.uow))

    @cached_property
    def orders(self) -> "OrderFacade":
        from commerce.order import OrderFacade
        from commerce.order.repository import SqlOrderRepository

        return OrderFacade(SqlOrderRepository(self.uow))

    @cached_property
    def payments(self) -> "PaymentFacade":
        from commerce.payment import PaymentFacade
        from commerce.payment.repository import SqlPaymentRepository

        return PaymentFacade(SqlPaymentRepository(self.uow))

    @cached_property
    def drops(self) -> "DropFacade":
        from commerce.drop import DropFacade, DropRepository

        return DropFacade(DropRepository(self.uow))

    @cached_property
    def drop_promotion(self) -> "DropPromotion":
        from commerce.drop import DropPromotion, DropRepository

        return DropPromotion(DropRepository(self.uow))

    @cached_property
    def likes(self) -> "LikeFacade":
        from commerce.like import LikeFacade, SqlLikeRepository

        return LikeFacade(SqlLikeRepository(self.uow))

    @cached_property
    def metrics(self) -> "MetricsFacade":
        from commerce.metrics import MetricsFacade
        from commerce.metrics.repository import SqlMetricsRepository

        return MetricsFacade(SqlMetricsRepository(self.uow))

    @cached_property
    def rankings(self) -> "RankingFacade":
        from commerce.ranking import RankingFacade
        from commerce.ranking.repository import SqlRankingRepository

        return RankingFacade(SqlRankingRepository(self.uow))

    @cached_property
    def periodical_rankings(self) -> "PeriodicalRankingFacade":
        from commerce.ranking.periods import PeriodicalRankingFacade, SqlPeriodicalRankRepository

        return PeriodicalRankingFacade(
            SqlPeriodicalRankRepository(self.uow), self.metrics.ranges, self.rankings.weights
        )

    @cached_property
    def shipping(self) -> "ShippingFacade":
        from commerce.shipping import ShippingFacade
        from commerce.shipping.repository import SqlShipmentRepository

        return ShippingFacade(SqlShipmentRepository(self.uow))
