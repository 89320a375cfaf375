"""Run one function of the work tree on its sample event, without Docker.

    python -m infra.local.invoke PlaceOrderFunction [--event FILE] [--debug [PORT]]

What `make invoke` runs. The function runs in this process, with the environment that the deployed
one has, against the servers of `make up`. Its sample is made real first: the user, the product,
the token that it names exist. The answer is printed, and below it what the function logged.
Exits with 1 where the function fails or answers from 500.
"""

import argparse
import io
import json
import os
import sys
import time
import traceback
import uuid
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console

from infra.arguments import whole_number
from infra.local.errors import LocalError
from infra.local.functions import become, find_function, running_system
from infra.local.ports import LOOPBACK
from infra.local.samples import Scene
from infra.template import ROOT, Function

DEBUG_PORT = 5678  # the one that editors propose
# The same in each line of one call, or said above.
_OF_THE_CALL = {
    "level", "location", "message", "timestamp", "service", "cold_start", "function_name",
    "function_memory_size", "function_arn", "function_request_id", "xray_trace_id",
}  # fmt: skip

console = Console(highlight=False, markup=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Context:
    """The context that Lambda hands a handler beside the event."""

    function_name: str
    memory_limit_in_mb: int
    invoked_function_arn: str
    aws_request_id: str
    deadline: float
    function_version: str = "$LATEST"

    @classmethod
    def of(cls, function: Function) -> "Context":
        """Make the context of a call that begins now."""
        name = function.logical_id
        return cls(
            function_name=name,
            memory_limit_in_mb=int(function.properties.get("MemorySize", 512)),
            invoked_function_arn=f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
            aws_request_id=str(uuid.uuid4()),
            deadline=time.monotonic() + function.timeout_seconds,
        )

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the call may still take."""
        return max(0, round((self.deadline - time.monotonic()) * 1000))


def run(function: Function, event: Any) -> tuple[Any, str]:
    """Import the handler and call it; return its answer and what it logged."""
    sys.path.insert(0, str(ROOT / function.code_uri))
    module, _, name = function.handler.rpartition(".")
    log = io.StringIO()
    with redirect_stdout(log):  # Powertools logs there
        handler = getattr(import_module(module), name)
        answer = handler(event, Context.of(function))
    return answer, log.getvalue()


def show(answer: Any, seconds: float, function: Function) -> None:
    """Print the answer; an HTTP one as status, headers and the body in it."""
    title = f"{function.logical_id} ({function.source})"
    if not (isinstance(answer, dict) and "statusCode" in answer):
        console.print(f"{title} answered after {seconds:.2f} s", style="bold")
        console.print_json(data=answer, default=str)
        return
    status = int(answer["statusCode"])
    style = "bold green" if status < 400 else "bold red"
    console.print(f"{title} answered {status} after {seconds:.2f} s", style=style)
    try:
        console.print_json(answer.get("body") or "null")
    except ValueError:
        console.print(answer["body"])


def show_log(text: str) -> None:
    """Print the lines of the log for people: level, message, and the fields that differ."""
    for line in text.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            console.print(f"  {line}")
        elif "_aws" in found:
            metrics = found["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            names = ", ".join(f"{each['Name']}={found[each['Name']]}" for each in metrics)
            console.print(f"  METRIC   {names}", style="dim")
        else:
            _show_line(found)


def _show_line(line: dict[str, Any]) -> None:
    fields = {name: value for name, value in line.items() if name not in _OF_THE_CALL}
    exception = str(fields.pop("exception", ""))
    more = "  ".join(f"{name}={value}" for name, value in fields.items())
    console.print(f"  {line.get('level', ''):<8} {line.get('message', '')}  {more}".rstrip())
    for each in exception.splitlines():
        console.print(f"           {each}")


def _wait_for_debugger(port: int) -> None:
    # Its warning is about breakpoints in the standard library.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    import debugpy  # only here: its import alone changes how threads are traced

    try:
        debugpy.listen((LOOPBACK, port))
    except (OSError, RuntimeError) as error:
        raise LocalError(f"Port {port} is taken: --debug {port + 1}") from error
    console.print(f"Waiting for a debugger on {LOOPBACK}:{port} (attach to it; Ctrl-C ends) …")
    debugpy.wait_for_client()


def _event(function: Function, file: Path | None) -> Any:
    """Return the event with everything in it real; a file's placeholders are those of samples."""
    if file is not None and not file.is_file():
        raise LocalError(f"There is no file {file}.")
    text = file.read_text(encoding="utf-8") if file else None
    try:
        return json.loads(Scene(function, running_system(), text).event())
    except ValueError as error:
        raise LocalError(f"{file or function.event_file} is no JSON: {error}") from error


def invoke(arguments: argparse.Namespace) -> int:
    """Run the function and print what came of it; returns the exit code."""
    function = find_function(arguments.function, "make invoke")
    event = _event(function, arguments.event)
    become(function.logical_id, running_system())
    if arguments.debug:
        _wait_for_debugger(arguments.debug)
    started = time.monotonic()
    try:
        answer, log = run(function, event)
    except Exception:  # noqa: BLE001 - whatever the function raises is its answer
        console.print(f"{function.logical_id} ({function.source}) failed:", style="bold red")
        console.print(traceback.format_exc())
        return 1
    show(answer, time.monotonic() - started, function)
    console.print("\nlog:" if log else "\nIt logged nothing.", style="dim")
    show_log(log)
    return 1 if isinstance(answer, dict) and int(answer.get("statusCode", 200)) >= 500 else 0


def main(arguments: list[str] | None = None) -> int:
    """Run what is named; say in one line what is wrong."""
    parser = argparse.ArgumentParser(
        prog="make invoke FUNCTION=NAME", description="Run one function on its sample event."
    )
    parser.add_argument("function", nargs="?", default="")
    parser.add_argument("--event", type=Path, metavar="FILE", help="instead of its sample")
    parser.add_argument(
        "--debug", type=whole_number, nargs="?", const=DEBUG_PORT, metavar="PORT",
        help=f"wait for a debugger on this port ({DEBUG_PORT}) before the function runs",
    )  # fmt: skip
    try:
        return invoke(parser.parse_args(arguments))
    except LocalError as error:
        console.print(f"✗ {error}", style="red")
        return 1


if __name__ == "__main__":
    sys.exit(main())
