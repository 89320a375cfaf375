"""The ranking context's table: the weights, one row each time they were set."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Float, Table, Text

from commerce.runtime.db.core import metadata

_NAMES = ("view", "like", "order")

ranking_weights_table = Table(
    "ranking_weights",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    *(Column(f"{name}_weight", Float(53), nullable=False) for name in _NAMES),
    Column("set_by", Text, nullable=False),
    Column("set_at", DateTime(timezone=True), nullable=False),
    CheckConstraint(
        " AND ".join(f"{name}_weight >= 0 AND {name}_weight <= 1" for name in _NAMES),
        name="weights_from_0_to_1",
    ),
)
