"""Commands: their options, their exit codes, and the questions that they ask first."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from infra.ops.target import OpsError, Target
from infra.ops.terminal import aside

DONE, FOUND, NOT_DONE = 0, 1, 2

Answer = tuple[int, dict[str, Any]]
"""The exit code and the facts, which are shown as JSON or by the command's `show` function."""
Run = Callable[[Target, argparse.Namespace], Answer]
Show = Callable[[dict[str, Any]], None]

_COMMON = argparse.ArgumentParser(add_help=False)
_COMMON.add_argument("--stack", default="lastunit", help="name of the CloudFormation stack")
_COMMON.add_argument("--json", action="store_true", help="print JSON, for programs")
_COMMON.add_argument("--yes", action="store_true", help="do not ask before what cannot be undone")


def add_command(
    commands: Any, name: str, run: Run, show: Show, text: str
) -> argparse.ArgumentParser:
    """Add a command with the options that all have; returns its parser for more of them."""
    parser: argparse.ArgumentParser = commands.add_parser(name, parents=[_COMMON], help=text)
    parser.set_defaults(command=run, show=show)
    return parser


def add_group(commands: Any, name: str, text: str) -> Any:
    """Add a word that is followed by one of several actions; returns where to add these."""
    return commands.add_parser(name, help=text).add_subparsers(required=True, metavar="ACTION")


def confirm(question: str, options: argparse.Namespace) -> None:
    """Ask the operator, unless --yes was given. Raises OpsError without a yes."""
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise OpsError(f"{question} There is no terminal to ask on: add --yes.")
    aside.print(f"{question} [y/N] ", end="", markup=False)
    if input().strip().lower() not in ("y", "yes"):
        raise OpsError("Nothing was done.")
