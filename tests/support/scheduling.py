"""Assign tests to xdist's workers."""

from xdist.scheduler.loadscope import LoadScopeScheduling


class EndToEndTogether(LoadScopeScheduling):  # type: ignore[misc]
    """Deals tests out one by one, but the end-to-end ones to one worker: they share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        return "e2e" if nodeid.startswith("tests/e2e/") else nodeid
