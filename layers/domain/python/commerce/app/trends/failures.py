"""Requests that were answered 5xx and functions that failed, as CloudWatch counted them.

5xx includes the 502 and 504 that API Gateway answers by itself for a function that was killed; a
function's errors include time-outs, lack of memory and exits.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from commerce.runtime import settings
from commerce.runtime.aws import client

STAGE = "v1"
MAX_QUERIES = 500  # of one request


class NotReported(Exception):
    """CloudWatch does not know the functions yet: their failures are unknown, not none."""


def count_failures(slots: Sequence[datetime], length: timedelta) -> Iterator[dict[str, int]]:
    """Yield the counts of each slot; none of a slot in which no function is known to have run.

    Some run every minute, so that such a slot was not measured. Raises NotReported and what
    CloudWatch's client raises.
    """
    cloudwatch, stack = client("cloudwatch", answer_within_seconds=5), settings.text("STACK_NAME")
    functions = sorted(_functions(cloudwatch, f"{stack}-"))
    if not functions:
        raise NotReported
    period = (slots[0], slots[-1] + length)
    api = [_query("AWS/ApiGateway", "5XXError", {"ApiName": stack, "Stage": STAGE}, length)]
    errors = [_query("AWS/Lambda", "Errors", {"FunctionName": each}, length) for each in functions]
    answered, failed = (_sums(cloudwatch, queries, *period) for queries in (api, errors))
    for slot in slots:
        is_known = slot in failed
        yield {"api_5xx": answered[slot], "functions_failed": failed[slot]} if is_known else {}


def _functions(cloudwatch: Any, prefix: str) -> Iterator[str]:
    """Yield the names of the stack's functions that ran lately; CloudWatch forgets the others."""
    pages = cloudwatch.get_paginator("list_metrics").paginate(
        Namespace="AWS/Lambda", MetricName="Errors", RecentlyActive="PT3H"
    )
    for page in pages:
        for metric in page["Metrics"]:
            match metric["Dimensions"]:  # others are by alias and version, and count again
                case [{"Name": "FunctionName", "Value": name}] if name.startswith(prefix):
                    yield name


def _query(
    namespace: str, name: str, dimensions: Mapping[str, str], period: timedelta
) -> dict[str, Any]:
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": named}
    stat = {"Metric": metric, "Period": int(period.total_seconds()), "Stat": "Sum"}
    return {"MetricStat": stat}


def _sums(
    cloudwatch: Any, queries: Sequence[dict[str, Any]], start: datetime, end: datetime
) -> Counter[datetime]:
    sums: Counter[datetime] = Counter()
    for begin in range(0, len(queries), MAX_QUERIES):
        some = queries[begin : begin + MAX_QUERIES]
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=[{"Id": f"m{n}", **each} for n, each in enumerate(some)],
            StartTime=start,
            EndTime=end,
        )
        for result in (each for page in pages for each in page["MetricDataResults"]):
            if result.get("StatusCode") in ("InternalError", "Forbidden"):
                raise NotReported
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                sums[at.astimezone(UTC)] += round(value)
    return sums
