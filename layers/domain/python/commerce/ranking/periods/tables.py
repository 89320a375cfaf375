"""Tables of periodical rankings: published ranks, and the runs that computed them."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from commerce.runtime.db.core import metadata

product_rank_table = Table(
    "product_rank",
    metadata,
    Column("period", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("score", Double, nullable=False),
    PrimaryKeyConstraint("period", "key", "rank", name="one_product_per_rank"),
    UniqueConstraint("period", "key", "product_id", name="one_rank_per_product"),
)

# The run whose result is published for a span.
ranking_publication_table = Table(
    "ranking_publication",
    metadata,
    Column("period", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("run_id", Uuid, nullable=False),
    PrimaryKeyConstraint("period", "key", name="published_by_one_run"),
)

ranking_run_table = Table(
    "ranking_run",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("execution", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("chunk_rows", BigInteger, nullable=False),
    Column("view_weight", Double, nullable=False),
    Column("like_weight", Double, nullable=False),
    Column("order_weight", Double, nullable=False),
    Column("status", Text, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("failure", Text, nullable=False),
    UniqueConstraint("execution", name="planned_once_per_execution"),
)
Index(
    "ranking_run_of_span",
    ranking_run_table.c.period,
    ranking_run_table.c.key,
    ranking_run_table.c.id,
)
Index("ranking_run_begun", ranking_run_table.c.begun_at)

# The products after one id, up to and with another: all rows of a product are in one chunk.
ranking_chunk_table = Table(
    "ranking_chunk",
    metadata,
    Column("run_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("after_id", Uuid, nullable=False),
    Column("upto_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("rows_read", BigInteger, nullable=False),
    Column("failure", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "number", name="planned_once"),
    ForeignKeyConstraint(["run_id"], ["ranking_run.id"], name="chunk_of_a_run", ondelete="CASCADE"),
)

# The best products of a chunk, until the run publishes the best of all chunks.
ranking_candidate_table = Table(
    "ranking_candidate",
    metadata,
    Column("run_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("score", Double, nullable=False),
    Column("ranked_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("run_id", "number", "product_id", name="candidate_once"),
    ForeignKeyConstraint(
        ["run_id", "number"],
        ["ranking_chunk.run_id", "ranking_chunk.number"],
        name="candidate_of_a_chunk",
        ondelete="CASCADE",
    ),
)
Index("ranking_candidate_ranked", ranking_candidate_table.c.ranked_at)
