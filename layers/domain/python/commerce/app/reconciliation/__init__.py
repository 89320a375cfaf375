"""Reconciliation: proves from the rows that the books hold, or finds where they do not."""

from commerce.app.reconciliation.reconciler import Reconciler, reconcile
from commerce.app.reconciliation.views import Finding, Reconciliation, Scope

__all__ = ["Finding", "Reconciler", "Reconciliation", "Scope", "reconcile"]
