"""Operators' commands: make ops ARGS="dlq list".

They work on the running local system, or on what AWS_ENDPOINT_URL, AWS_PROFILE and the like name.
Exits with 0 if all was done and nothing is wrong, 1 if something was found or failed, 2 if nothing
was done.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from infra.ops import (
    acts,
    alerts,
    dlq,
    drops,
    find,
    keys,
    logs,
    outbox,
    payments,
    quarantine,
    queues,
    rankings,
    reconcile,
    staff,
    users,
)
from infra.ops.command import DONE, NOT_DONE
from infra.ops.target import OpsError, Target, enter
from infra.ops.terminal import aside, people


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = parser().parse_args(arguments)
    place = enter(os.environ)
    if not options.json:
        aside.print(f"stack {options.stack} at {place}", style="dim")
    from commerce.shared.errors import CommerceError  # imported when the environment is set

    try:
        code, answer = options.command(Target(options.stack), options)
    except KeyboardInterrupt:
        return DONE
    except (OpsError, CommerceError, ClientError, BotoCoreError) as error:
        if options.json:
            people.print_json(data={"error": str(error)})
        else:
            aside.print(f"✗ {error}", style="red", markup=False)
        return NOT_DONE
    if options.json:
        print(json.dumps(answer, default=str))
    else:
        options.show(answer)
    return int(code)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    root = argparse.ArgumentParser(
        prog="make ops", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    for group in (
        alerts,
        find,
        dlq,
        queues,
        outbox,
        quarantine,
        payments,
        drops,
        reconcile,
        logs,
        staff,
        keys,
        users,
        acts,
        rankings,
    ):
        group.add_to(commands)
    return root


if __name__ == "__main__":
    sys.exit(main())
