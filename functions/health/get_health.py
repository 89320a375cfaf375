"""GET /health: anyone learns whether this deployment can serve."""

from commerce.bootstrap import health
from commerce.entrypoints.http import http_api, lambda_handler
from commerce.shared.health import HealthView

api = http_api()


@api.get("/health")
def get_health() -> tuple[HealthView, int]:
    found = health()
    return found, 200 if found.status == "ok" else 503


handler = lambda_handler(api)
