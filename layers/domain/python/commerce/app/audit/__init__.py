"""The audit as admins and operators read it."""

from commerce.app.audit.acts import ActView, ChangeView, acts

__all__ = ["ActView", "ChangeView", "acts"]
