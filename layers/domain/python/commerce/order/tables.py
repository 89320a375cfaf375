"""The order context's tables."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from commerce.runtime.db.core import metadata

order_table = Table(
    "orders",  # ORDER is a reserved word of SQL
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("buyer_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("payment_method", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("total_amount", BigInteger, nullable=False),
    Column("discount_amount", BigInteger, nullable=False),
    Column("issued_coupon_id", Uuid),
    Column("points_used_amount", BigInteger, nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("drop_entry_id", Uuid),  # whose offer of a drop the order uses
    Column("version", BigInteger, nullable=False),
    Column("ship_to", JSONB),  # personal data, as commerce.shared.postal has it
    Column("carrier", Text),
    Column("tracking_number", Text),
    Column("delivery_version", BigInteger, nullable=False, server_default=text("0")),
    Column("delivery_changed_at", DateTime(timezone=True)),
    # What went back of each means. Orders that former code cancelled have zeros.
    Column("card_refunded_amount", BigInteger, nullable=False, server_default=text("0")),
    Column("points_refunded_amount", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint(
        "status IN ('PENDING', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED')",
        name="order_status_known",
    ),
    CheckConstraint(
        "discount_amount >= 0 AND points_used_amount >= 0"
        " AND discount_amount + points_used_amount <= total_amount",
        name="order_never_overpaid",
    ),
    CheckConstraint(
        "(discount_amount > 0) = (issued_coupon_id IS NOT NULL)", name="discount_has_its_coupon"
    ),
    CheckConstraint(
        "card_refunded_amount >= 0 AND points_refunded_amount BETWEEN 0 AND points_used_amount"
        " AND card_refunded_amount <= total_amount - discount_amount - points_used_amount",
        name="order_never_overrefunded",
    ),
    # Code that knows no parts must not cancel, as a whole, an order of which a part is cancelled.
    CheckConstraint(
        "status <> 'CANCELLED' OR card_refunded_amount + points_refunded_amount = 0"
        " OR points_refunded_amount = points_used_amount AND card_refunded_amount"
        " IN (0, total_amount - discount_amount - points_used_amount)",
        name="cancelled_order_is_refunded",
    ),
)
Index("order_of_buyer", order_table.c.buyer_id, order_table.c.id)
Index(
    "order_unpaid",
    order_table.c.expires_at,
    order_table.c.id,
    postgresql_where=text("status = 'PENDING'"),
)
Index("order_unpaid_of_buyer", order_table.c.buyer_id, postgresql_where=text("status = 'PENDING'"))
Index(
    "order_of_drop_entry",
    order_table.c.drop_entry_id,
    postgresql_where=text("drop_entry_id IS NOT NULL"),
)
# Orders on their way are found and counted quickly, however many orders have ended.
Index(
    "order_on_its_way",
    order_table.c.status,
    order_table.c.id,
    postgresql_where=text("status IN ('CONFIRMED', 'SHIPPED')"),
)

order_line_table = Table(
    "order_line",
    metadata,
    Column("order_id", Uuid, ForeignKey("orders.id", name="line_of_an_order"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("product_name", Text, nullable=False),
    Column("brand_id", Uuid, nullable=False),
    Column("brand_name", Text, nullable=False),
    Column("unit_price_amount", BigInteger, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("discount_amount", BigInteger, nullable=False, server_default=text("0")),
    Column("cancelled_quantity", Integer, nullable=False, server_default=text("0")),  # in parts
    Column("returned_quantity", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("order_id", "product_id", name="product_once_per_order"),
    CheckConstraint("quantity >= 1", name="line_quantity_positive"),
    CheckConstraint(
        "discount_amount BETWEEN 0 AND unit_price_amount * quantity",
        name="line_discount_within_its_amount",
    ),
    CheckConstraint(
        "cancelled_quantity >= 0 AND returned_quantity >= 0"
        " AND cancelled_quantity + returned_quantity <= quantity",
        name="no_more_goes_back_than_was_bought",
    ),
)

# Its id is the key of the card's refund at the gateway, and of the points' entry in the ledger.
order_refund_table = Table(
    "order_refund",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey("orders.id", name="refund_of_an_order"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("card_amount", BigInteger, nullable=False),
    Column("points_amount", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    CheckConstraint(
        "card_amount >= 0 AND points_amount >= 0 AND card_amount + points_amount > 0",
        name="refund_amounts_positive",
    ),
)
Index("refund_of_order", order_refund_table.c.order_id, order_refund_table.c.id)

# Its buyer is the order's; the column is for the trigger that stores nothing for who was erased.
order_return_table = Table(
    "order_return",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey("orders.id", name="return_of_an_order"), nullable=False),
    Column("buyer_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("rejection_reason", Text),
    Column("refund_id", Uuid, ForeignKey("order_refund.id", name="refund_of_a_return")),
    CheckConstraint(
        "status IN ('REQUESTED', 'RECEIVED', 'WITHDRAWN', 'REJECTED')", name="return_status_known"
    ),
    CheckConstraint(
        "(status = 'REQUESTED') = (ended_at IS NULL)"
        " AND (status = 'REJECTED') = (rejection_reason IS NOT NULL)"
        " AND (status = 'RECEIVED' OR refund_id IS NULL)",
        name="return_is_as_its_status_says",
    ),
    UniqueConstraint("refund_id", name="return_has_its_own_refund"),
)
Index("return_of_order", order_return_table.c.order_id, order_return_table.c.id)

order_return_line_table = Table(
    "order_return_line",
    metadata,
    Column(
        "return_id",
        Uuid,
        ForeignKey("order_return.id", name="line_of_a_return"),
        nullable=False,
    ),
    Column("position", Integer, nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("product_name", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("reason", Text, nullable=False),  # the buyer's own words
    Column("received_quantity", Integer, nullable=False),
    Column("restocked_quantity", Integer, nullable=False),
    PrimaryKeyConstraint("return_id", "product_id", name="product_once_per_return"),
    CheckConstraint(
        "quantity >= 1 AND received_quantity BETWEEN 0 AND quantity"
        " AND restocked_quantity IN (0, received_quantity)",
        name="no_more_is_received_than_is_returned",
    ),
)

order_history_table = Table(
    "order_history",
    metadata,
    Column("order_id", Uuid, ForeignKey("orders.id", name="history_of_an_order"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("order_id", "position", name="order_history_pkey"),
)
