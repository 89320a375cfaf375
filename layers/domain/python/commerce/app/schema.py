"""The schema as the code defines it."""

from importlib import import_module

from sqlalchemy import MetaData

from commerce.runtime.db.core import metadata


def schema() -> MetaData:
    """Return every context's tables, to compare migrations with."""
    for module in (
        *(
            "runtime.db",
            "user",
            "user.sessions",
            "user.mail_tokens",
            "user.address_book",
            "user.api_keys",
            "user.erasure",
            "user.recipients",
            "user.staff",
            "brand",
            "product",
            "product.striping",
            "coupon",
            "point",
            "order",
        ),
        *(
            "payment",
            "like",
            "metrics",
            "drop",
            "shipping",
            "notification",
            "ranking",
            "ranking.periods",
            "app.reconciliation.runs",
            "app.alerts",
            "app.trends",
        ),
    ):
        import_module(f"commerce.{module}.tables")
    return metadata
