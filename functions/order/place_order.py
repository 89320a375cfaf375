"""POST /orders: a user places an order."""

from commerce.app import ordering
from commerce.app.drop_refusals import purchases_refused
from commerce.app.transactions import once
from commerce.coupon import CouponNotUsable
from commerce.drop import (
    DropOnly,
    EntryNotFound,
    NotTheOffer,
    NotYourEntry,
    OfferNotValid,
)
from commerce.entrypoints.http import USER, Buyer, RequestKey, http_api, lambda_handler
from commerce.order import (
    AddressRequired,
    HoldCooldown,
    OrderTooLarge,
    OrderView,
    PlaceOrder,
    PointsExceedTotal,
    PriceChanged,
    PurchaseLimitExceeded,
    TooManyUnpaidOrders,
)
from commerce.point import InsufficientPoints
from commerce.product import NotOnSale, OutOfStock, ProductNotFound
from commerce.user.address_book import AddressNotFound

api = http_api()


@api.post("/orders")
def place_order(command: PlaceOrder, buyer: Buyer, key: RequestKey) -> tuple[OrderView, int]:
    with purchases_refused(user_id=buyer.user_id):
        return once(key, ordering.place_order, command, buyer_id=buyer.user_id), 201


handler = lambda_handler(
    api,
    access=USER,
    idempotent=True,
    success=(201,),
    refusals=(
        ProductNotFound,
        NotOnSale,
        OutOfStock,
        InsufficientPoints,
        CouponNotUsable,
        PriceChanged,
        PointsExceedTotal,
        OrderTooLarge,
        PurchaseLimitExceeded,
        TooManyUnpaidOrders,
        HoldCooldown,
        DropOnly,
        EntryNotFound,
        NotYourEntry,
        OfferNotValid,
        NotTheOffer,
        AddressRequired,
        AddressNotFound,
    ),
)
