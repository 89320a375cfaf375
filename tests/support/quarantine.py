"""Events in quarantine, of a test's own."""

from commerce.runtime.db.current import database
from commerce.runtime.messaging import quarantine
from tests.support.orders import an_order
from tests.support.shop import a_buyer, a_product, rows


def quarantine_event(event_id: str, cause: str = "MalformedDetail") -> None:
    """Move an event from the outbox to the quarantine, as the relay does."""
    [row] = rows("SELECT position FROM outbox WHERE id = $1", event_id)
    database().run([quarantine.move({row.position: cause})])


def a_quarantined_event() -> tuple[str, str]:
    """Quarantine the event that an order was confirmed; returns its id and the order's."""
    order_id = an_order(a_buyer(points=10_000), (a_product(stock=5, price=100), 1))
    [row] = rows(
        "SELECT id FROM outbox WHERE aggregate_id = $1 AND type = 'OrderConfirmed'", order_id
    )
    quarantine_event(str(row.id))
    return str(row.id), order_id


def place_of(event_id: str) -> list[str]:
    """Return the tables that have the event."""
    return [
        table
        for table in ("outbox", "outbox_set_aside")
        if rows(f"SELECT FROM {table} WHERE id = $1", event_id)
    ]
