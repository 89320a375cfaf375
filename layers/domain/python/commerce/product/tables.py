"""Tables of the product context. Their constraints are final: stock is never negative."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    literal_column,
    text,
)

from commerce.runtime.db.core import metadata

product_table = Table(
    "product",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("brand_id", Uuid, ForeignKey("brand.id", name="product_has_a_brand"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("price_amount", BigInteger, nullable=False),
    Column("price_currency", Text, nullable=False),
    Column("like_count", BigInteger, nullable=False),
    Column("unlikes_ahead", BigInteger, nullable=False, server_default=text("0")),
    Column("version", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    # The default is long ago, for rows of code that knows no such column: shown at once.
    Column(
        "visible_from",
        DateTime(timezone=True),
        server_default=text("'1970-01-01 00:00:00+00'::timestamp with time zone"),
    ),
    Column("archived_at", DateTime(timezone=True)),
    Column("sale_from", DateTime(timezone=True)),
    Column("sale_until", DateTime(timezone=True)),
    Column("max_per_buyer", BigInteger),
    Column("hold_minutes", Integer),
    CheckConstraint("price_amount >= 0", name="price_not_negative"),
    CheckConstraint("like_count >= 0", name="like_count_not_negative"),
    CheckConstraint(
        "unlikes_ahead >= 0 AND (unlikes_ahead = 0 OR like_count = 0)", name="unlikes_ahead_of_none"
    ),
)
_c = product_table.c
# Each list has an index with its order. It ends with what decides whether shoppers see a product,
# so that hidden ones are passed over in the index, however many they are.
_shown = (_c.visible_from, _c.archived_at)
Index("product_listed_latest", _c.id, *_shown)
Index("product_listed_by_price", _c.price_amount, _c.id, *_shown)
Index("product_listed_by_likes", _c.like_count, _c.id, *_shown)
Index("product_of_brand_listed_latest", _c.brand_id, _c.id, *_shown)
Index("product_of_brand_listed_by_price", _c.brand_id, _c.price_amount, _c.id, *_shown)
Index("product_of_brand_listed_by_likes", _c.brand_id, _c.like_count, _c.id, *_shown)
Index("product_opening", _c.visible_from)

stock_table = Table(
    "stock",
    metadata,
    Column(
        "product_id", Uuid, ForeignKey("product.id", name="stock_of_a_product"), primary_key=True
    ),
    # What is available, with the units in the stripes. What is reserved is stored nowhere: it is
    # `on_hand` less that, so that selling changes one number.
    Column("quantity", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("counted", BigInteger, nullable=False, server_default=text("0")),  # nothing moved by it
    Column("stripes_fixed", Boolean, nullable=False, server_default=text("false")),  # by an admin
    Column("on_hand", BigInteger, nullable=False, server_default=text("0")),
    Column("allotted", BigInteger, nullable=False, server_default=text("0")),  # a part of reserved
    # False until the migration knows what was on hand before it (infra/migrations/opening.py).
    Column("is_opened", Boolean, nullable=False, server_default=text("true")),
    CheckConstraint("quantity >= 0", name="stock_not_negative"),
    CheckConstraint("allotted >= 0", name="allotted_not_negative"),
    # Sold units rewrite the row without touching an index: room on the page keeps that local.
    postgresql_with={"fillfactor": "50"},
)

stock_movement_table = Table(
    "stock_movement",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("product_id", Uuid, nullable=False),
    Column("change", BigInteger, nullable=False),  # of what is available
    Column("reason", Text, nullable=False),
    Column("order_id", Uuid),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("on_hand_change", BigInteger, nullable=False, server_default=text("0")),
    Column("drop_id", Uuid),  # where it changes what is allotted
    Column("by", Text),  # null in movements from before this was recorded
    Column("note", Text),
)
Index(
    "stock_movement_newest_of_product",
    stock_movement_table.c.product_id,
    stock_movement_table.c.id,
)
Index(
    "stock_movement_of_drop",
    stock_movement_table.c.drop_id,
    postgresql_where=stock_movement_table.c.drop_id.is_not(None),
)
# An order takes a product's units once, and ships them once. They may come back in parts: for
# these the index has NULL, which equals nothing.
Index(
    "stock_taken_once_per_reason",
    stock_movement_table.c.order_id,
    stock_movement_table.c.product_id,
    literal_column("NULLIF(reason, 'RETURNED'::text)"),
    unique=True,
    postgresql_where=stock_movement_table.c.order_id.is_not(None),
)
