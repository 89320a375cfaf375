"""Drops of the local system, which begin after their publication however slow the machine is."""

from datetime import datetime
from typing import Any, cast

import pytest

from infra.local.api import Api, ApiRefused, Json
from infra.local.drops import publish_drop


class SlowShop:
    """An API that refuses the first publications, as their time was over when they came."""

    def __init__(self, too_late: int, code: str = "DROP_LOCKED") -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self._too_late, self._code = too_late, code

    def call(self, method: str, path: str, body: Any = None) -> Json:
        self.calls.append((method, path, body))
        if path.endswith("/publication") and self._too_late:
            self._too_late -= 1
            raise ApiRefused(method, path, 409, {"code": self._code})
        return {"drop_id": "d1"}


def terms(entries_at: datetime) -> Json:
    moment = entries_at.isoformat()
    return {"lots": [], "entries_at": moment, "draws_at": moment, "offers_until": moment}


def published(shop: SlowShop, *waits: float) -> Json:
    return publish_drop(cast("Api", shop), terms, waits)


def test_a_publication_in_time_is_made_once() -> None:
    shop = SlowShop(too_late=0)

    assert published(shop, 4, 20)["drop_id"] == "d1"
    assert [method for method, _, _ in shop.calls] == ["POST", "POST"]


def test_a_publication_that_came_too_late_is_made_for_later_moments() -> None:
    shop = SlowShop(too_late=1)

    published(shop, 4, 20)

    methods = [method for method, _, _ in shop.calls]
    assert methods == ["POST", "POST", "PATCH", "POST"]
    drafted, moved = shop.calls[0][2], shop.calls[2][2]
    assert set(moved) == {"entries_at", "draws_at", "offers_until"}
    later = datetime.fromisoformat(moved["entries_at"]) - datetime.fromisoformat(
        drafted["entries_at"]
    )
    assert later.total_seconds() >= 16


@pytest.mark.parametrize(("too_late", "code"), [(3, "DROP_LOCKED"), (1, "DROP_OVERLAPS")])
def test_another_refusal_and_the_last_one_are_raised(too_late: int, code: str) -> None:
    with pytest.raises(ApiRefused):
        published(SlowShop(too_late, code), 4, 20)
