"""Run benchmarks: `make bench`, or `make bench BENCH=catalogue` for one of them.

Each module of this folder with a `run(report, arguments)` is a benchmark. They start servers of
their own and leave nothing behind.
"""

import argparse
from importlib import import_module
from pathlib import Path

from tests.harness.bench.report import Report

NOT_BENCHMARKS = {"__main__", "floor", "memory_store", "releases", "report"}
HERE = Path(__file__).parent
BENCHMARKS = sorted(file.stem for file in HERE.glob("*.py") if file.stem not in NOT_BENCHMARKS)
RESULT = HERE.parents[2] / ".local" / "bench.json"


def main() -> None:
    """Run what is named, else everything; print tables and write JSON."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("benchmarks", nargs="*", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--size", type=int, default=1_000_000, help="the larger catalogue")
    parser.add_argument("--json", type=Path, default=RESULT, help="where the figures go")
    arguments = parser.parse_args()
    unknown = set(arguments.benchmarks) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; choose of {BENCHMARKS}")
    report = Report()
    for name in arguments.benchmarks or BENCHMARKS:
        import_module(f"tests.harness.bench.{name}").run(report, arguments)
    report.show()
    report.write(arguments.json)
    report.say(f"as JSON: {arguments.json}")


if __name__ == "__main__":
    main()
