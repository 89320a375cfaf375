"""Reconciliation: the rows themselves prove that the books hold, or show where they do not."""

from commerce.app.reconciliation.reconciler import Reconciler, reconcile
from commerce.app.reconciliation.views import Finding, Reconciliation, Scope

__all__ = ["Finding", "Reconciler", "Reconciliation", "Scope", "reconcile"]
