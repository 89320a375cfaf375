"""What happened earlier: the clock and the ids of a while ago."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from commerce.shared import clock


@contextmanager
def earlier(**ago: float) -> Iterator[datetime]:
    """In the block it is so much earlier (`hours=25`), and ids are made of that moment."""
    moment = clock.now() - timedelta(**ago)
    version, variant = 0x7 << 76, 0x2 << 62

    def an_id() -> UUID:
        noise = secrets.randbits(62) | secrets.randbits(12) << 64
        return UUID(int=clock.first_id_at(moment).int | version | variant | noise)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clock, "now", lambda: moment)
        patched.setattr(clock, "new_id", an_id)
        yield moment
