"""Example answers of the document: one of each view, and errors that need explaining.

They are instances of the very classes that are answered, so that none can drift from its schema.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from commerce.app.audit import ActView
from commerce.app.catalogue import LikedProduct
from commerce.app.checkout import ChargePage, OrderPage
from commerce.app.operations import (
    AlertView,
    DeadLetterOutcomeView,
    DeadLettersFoundView,
    DiscardedEventView,
    DiscardedView,
    EventView,
    KindsView,
    NoticesView,
    OperatorsOrderView,
    OverviewView,
    QueueDeadLettersView,
    QueueNotFound,
    QueuesView,
    RedriveView,
    RequeueView,
    SalesView,
    TimelineView,
)
from commerce.app.operations.finding import FindView
from commerce.app.operations.overview import PROBLEMS
from commerce.app.privacy import KeptView
from commerce.app.rankings import RankedProductView, RankingView
from commerce.app.trends import TrendsView
from commerce.brand import BrandView
from commerce.coupon import CouponNotUsable, CouponView, IssuedCouponView
from commerce.drop import (
    QUICKNET,
    SIMULATED,
    DropNotOpen,
    DropOnly,
    DropView,
    EntryView,
    NotEligible,
    OfferNotValid,
    ProofView,
    ReportView,
    StaffDropView,
    UnitsPromised,
)
from commerce.like import LikeView
from commerce.order import (
    AddressRequired,
    HoldCooldown,
    NothingLeft,
    OrderView,
    PointsExceedTotal,
    PriceChanged,
    PurchaseLimitExceeded,
    RefundExceedsPaid,
    ReturnNotPossible,
    ReturnView,
    TooManyUnpaidOrders,
)
from commerce.order.errors import StatusChangeRefused
from commerce.payment import PaymentGatewayUnavailable, PaymentView
from commerce.point import (
    BalanceLimitExceeded,
    BalanceView,
    DailyChargeLimitExceeded,
    InsufficientPoints,
    LedgerEntryView,
    PointsView,
)
from commerce.product import (
    OutOfStock,
    Oversold,
    ProductDetailView,
    ProductNotFound,
    ProductView,
    StockMovementView,
    StockView,
)
from commerce.product.errors import NotOnSale, SaleWindow, Shortage
from commerce.product.striping import StripesView
from commerce.ranking import InvalidMoment, PageTooDeep, Period, RankingWeightsView
from commerce.runtime.health import SCHEMA_REVISION, HealthView, NotHealthy
from commerce.shared.errors import CommerceError
from commerce.shared.money import Money
from commerce.shared.schemas import Page, View
from commerce.shared.scopes import MissingScope, Scope
from commerce.user import UserView
from commerce.user.address_book import AddressView, TooManyAddresses
from commerce.user.api_keys import ApiKeyView, NewApiKeyView
from commerce.user.erasure import OpenOrders
from commerce.user.mail_tokens import EmailVerifiedView, MailRequestedView
from commerce.user.sessions import NewSessionView, SessionView, TokensView, TooManyAttempts
from commerce.user.staff import ListedStaffView, StaffUserView, StaffView

REQUEST_ID = "0198c0de-0001-4000-8000-000000000016"
ADDRESS_ID = "0198c0de-0000-7000-8000-0000000000ad"
PRODUCT_ID = "0198c0de-0000-7000-8000-00000000000a"
BRAND_ID = "0198c0de-0000-7000-8000-00000000000b"
ORDER_ID = "0198c0de-0000-7000-8000-00000000000c"
PAYMENT_ID = "0198c0de-0000-7000-8000-00000000000d"
COUPON_ID = "0198c0de-0000-7000-8000-00000000000e"
CHARGE_ID = "0198c0de-0000-7000-8000-0000000000c2"
REFUND_ID = "0198c0de-0000-7000-8000-0000000000c3"
RETURN_ID = "0198c0de-0000-7000-8000-0000000000c4"
ISSUED_COUPON_ID = "0198c0de-0000-7000-8000-00000000000f"
USER_ID = "0198c0de-0000-7000-8000-000000000001"
SESSION_ID = "0198c0de-0000-7000-8000-000000000017"
EVENT_ID = "0198c0de-0000-7000-8000-000000000010"
ALERT_ID = "0198c0de-0000-7000-8000-0000000000a7"
DROP_ID = "0198c0de-0000-7000-8000-0000000000d1"
ENTRY_ID = "0198c0de-0000-7000-8000-0000000000e1"
API_KEY_ID = "0198c0de-0000-7000-8000-0000000000c1"
ACT_ID = "0198c0de-0000-7000-8000-0000000000a1"
MESSAGE_ID = "5d7a3f0e-5a2b-4d0e-9c1f-0a1b2c3d4e5f"
QUEUE = "shipping-order-confirmed"
CURSOR = "WyJwcm9kdWN0cyIsIjAxOThjMGRlLTAwMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwYSJd"
AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)

PATH_IDS = {
    "product_id": PRODUCT_ID,
    "brand_id": BRAND_ID,
    "order_id": ORDER_ID,
    "payment_id": PAYMENT_ID,
    "coupon_id": COUPON_ID,
    "charge_id": CHARGE_ID,
    "return_id": RETURN_ID,
    "user_id": USER_ID,
    "asset": "start.js",
    "queue": QUEUE,
    "event_id": EVENT_ID,
    "redrive_id": ACT_ID,
    "alert_id": ALERT_ID,
    "session_id": SESSION_ID,
    "drop_id": DROP_ID,
    "api_key_id": API_KEY_ID,
    "address_id": ADDRESS_ID,
}


def _won(amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": "KRW"}


_TOKENS: dict[str, Any] = {
    "access_token": "eyJhbGciOi…",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "eyJhbGciOi…",
    "refresh_expires_in": 2592000,
}
_PRODUCT = {
    "product_id": PRODUCT_ID,
    "name": "Anvil",
    "description": "It falls down.",
    "price": _won(12000),
    "brand": {"brand_id": BRAND_ID, "name": "Acme"},
    "like_count": 7,
    "version": 1,
    "availability": "ON_SALE",
}
_ADDRESS = {
    "recipient": "Wile E. Coyote",
    "phone": "+82 10-1234-5678",
    "line1": "1 Canyon Road",
    "line2": None,
    "city": "Seoul",
    "region": None,
    "country": "KR",
    "postal_code": "04524",
}
_ORDER = {
    "order_id": ORDER_ID,
    "status": "CONFIRMED",
    "total": _won(24000),
    "discount": _won(0),
    "points_used": _won(24000),
    "card_amount": _won(0),
    "refunded": _won(12000),
    "lines": [
        {
            "product_id": PRODUCT_ID,
            "product_name": "Anvil",
            "brand_id": BRAND_ID,
            "brand_name": "Acme",
            "unit_price": _won(12000),
            "quantity": 2,
            "cancelled_quantity": 1,
            "returned_quantity": 0,
        }
    ],
    "placed_at": AT,
    "expires_at": None,
    "ship_to": _ADDRESS,
}
_ENTERED = {
    "amount": _won(10000),
    "reason": "CHARGED",
    "at": AT,
    "order_id": None,
    "charge_id": CHARGE_ID,
    "balance_after": _won(10000),
}
_REFUND = {
    "refund_id": REFUND_ID,
    "kind": "CANCELLATION",
    "amount": _won(12000),
    "card_amount": _won(0),
    "points": _won(12000),
    "at": AT,
}
_RETURN = {
    "return_id": RETURN_ID,
    "order_id": ORDER_ID,
    "status": "REQUESTED",
    "lines": [
        {
            "product_id": PRODUCT_ID,
            "product_name": "Anvil",
            "quantity": 1,
            "reason": "Does not fit",
            "received_quantity": 0,
            "restocked_quantity": 0,
        }
    ],
    "requested_at": AT,
    "ended_at": None,
    "rejection_reason": None,
    "refund_id": None,
    "refunded": _won(0),
}
_STEP = {"status": "CONFIRMED", "at": AT, "by": f"user:{USER_ID}", "reason": "Paid by points"}
_PAYMENT = {
    "payment_id": PAYMENT_ID,
    "order_id": ORDER_ID,
    "charge_id": None,
    "status": "PENDING",
    "amount": _won(24000),
    "refunded": _won(0),
    "card_type": "KB",
    "card_last4": "4444",
    "failure_reason": None,
}

_USER = {
    "user_id": USER_ID,
    "login_id": "coyote",
    "name": "Wile E. Coyote",
    "email": "coyote@example.com",
    "email_verified": False,
    "birth_date": date(1990, 4, 12),
    "gender": "OTHER",
    "language": "ko",
}
_ACT = {
    "act_id": ACT_ID,
    "at": AT,
    "by": f"admin:{USER_ID}",
    "action": "PATCH /admin/products/{product_id}",
    "subject": f"/admin/products/{PRODUCT_ID}",
    "outcome": "DONE",
    "code": None,
    "request_id": REQUEST_ID,
    "changes": [
        {
            "action": "edit product",
            "subject_id": PRODUCT_ID,
            "before": {"name": "Anvil"},
            "after": {"name": "Heavy anvil"},
        }
    ],
    "messages": 0,
}
_API_KEY = {
    "api_key_id": API_KEY_ID,
    "address_id": ADDRESS_ID,
    "name": "Warehouse",
    "ends_with": "5c1e",
    "scopes": ["stock", "orders:fulfil"],
    "created_by": f"admin:{USER_ID}",
    "created_at": AT,
    "expires_at": AT + timedelta(days=365),
    "revoked_at": None,
    "last_used_at": None,
}

_LETTER = {
    "message_id": MESSAGE_ID,
    "kind": "OrderConfirmed",
    "sent_at": AT,
    "occurred_at": AT,
    "age_seconds": 240,
    "redriven": 0,
    "type": "OrderConfirmed",
    "event_id": EVENT_ID,
    "order_id": ORDER_ID,
    "trace_id": REQUEST_ID,
    "cause": "DeliverySystemFailed: HTTP 500",
    "body": '{"detail-type": "OrderConfirmed", "detail": {}}',
    "body_is_cut": False,
}
_KIND = {"kind": "OrderConfirmed", "count": 1}
_QUEUE = {
    "queue": QUEUE,
    "count": 1,
    "is_urgent": True,
    "can_redrive": True,
    "under_way": 0,
    "letters": [_LETTER],
}
_RUN = {
    "begun_at": AT,
    "ended_at": AT,
    "seconds": 1.3,
    "products": 12,
    "accounts": 40,
    "orders": 55,
    "coupons": 1,
    "drops": 0,
    "boards": 80,
    "findings": 1,
    "is_complete": True,
}
_DISCARDED = {
    **{name: _LETTER[name] for name in ("kind", "order_id", "event_id", "body", "body_is_cut")},
    "queue": QUEUE,
    "message_id": MESSAGE_ID,
    "at": AT,
    "by": f"admin:{USER_ID}",
    "reason": "Settled by telephone",
    "restored_at": None,
    "restored_by": None,
}
_TIMELINE = {
    "order_id": ORDER_ID,
    "entries": [
        {
            "at": AT,
            "kind": "EVENT",
            "what": "OrderConfirmed",
            "detail": "published",
            "by": "",
            "id": EVENT_ID,
            "trace_id": REQUEST_ID,
        }
    ],
    "is_complete": True,
}
_ALERT = {
    "alert_id": ALERT_ID,
    "code": "DEAD_LETTERS",
    "about": "mail-requested",
    "summary": "3 dead letters in mail-requested.",
    "runbook": "dead-letters.md",
    "first_at": AT,
    "last_at": AT,
    "count": 2,
    "is_current": True,
    "acknowledgement": {"at": AT, "by": f"admin:{USER_ID}", "note": "The provider repairs it"},
    "can_be_silenced": True,
    "silence": None,
    "version": 2,
}
_TRENDS = {
    "at": AT,
    "slot_seconds": 300,
    "points": [
        {
            "at": AT,
            "dead_letters": 3,
            "outbox_age_seconds": 1,
            "breaker": "closed",
            "payments_succeeded": 12,
            "payments_failed": 1,
            "api_5xx": None,
            "functions_failed": None,
        }
    ],
    "deploys": [{"at": AT, "version": "0.1.0", "code": "5c1e00000000"}],
}
_EVENT = {
    "event_id": EVENT_ID,
    "type": "OrderConfirmed",
    "state": "QUARANTINED",
    "aggregate_id": ORDER_ID,
    "trace_id": REQUEST_ID,
    "occurred_at": AT,
    "published_at": None,
    "refusals": 0,
    "cause": "larger than 256 KB",
    "set_aside_at": AT,
    "body": '{"type": "OrderConfirmed", "data": {}}',
    "body_is_cut": False,
}
_FOUND = {
    "text": ORDER_ID,
    "found": [
        {
            "kind": "ORDER",
            "id": ORDER_ID,
            "state": "CONFIRMED",
            "at": AT,
            "order_id": ORDER_ID,
            "user_id": USER_ID,
            "link": f"order={ORDER_ID}",
        }
    ],
    "entries": [],
    "searched": ["ORDER", "PAYMENT", "EVENT", "DEAD_LETTER"],
    "not_searched": [{"kind": "USER", "scope": "users:read"}],
    "notes": [],
    "is_complete": True,
}
_OVERVIEW = {
    "at": AT,
    "books": {
        "last": {**_RUN, "kind": "INCREMENTAL"},
        "last_full": {**_RUN, "kind": "FULL"},
        "is_late": False,
        "findings_count": 1,
        "findings": [
            {
                "rule": "STOCK_IS_THE_SUM_OF_ITS_MOVEMENTS",
                "words": "STOCK_IS_THE_SUM_OF_ITS_MOVEMENTS: "
                f"product_id {PRODUCT_ID}, stock 13, movements 10",
                "runbook": "books-do-not-hold.md",
                "command": 'make ops ARGS="reconcile"',
            }
        ],
    },
    "failing": [
        {
            "queue": "shipping-order-confirmed",
            "messages": 3,
            "tries": 2,
            "cause": "DeliverySystemFailed: It answered 503",
            "type": "OrderConfirmed",
            "since": AT,
            "is_urgent": True,
        }
    ],
    "outbox": {
        "waiting": 1,
        "oldest_age_seconds": 2,
        "set_aside_count": 1,
        "set_aside": [
            {
                "event_id": EVENT_ID,
                "type": "OrderConfirmed",
                "aggregate_id": ORDER_ID,
                "trace_id": REQUEST_ID,
                "cause": "The event is larger than the bus carries.",
                "occurred_at": AT,
                "set_aside_at": AT,
            }
        ],
    },
    "orders": [{"status": "CONFIRMED", "now": 3, "placed_within_a_day": 40}],
    "stuck_orders": [
        {
            "order_id": ORDER_ID,
            "status": "CONFIRMED",
            "problem": "NOT_TOLD",
            "meaning": PROBLEMS["NOT_TOLD"],
            "since": AT,
        }
    ],
    "payments": [
        {
            "payment_id": PAYMENT_ID,
            "order_id": ORDER_ID,
            "charge_id": None,
            "status": "PENDING",
            "amount": _won(24000),
            "transaction_key": "20260131:TR:9577c5",
            "since": AT,
            "asked_at": AT,
            "late": True,
        }
    ],
    "breaker": {
        "state": "open", "since": AT, "calls": 0, "failed": 0, "causes": [],
        "opening": {"at": AT, "calls": 10, "failed": 6, "causes": ["HTTP 500 (6 times)"]},
    },
}  # fmt: skip
_SALES = {
    "at": AT,
    "hours": [{"hour": AT, "orders": 2, "cancelled": 0, "amount": _won(48000)}],
    "products": [{"product_id": PRODUCT_ID, "name": "Anvil", "units_sold": 4, "stock_quantity": 5}],
}

_HASH = "2ad2acf93c0efbdbfa9c1ff7b3eb0e4bbd8ba0c7e3ec2cfd23a3aa1a2e8ae2e6"
_LOT = {
    "product_id": PRODUCT_ID, "units": 10, "returned": 0, "entries": 500, "held": 8, "bought": 2,
    "served": 10,
}  # fmt: skip
_DROP = {
    "drop_id": DROP_ID,
    "state": "OFFERING",
    "mode": "SHUFFLE",
    "lots": [_LOT],
    "entries_at": AT - timedelta(hours=2),
    "draws_at": AT - timedelta(hours=1),
    "offers_until": AT + timedelta(days=7),
    "claim_minutes": 15,
    "accounts_before": None,
    "verified_only": True,
    "coupons_allowed": False,
    "entries": 500,
    "held": 8,
    "bought": 2,
    "served": 10,
    "terms_hash": _HASH,
    "beacon_round": 30_000_000,
    "log_head": _HASH,
    "now": AT,
    "version": 4,
}
_STAFF_DROP = {
    **_DROP,
    "statuses": {"BOUGHT": 2, "OFFERED": 6, "ORDERED": 2, "WAITING": 490},
    "beacon_chain": QUICKNET,
    "beacon_at": AT - timedelta(minutes=59),
    "sealed_at": AT - timedelta(hours=1),
    "drawn_at": AT - timedelta(minutes=58),
    "ended_at": None,
    "trouble": None,
}
_ENTRY = {
    "entry_id": ENTRY_ID,
    "drop_id": DROP_ID,
    "lot": PRODUCT_ID,
    "status": "WAITING",
    "position": 17,
    "ahead": 6,
    "may_return": True,
    "claim_until": None,
    "order_id": None,
    "poll_after_seconds": 2,
    "log_head": _HASH,
}
_PROOF = {
    "drop_id": DROP_ID,
    "terms": "{}",
    "terms_hash": _HASH,
    "beacon_chain": SIMULATED,
    "beacon_round": 30_000_000,
    "is_simulated": True,
    "signature": "8f" * 48,
    "entries_count": 1,
    "entries_root": _HASH,
    "entries": [{"entry_id": ENTRY_ID, "lot": PRODUCT_ID, "position": 1}],
    "log": [
        {
            "number": 1,
            "at": AT,
            "kind": "PUBLISHED",
            "data": {"terms_hash": _HASH},
            "hash": _HASH,
        }
    ],
    "log_head": _HASH,
    "next_cursor": None,
}
_REPORT = {
    "drop_id": DROP_ID,
    "entries": 500,
    "offers": 12,
    "bought": 10,
    "lapsed": 1,
    "cancelled": 1,
    "passed_on": 2,
    "oversold": 0,
    "free_seconds_p50": 0.4,
    "free_seconds_p99": 1.2,
    "free_seconds_max": 1.2,
    "refusals": {"DROP_ONLY": 31, "PERSON_ALREADY_ENTERED": 2},
    "statuses": {"BOUGHT": 10, "LAPSED": 1, "CANCELLED": 1, "VOID": 488},
}

_VIEWS: tuple[View, ...] = (
    UserView.model_validate(_USER),
    MailRequestedView(expires_in=3600),
    EmailVerifiedView(email_verified=True),
    TokensView(**_TOKENS),
    NewSessionView(**_TOKENS, device_token="eyJhbGciOi…"),  # noqa: S106
    SessionView(
        session_id=SESSION_ID,
        user_agent="curl/8.5.0",
        created_at=AT,
        last_used_at=AT,
        expires_at=AT + timedelta(days=30),
        is_current=True,
    ),
    KeptView(
        section="likes", data={"product_id": PRODUCT_ID, "created_at": "2026-02-14T09:00:00Z"}
    ),
    BalanceView.model_validate({"balance": _won(10000), "currency": "KRW"}),
    PointsView.model_validate(
        {
            "balance": _won(10000),
            "currency": "KRW",
            "entries": [_ENTERED],
        }
    ),
    LedgerEntryView.model_validate(_ENTERED),
    ChargePage.model_validate(
        {
            "charge_id": CHARGE_ID,
            "status": "CREDITED",
            "amount": _won(10000),
            "balance": _won(10000),
            "payment": None,
        }
    ),
    BrandView(brand_id=BRAND_ID, name="Acme", description="Everything a coyote needs."),
    ProductView.model_validate(_PRODUCT),
    ProductDetailView.model_validate(
        {
            **_PRODUCT,
            "stock_quantity": 5,
            "sale_from": AT,
            "sale_until": None,
            "max_per_buyer": 2,
            "rank": 1,
        }
    ),
    StockView(
        product_id=PRODUCT_ID,
        on_hand=100,
        reserved=3,
        allotted=0,
        available=97,
        stock_quantity=97,
        version=5,
    ),
    StockMovementView.model_validate(
        {
            "movement_id": "4711",
            "at": AT,
            "reason": "SOLD",
            "change": {"on_hand": 0, "reserved": 2, "available": -2},
            "balance": {"on_hand": 100, "reserved": 3, "available": 97},
            "by": f"user:{USER_ID}",
            "order_id": ORDER_ID,
            "drop_id": None,
            "note": None,
        }
    ),
    StripesView(product_id=PRODUCT_ID, stripes=16, is_fixed=True),
    LikeView(product_id=PRODUCT_ID, liked=True),
    LikedProduct.model_validate({**_PRODUCT, "liked_at": AT}),
    CouponView.model_validate(
        {
            "coupon_id": COUPON_ID,
            "name": "Autumn, 10 % off",
            "kind": "RATE",
            "value": 10,
            "max_discount": 5000,
            "min_order_amount": 10000,
            "total_quantity": 100,
            "issued_quantity": 1,
            "valid_from": AT,
            "valid_until": AT + timedelta(days=30),
        }
    ),
    IssuedCouponView(issued_coupon_id=ISSUED_COUPON_ID, coupon_id=COUPON_ID, status="AVAILABLE"),
    OrderView.model_validate(_ORDER),
    AddressView.model_validate(_ADDRESS | {"address_id": ADDRESS_ID, "is_default": True}),
    OrderPage.model_validate(
        {
            **_ORDER,
            "refunds": [_REFUND],
            "returns": [_RETURN],
            "history": [_STEP],
            "payments": [],
        }
    ),
    ReturnView.model_validate(_RETURN),
    PaymentView.model_validate(_PAYMENT),
    RankingWeightsView(view=0.1, like=0.2, order=0.7),
    RankingView(
        period=Period.DAILY,
        at="20261129",
        items=[
            RankedProductView(rank=1, score=9.04, product=ProductView.model_validate(_PRODUCT)),
        ],
    ),
    QueuesView.model_validate({"queues": [_QUEUE]}),
    QueueDeadLettersView.model_validate(_QUEUE),
    DeadLetterOutcomeView.model_validate(
        {
            "queue": QUEUE,
            "done": [MESSAGE_ID],
            "kinds": [_KIND],
            "failed": [],
            "not_found": [],
            "complete": True,
        }
    ),
    RedriveView.model_validate(
        {
            "queue": QUEUE,
            "done": [MESSAGE_ID],
            "kinds": [_KIND],
            "failed": [],
            "not_found": [],
            "complete": False,
            "redrive_id": ACT_ID,
            "state": "UNDER_WAY",
            "sent": 4_210,
            "failed_count": 0,
        }
    ),
    DeadLettersFoundView.model_validate(
        {
            "queue": QUEUE,
            "count": 10_000,
            "looked_at": 10_000,
            "matching": 9_987,
            "is_complete": True,
            "groups": [{**_KIND, "cause": _LETTER["cause"], "count": 9_987}],
            "letters": [_LETTER],
        }
    ),
    KindsView.model_validate(
        {"queue": QUEUE, "count": 32, "kinds": [{"kind": "UNREADABLE", "count": 31}, _KIND]}
    ),
    DiscardedView.model_validate(_DISCARDED),
    OverviewView.model_validate(_OVERVIEW),
    AlertView.model_validate(_ALERT),
    TrendsView.model_validate(_TRENDS),
    SalesView.model_validate(_SALES),
    OperatorsOrderView.model_validate(
        {
            **_ORDER,
            "refunds": [_REFUND],
            "returns": [_RETURN],
            "history": [_STEP],
            "payments": [],
            "buyer_id": USER_ID,
            "notices": [{"kind": "ORDER", "delivered_at": AT}],
        }
    ),
    NoticesView.model_validate(
        {"order_id": ORDER_ID, "notices": [{"kind": "ORDER", "delivered_at": AT}]}
    ),
    TimelineView.model_validate(_TIMELINE),
    RequeueView(event_id=EVENT_ID, put_back=True),
    DiscardedEventView(event_id=EVENT_ID, discarded=True),
    EventView.model_validate(_EVENT),
    FindView.model_validate(_FOUND),
    ActView.model_validate(_ACT),
    StaffView(user_id=USER_ID, login_id="coyote", scopes=[Scope.STOCK], suspended_at=None),
    ListedStaffView(
        user_id=USER_ID,
        login_id="coyote",
        scopes=[Scope.STOCK],
        suspended_at=None,
        last_signed_in_at=AT,
    ),
    StaffUserView.model_validate(
        {
            **_USER,
            "created_at": AT,
            "scopes": [],
            "suspended_at": AT,
            "suspension_reason": "Uses stolen cards",
            "mail_suppressed_at": None,
            "mail_suppression": None,
        }
    ),
    ApiKeyView.model_validate(_API_KEY),
    NewApiKeyView.model_validate({**_API_KEY, "key": "lastunit_key_" + "0" * 60 + "5c1e"}),
    DropView.model_validate(_DROP),
    StaffDropView.model_validate(_STAFF_DROP),
    EntryView.model_validate(_ENTRY),
    ProofView.model_validate(_PROOF),
    ReportView.model_validate(_REPORT),
    HealthView(
        version="0.1.0", schema_revision=SCHEMA_REVISION, expected_schema_revision=SCHEMA_REVISION
    ),
)
_OF_TYPE = {type(view): view.model_dump(mode="json") for view in _VIEWS}

_ERRORS: Mapping[type[CommerceError], CommerceError] = {
    type(error): error
    for error in (
        ProductNotFound([PRODUCT_ID]),
        OutOfStock([Shortage(UUID(PRODUCT_ID), requested=2, available=1)]),
        Oversold(2, [UUID(ORDER_ID)]),
        OpenOrders([UUID(ORDER_ID)], []),
        NotOnSale([SaleWindow(UUID(PRODUCT_ID), AT, None)], 30),
        PurchaseLimitExceeded(
            [{"product_id": PRODUCT_ID, "limit": 2, "already": 1, "requested": 2}]
        ),
        PriceChanged(Money(26000)),
        NothingLeft({PRODUCT_ID: 2}, {PRODUCT_ID: 1}),
        ReturnNotPossible("The order is SHIPPED; only a DELIVERED one goes back."),
        RefundExceedsPaid(Money(4000)),
        TooManyUnpaidOrders(3),
        AddressRequired(),
        TooManyAddresses(20),
        HoldCooldown(1800),
        InsufficientPoints(required=Money(24000), available=Money(10000)),
        PointsExceedTotal(24000),
        DailyChargeLimitExceeded(100000, 95000, 10000, 3600),
        BalanceLimitExceeded(200000, 195000, 10000),
        CouponNotUsable("You have no such coupon."),
        TooManyAttempts(30),
        MissingScope(Scope.STOCK),
        QueueNotFound([QUEUE]),
        DropOnly(UUID(DROP_ID)),
        OfferNotValid("LAPSED", AT),
        UnitsPromised(UUID(PRODUCT_ID), promised=5, requested=4),
        DropNotOpen(retry_after_seconds=600),
        NotEligible("The account was made too late for this drop."),
        InvalidMoment("yyyymmdd"),
        PageTooDeep(1000),
        PaymentGatewayUnavailable(
            "Nothing was charged. It can still be paid: try again in a moment.",
            retry_after_seconds=10,
        ),
        NotHealthy(
            "The schema is behind the code: invoke the function that migrates it.",
            facts={
                "version": "0.1.0",
                "schema_revision": "0001",
                "expected_schema_revision": SCHEMA_REVISION,
            },
        ),
    )
}


def answer_of(shape: Any) -> Any:
    """Return an answer of this type, as JSON. Raises KeyError where there is no example."""
    metadata = getattr(shape, "__pydantic_generic_metadata__", {})
    if metadata.get("origin") is Page:
        return {"items": [answer_of(metadata["args"][0])], "next_cursor": CURSOR}
    return {"received": True} if shape == dict[str, bool] else _OF_TYPE[shape]


def error_of(kind: type[CommerceError]) -> CommerceError:
    """Return a refusal of this class."""
    if issubclass(kind, StatusChangeRefused):
        return kind("DELIVERED")
    return _ERRORS[kind] if kind in _ERRORS else kind()
