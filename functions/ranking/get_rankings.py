"""GET /rankings: show the products most viewed, liked and bought."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from commerce.app.rankings import RankingView, rankings
from commerce.entrypoints.http import Limit, http_api, lambda_handler
from commerce.ranking import LAST_RANK, InvalidMoment, PageTooDeep, Period

AT = (
    "yyyymmddhh, yyyymmdd, yyyyWww or yyyymm, as the period has it; without it the running hour or "
    "day, or the last finished week or month"
)
PAGE = f"Which page, from 1; page × limit is at most {LAST_RANK}"

api = http_api()


@api.get("/rankings")
def get_rankings(
    period: Annotated[Period, Query(description="How long it runs")] = Period.DAILY,
    at: Annotated[str | None, Query(max_length=16, description=AT)] = None,
    limit: Limit = 20,
    page: Annotated[int, Query(ge=1, le=LAST_RANK, description=PAGE)] = 1,
) -> RankingView:
    return rankings().page(period, at, limit=limit, page=page)


handler = lambda_handler(api, refusals=(InvalidMoment, PageTooDeep))
