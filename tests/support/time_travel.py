"""A clock set back, with ids of that time."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from commerce.shared import clock


@contextmanager
def earlier(**ago: float) -> Iterator[datetime]:
    """Set the clock back in the block (`hours=25`); new ids carry that time too."""
    moment = clock.now() - timedelta(**ago)
    version, variant = 0x7 << 76, 0x2 << 62

    def an_id() -> UUID:
        noise = secrets.randbits(62) | secrets.randbits(12) << 64
        return UUID(int=clock.first_id_at(moment).int | version | variant | noise)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clock, "now", lambda: moment)
        patched.setattr(clock, "new_id", an_id)
        yield moment
