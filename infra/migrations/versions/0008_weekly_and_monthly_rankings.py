"""Rankings of weeks and months, and the runs that make them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "product_rank",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("period", "key", "rank", name="one_product_per_rank"),
        sa.UniqueConstraint("period", "key", "product_id", name="one_rank_per_product"),
    )
    op.create_table(
        "ranking_publication",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("period", "key", name="published_by_one_run"),
    )
    op.create_table(
        "ranking_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("execution", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("chunk_rows", sa.BigInteger(), nullable=False),
        *(
            sa.Column(f"{part}_weight", sa.Double(), nullable=False)
            for part in ("view", "like", "order")
        ),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("execution", name="planned_once_per_execution"),
    )
    op.create_index("ranking_run_of_span", "ranking_run", ["period", "key", "id"])
    op.create_index("ranking_run_begun", "ranking_run", ["begun_at"])
    op.create_table(
        "ranking_chunk",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("after_id", sa.Uuid(), nullable=False),
        sa.Column("upto_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("rows_read", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "number", name="planned_once"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["ranking_run.id"], name="chunk_of_a_run", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "ranking_candidate",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("ranked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "number", "product_id", name="candidate_once"),
        sa.ForeignKeyConstraint(
            ["run_id", "number"],
            ["ranking_chunk.run_id", "ranking_chunk.number"],
            name="candidate_of_a_chunk",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ranking_candidate_ranked", "ranking_candidate", ["ranked_at"])


def downgrade() -> None:
    for table in (
        "ranking_candidate",
        "ranking_chunk",
        "ranking_run",
        "ranking_publication",
        "product_rank",
    ):
        op.drop_table(table)
