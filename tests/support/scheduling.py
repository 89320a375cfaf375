"""Assign tests to xdist's workers."""

from xdist.scheduler.loadscope import LoadScopeScheduling

TOGETHER = ("tests/e2e/", "tests/contract/test_packages.py")
"""Tests that share what takes a minute to make: the deployed stack, the built layers."""


class SharedTogether(LoadScopeScheduling):  # type: ignore[misc]
    """Deals tests out one by one, but those that share something costly to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return next((each for each in TOGETHER if nodeid.startswith(each)), nodeid)
