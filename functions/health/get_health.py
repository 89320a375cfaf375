"""GET /health: anyone learns whether this deployment can serve."""

from commerce.bootstrap import health
from commerce.entrypoints.http import http_api, lambda_handler
from commerce.shared.health import HealthView, NotHealthy

api = http_api()


@api.get("/health")
def get_health() -> HealthView:
    return health()


handler = lambda_handler(api, refusals=(NotHealthy,))
