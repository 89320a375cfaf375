"""Places that a draw gives are stored in a table of their own; nobody's entry is written for them.

The code before knows places by `drop_entry.position` alone. It goes on with drops that it has
drawn. Of a drop that was drawn since, it may neither pass over who has a place, nor give a place
anew: a trigger refuses both, so that its `promote` leaves the drop to the code that knows. It is
dropped in a later release.
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_KEEP_THE_LINE = """
    CREATE FUNCTION require_the_line() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM require(
            NOT EXISTS (
                SELECT FROM drop_place WHERE entry_id = NEW.id AND position <> NEW.position
            ),
            'place_kept'
        );
        IF OLD.status = 'WAITING' AND NEW.status = 'OFFERED' THEN
            PERFORM require(
                NOT EXISTS (
                    SELECT FROM drop_lot AS lot JOIN drop_place AS place
                        ON place.drop_id = lot.drop_id AND place.product_id = lot.product_id
                            AND place.position > lot.served AND place.position < NEW.position
                    JOIN drop_entry AS entry
                        ON entry.id = place.entry_id AND entry.status = 'JOINED'
                    WHERE lot.drop_id = NEW.drop_id AND lot.product_id = NEW.product_id
                ),
                'offered_in_turn'
            );
        END IF;
        RETURN NULL;
    END $$
"""
_TRIGGER = """
    CREATE TRIGGER the_line_is_kept AFTER UPDATE ON drop_entry FOR EACH ROW
        WHEN (NEW.position IS NOT NULL AND (
            OLD.position IS NULL OR OLD.status = 'WAITING' AND NEW.status = 'OFFERED'))
        EXECUTE FUNCTION require_the_line()
"""
# As the code before stores them.
_PLACES_IN_ENTRIES = """
    UPDATE drop_entry AS entry
    SET position = place.position, version = version + 1,
        status = CASE status WHEN 'JOINED' THEN 'WAITING' ELSE status END
    FROM drop_place AS place WHERE place.entry_id = entry.id AND entry.position IS NULL
"""


def upgrade() -> None:
    # Its first column is that of the index before, so it serves the code before, too.
    with op.get_context().autocommit_block():
        op.create_index(
            "entries_unplaced",
            "drop_entry",
            ["drop_id", "joined_at"],
            postgresql_where=sa.text("position IS NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.drop_index(
            "entries_without_position",
            table_name="drop_entry",
            postgresql_concurrently=True,
            if_exists=True,
        )
    op.create_table(
        "drop_place",
        sa.Column("drop_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("drop_id", "product_id", "position", name="drop_place_pkey"),
        sa.UniqueConstraint("entry_id", name="entry_is_placed_once"),
    )
    op.execute(_KEEP_THE_LINE)
    op.execute(_TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER the_line_is_kept ON drop_entry")
    op.execute("DROP FUNCTION require_the_line()")
    op.execute(_PLACES_IN_ENTRIES)
    op.drop_table("drop_place")
    op.create_index(
        "entries_without_position",
        "drop_entry",
        ["drop_id"],
        postgresql_where=sa.text("position IS NULL"),
    )
    op.drop_index("entries_unplaced", table_name="drop_entry")
