"""A weekly ranking of 100,000 and of 1,000,000 metric rows: seconds, and a chunk function's memory.

Each kind of function has a process of its own, as on Lambda; the chunks are ranked by one of them,
one after the other, so that what it keeps from chunk to chunk would show.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.harness.bench.relay import peak_mb
from tests.harness.bench.report import Report, timed
from tests.harness.servers import servers

SMALL = 100_000
FILLED_AT_ONCE = 50_000  # rows per statement, which has 5 s
RUNS = 3  # of which the fastest is told: what else the machine does hits the other ones
KEY = "2026W47"
TASKS = {"plan": "plan_chunks", "chunks": "rank_chunk", "publish": "publish_ranks"}
ROOT = Path(__file__).parents[3]


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Rank a week of each size, and compare."""
    with servers() as superuser:
        from tests.support.backends import own_database  # imported when the environment is set

        found = {}
        for size in (SMALL, arguments.size):
            with own_database(superuser) as url:
                os.environ["DATABASE_URL"] = url
                report.say(f"{size:,} rows of metrics are written")
                fill(size)
                report.say("the week is ranked")
                runs = [measured(size) for _ in range(RUNS)]
                found[size] = min(runs, key=lambda each: each["seconds"])
                report.add("weekly ranking", f"{size:,} rows", goal="", **found[size])
                if size >= 1_000_000:
                    report.keep("plans/weekly-ranking.md", explained(size))
        small, large = found.values()
        times = arguments.size / SMALL
        report.add(
            "weekly ranking, the larger ÷ the smaller",
            f"{times:g} times the rows",
            "peak ≤ 1.2, seconds linear",
            seconds=round(large["seconds"] / small["seconds"], 2),
            seconds_per_row=round(large["seconds"] / small["seconds"] / times, 2),
            peak_of_a_chunk_function=round(large["chunks_peak_mb"] / small["chunks_peak_mb"], 3),
        )


def fill(size: int) -> None:
    """So many rows, on the seven days of the week."""
    from commerce.ranking.periods import Period, Span
    from commerce.runtime.db.current import database
    from commerce.runtime.db.pipeline import Query
    from tests.support.plain_ranking import FILL

    database().close()
    first_day = Span.of(Period.WEEKLY, KEY).first_day
    for done in range(0, size, FILLED_AT_ONCE):
        rows = min(FILLED_AT_ONCE, size - done)
        database().run([Query(FILL, [first_day, rows, 7, f"from {done}"])])
    database().run([Query("VACUUM ANALYZE product_metrics_daily")])


def measured(size: int) -> dict[str, float]:
    """Rank the week in three processes; see that it is right."""
    from commerce.ranking.periods import Period, Span
    from tests.support.ranking import by_one_plain_statement, shown

    planning = in_a_process("plan")
    ranking = in_a_process("chunks", planning["plan"])
    publishing = in_a_process("publish", planning["plan"])
    span = Span.of(Period.WEEKLY, KEY)
    if shown(span) != by_one_plain_statement(span) or len(shown(span)) != 100:
        raise RuntimeError("the ranking is not the right one")
    if publishing["outcome"]["rows_read"] != size:
        raise RuntimeError("not every row was read")
    seconds = planning["seconds"] + ranking["seconds"] + publishing["seconds"]
    return {
        "seconds": round(seconds, 2),
        "rows_per_second": round(size / seconds),
        "plan_seconds": round(planning["seconds"], 2),
        "chunks_seconds": round(ranking["seconds"], 2),
        "publish_seconds": round(publishing["seconds"], 3),
        "chunks": len(planning["plan"]["chunks"]),
        "plan_peak_mb": round(planning["peak_mb"], 1),
        "chunks_peak_mb": round(ranking["peak_mb"], 1),
        "publish_peak_mb": round(publishing["peak_mb"], 1),
    }


def in_a_process(step: str, plan: Any = None) -> Any:
    """Run a step in a process of its own, and return its result."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.harness.bench.weekly", step, json.dumps(plan)],
        cwd=ROOT,
        env={
            **os.environ,
            "LOG_LEVEL": "ERROR",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers/domain/python")]),
        },
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Do one step through the real handlers; print what it took."""
    from commerce.ranking.periods import Period, Span
    from tests.support import ranking
    from tests.support.lambda_calls import function
    from tests.support.shop import rows

    step, plan = sys.argv[1], json.loads(sys.argv[2])
    found: dict[str, Any] = {}

    def work() -> None:
        if step == "plan":
            found["plan"] = ranking.planned(Span.of(Period.WEEKLY, KEY))
        elif step == "chunks":
            for each in ranking.rank_chunks(plan):
                each()
        else:
            found["outcome"] = ranking.publish(plan)

    function(f"ranking/{TASKS[step]}")  # starting is another benchmark's
    rows("SELECT 1")
    found["seconds"] = timed(work)
    found["peak_mb"] = peak_mb()
    sys.stdout.write(json.dumps(found) + "\n")


def explained(size: int) -> str:
    """Return PostgreSQL's plans for finding a chunk's end and for ranking a chunk."""
    from uuid import UUID

    from commerce.metrics.repository import id_after
    from commerce.ranking.periods import Period, Span, statements
    from commerce.runtime.db.current import database
    from commerce.runtime.db.pipeline import Query
    from commerce.shared import clock
    from tests.support.ranking import planned

    span = Span.of(Period.WEEKLY, KEY)
    plan = planned(span)
    chunk = database().run(
        [Query("SELECT * FROM ranking_chunk WHERE run_id = CAST($1 AS uuid) AND number = 5",
               [plan["run_id"]])]
    )[0][0]  # fmt: skip
    weights = {"view_weight": 0.1, "like_weight": 0.2, "order_weight": 0.7}
    queries = {
        "Where a chunk ends": id_after(span.days, chunk.after_id, 49_999),
        "Ranking a chunk": statements.RANK_CHUNK(
            run_id=UUID(plan["run_id"]), number=5, days=span.days, after_id=chunk.after_id,
            upto_id=chunk.upto_id, ranked_at=clock.now(), top=100, **weights,
        ),
    }  # fmt: skip
    parts = [EXPLAIN_HEAD.format(size=size)]
    for title, query in queries.items():
        explain = Query(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {query.sql}", query.values)
        text = "\n".join(str(row[0]) for row in database().run([explain])[0])
        parts.append(f"## {title}\n\n```\n{text}\n```\n")
    return "\n".join(parts)


EXPLAIN_HEAD = """# The plans of a weekly ranking

`EXPLAIN (ANALYZE, BUFFERS)` at {size:,} rows of metrics in one week, written by `make bench`.

What they show: where a chunk ends is found by merging the seven days' parts of one index, each
sorted as it stands, and no more is read than the chunk's 50,000 rows. A chunk reads its own rows
only, sums them up, and sorts what came of it; its best hundred stay in the database.
"""


if __name__ == "__main__":
    main()
