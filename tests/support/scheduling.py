"""Assign tests to xdist's workers: what takes long first, what shares something to one worker."""

from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

TOGETHER = ("tests/e2e/", "tests/contract/test_packages.py")
"""Tests that share what takes a minute to make: the deployed stack, the built layers."""

BY_FILE = ("tests/unit/", "tests/contract/", "tests/integration/console/")
"""Folders whose files prepare something for all their tests: a parsed template, a browser."""

LONGEST_FIRST = (
    "tests/e2e/",
    "tests/contract/test_packages.py",
    "tests/harness/",
    "tests/integration/local/",
    "tests/integration/console/",
    "tests/faults/",
    "tests/races/",
    "tests/contract/",
)
"""Prefixes in the order in which workers begin them, so that none ends long after the others."""


def longest_first(items: list[pytest.Item]) -> None:
    """Sort collected tests by the order in which workers should begin them."""
    items.sort(key=lambda item: _place(item.nodeid))


def _place(nodeid: str) -> int:
    places = (n for n, each in enumerate(LONGEST_FIRST) if nodeid.startswith(each))
    return next(places, len(LONGEST_FIRST))


class SharedTogether(LoadScopeScheduling):  # type: ignore[misc]
    """Deals tests out in their order, one by one, but together what shares something costly."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        for each in TOGETHER:
            if nodeid.startswith(each):
                return each
        return nodeid.partition("::")[0] if nodeid.startswith(BY_FILE) else nodeid
