"""The drop context's tables.

Entries have no foreign key to their drop: it would lock the drop's row, and joining never waits
for that. Places have none to their entries: a draw locks no entry. `reconcile` checks instead
(docs/drops.md, rule 2).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
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

from commerce.runtime.db.core import metadata

drop_table = Table(
    "product_drop",  # DROP is a reserved word of SQL
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("state", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("entries_at", DateTime(timezone=True), nullable=False),
    Column("draws_at", DateTime(timezone=True), nullable=False),
    Column("offers_until", DateTime(timezone=True), nullable=False),
    Column("claim_minutes", Integer, nullable=False),
    Column("accounts_before", DateTime(timezone=True)),
    Column("verified_only", Boolean, nullable=False),
    Column("coupons_allowed", Boolean, nullable=False),
    # From the publication on:
    Column("terms", Text),
    Column("terms_hash", Text),
    Column("beacon_chain", Text),
    Column("beacon_round", BigInteger),
    # From the seal on:
    Column("sealed_at", DateTime(timezone=True)),
    Column("entries_count", BigInteger),
    Column("entries_root", Text),
    # From the draw on:
    Column("signature", Text),
    Column("drawn_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("log_number", BigInteger, nullable=False, server_default=text("0")),
    Column("log_head", Text),
    Column("version", BigInteger, nullable=False),
    CheckConstraint(
        "state IN ('DRAFT', 'PUBLISHED', 'SEALED', 'OFFERING', 'CLOSED', 'CANCELLED')",
        name="drop_state_known",
    ),
    CheckConstraint("mode IN ('SHUFFLE', 'LOTTERY')", name="drop_mode_known"),
    CheckConstraint(
        "entries_at < draws_at AND draws_at < offers_until", name="drop_moments_in_order"
    ),
)
Index(
    "drop_under_way",
    drop_table.c.id,
    postgresql_where=text("state IN ('PUBLISHED', 'SEALED', 'OFFERING')"),
)

drop_lot_table = Table(
    "drop_lot",
    metadata,
    Column("drop_id", Uuid, ForeignKey("product_drop.id", name="lot_of_a_drop"), nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("units", BigInteger, nullable=False),
    # Units that went back to the product's stock, when the drop was over.
    Column("returned", BigInteger, nullable=False, server_default=text("0")),
    # The last position that was given, and the last that was offered a unit.
    Column("numbered", BigInteger, nullable=False, server_default=text("0")),
    Column("served", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("drop_id", "product_id", name="product_once_per_drop"),
    CheckConstraint("units >= 1 AND returned BETWEEN 0 AND units", name="lot_units_in_bounds"),
    CheckConstraint("served <= numbered", name="lot_served_in_bounds"),
)
Index("drops_of_product", drop_lot_table.c.product_id)

drop_entry_table = Table(
    "drop_entry",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("drop_id", Uuid, nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("user_id", Uuid),  # null once the user is erased
    Column("person", Text, nullable=False),  # a keyed hash
    Column("status", Text, nullable=False),
    Column("joined_at", DateTime(timezone=True), nullable=False),
    Column("in_pool", Boolean, nullable=False, server_default=text("false")),
    # Of an entry of the pool that has not moved on since the draw, drop_place has it alone.
    Column("position", BigInteger),
    Column("claim_until", DateTime(timezone=True)),
    Column("order_id", Uuid),
    # When a numbered or sealed entry ended without a purchase; promote tells it in the log.
    Column("left_at", DateTime(timezone=True)),
    Column("is_leaving_logged", Boolean, nullable=False, server_default=text("false")),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("drop_id", "person", name="person_enters_once"),
    UniqueConstraint("order_id", name="order_uses_one_offer"),
    UniqueConstraint("drop_id", "product_id", "position", name="position_given_once"),
    CheckConstraint(
        "status IN ('JOINED', 'WAITING', 'OFFERED', 'ORDERED', 'BOUGHT', 'CANCELLED', 'LAPSED',"
        " 'WITHDRAWN', 'DISQUALIFIED', 'VOID')",
        name="entry_status_known",
    ),
    CheckConstraint(
        "status NOT IN ('WAITING', 'OFFERED', 'ORDERED', 'BOUGHT') OR position IS NOT NULL",
        name="entry_is_served_by_position",
    ),
    CheckConstraint(
        "status NOT IN ('OFFERED', 'ORDERED') OR claim_until IS NOT NULL",
        name="offer_has_an_end",
    ),
    # The seal marks all entries of a pool: with room on the page for a second version of each,
    # that touches no index.
    postgresql_with={"fillfactor": "45"},
)
Index("entries_of_user", drop_entry_table.c.user_id, drop_entry_table.c.drop_id)
Index(
    "entries_unplaced",
    drop_entry_table.c.drop_id,
    drop_entry_table.c.joined_at,
    postgresql_where=text("position IS NULL"),
)
Index(
    "entries_waiting",
    drop_entry_table.c.drop_id,
    drop_entry_table.c.product_id,
    drop_entry_table.c.position,
    postgresql_where=text("status = 'WAITING'"),
)
# Who left the line before their turn: so many fewer are ahead of those behind.
Index(
    "entries_gone",
    drop_entry_table.c.drop_id,
    drop_entry_table.c.product_id,
    drop_entry_table.c.position,
    postgresql_where=text("status IN ('WITHDRAWN', 'VOID') AND position IS NOT NULL"),
)
Index(
    "entries_holding",
    drop_entry_table.c.drop_id,
    drop_entry_table.c.product_id,
    postgresql_where=text("status IN ('OFFERED', 'ORDERED', 'BOUGHT')"),
)
Index(
    "entries_left",
    drop_entry_table.c.drop_id,
    postgresql_where=text("left_at IS NOT NULL AND NOT is_leaving_logged"),
)

# The positions that a draw gave. To write them into the entries would write each into all of its
# indexes.
drop_place_table = Table(
    "drop_place",
    metadata,
    Column("drop_id", Uuid, nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("entry_id", Uuid, nullable=False),
    PrimaryKeyConstraint("drop_id", "product_id", "position", name="drop_place_pkey"),
    UniqueConstraint("entry_id", name="entry_is_placed_once"),
)

# An account's first refusal of each reason. Like entries, it never waits for the drop's row.
drop_refusal_table = Table(
    "drop_refusal",
    metadata,
    Column("user_id", Uuid, nullable=False),
    Column("drop_id", Uuid, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("user_id", "drop_id", "reason", name="drop_refusal_pkey"),
)
Index("refusals_of_drop", drop_refusal_table.c.drop_id, drop_refusal_table.c.reason)

drop_log_table = Table(
    "drop_log",
    metadata,
    Column("drop_id", Uuid, ForeignKey("product_drop.id", name="log_of_a_drop"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("data", Text, nullable=False),  # canonical JSON, as it was hashed
    Column("hash", Text, nullable=False),
    PrimaryKeyConstraint("drop_id", "number", name="drop_log_pkey"),
)
