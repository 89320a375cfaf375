"""Live reload: code that was saved takes the place of what was deployed, without a deploy."""

from infra.local.live.code import BrokenCode, LiveCode, Reloaded

__all__ = ["BrokenCode", "LiveCode", "Reloaded"]
