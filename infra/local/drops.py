"""Drops of the local system: drafted and published before their entries begin."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from infra.local.api import Api, ApiRefused, Json

_MOMENTS = ("entries_at", "draws_at", "offers_until")


def publish_drop(
    admin: Api, terms: Callable[[datetime], Json], waits_seconds: Sequence[float]
) -> Json:
    """Draft and publish a drop; return it.

    Its entries begin after the first wait. Where the machine is too slow for that, as functions are
    cold, the draft is moved by the next wait and published again.

    Args:
        admin: the API as an admin's.
        terms: returns the terms of a drop whose entries begin at a moment.
        waits_seconds: at least one. Raises ApiRefused if the last is too short, too.
    """
    drop_id = ""
    for number, wait in enumerate(waits_seconds, 1):
        wanted = terms(datetime.now(UTC) + timedelta(seconds=wait))
        if drop_id:
            admin.call(
                "PATCH", f"/admin/drops/{drop_id}", {name: wanted[name] for name in _MOMENTS}
            )
        else:
            drop_id = str(admin.call("POST", "/admin/drops", wanted)["drop_id"])
        try:
            return admin.call("POST", f"/admin/drops/{drop_id}/publication")
        except ApiRefused as refusal:
            if refusal.code != "DROP_LOCKED" or number == len(waits_seconds):
                raise
    raise ValueError("no wait was given")
