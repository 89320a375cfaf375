"""Deletes the rows that are past their retention."""

from commerce.runtime.db.current import database


def clean_up() -> dict[str, int]:
    """Delete the rows that are past their retention; return how many of each kind."""
    # Imported on use: with the tables comes SQLAlchemy, which no function loads when it starts.
    from commerce.ranking.periods.retention import EXPIRIES as RANKING_EXPIRIES
    from commerce.runtime.db import retention
    from commerce.user.retention import LOGIN_ATTEMPTS

    return retention.clean_up(database(), [*retention.EXPIRIES, LOGIN_ATTEMPTS, *RANKING_EXPIRIES])
