"""The audit of what operators do to messages."""

from commerce.runtime import audit
from commerce.runtime.audit import Act
from commerce.runtime.db.current import database


def record_act(act: Act) -> None:
    """Record what an operator is about to do; it is committed when this returns."""
    audit.record_act(database(), act)
