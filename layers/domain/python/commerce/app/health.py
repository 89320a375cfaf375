"""Health of this deployment."""

from commerce.runtime import health
from commerce.runtime.db.current import database
from commerce.runtime.health import HealthView


def check_health() -> HealthView:
    """Report the release and its schema. Raises NotHealthy where this deployment cannot serve."""
    return health.check(database())
