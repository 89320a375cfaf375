"""Reconciliation: the rows themselves prove that the books hold, or show where they do not."""

from commerce.reconciliation.reconciler import Reconciler
from commerce.reconciliation.views import Finding, Reconciliation, Scope

__all__ = ["Finding", "Reconciler", "Reconciliation", "Scope"]
