"""GET /health: anyone checks whether this deployment can serve."""

from commerce.app.health import check_health
from commerce.entrypoints.http import http_api, lambda_handler
from commerce.runtime.health import HealthView, NotHealthy

api = http_api()


@api.get("/health")
def get_health() -> HealthView:
    return check_health()


handler = lambda_handler(api, refusals=(NotHealthy,))
