"""What operators do: make ops ARGS="dlq list"

Works on the running local system, or where AWS_ENDPOINT_URL, AWS_PROFILE and their kin say.
Exits with 0 when all is done and well, 1 when something was found or failed, 2 when nothing was
done.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from commerce.runtime.messaging.dead_letters import (
    DeadLetter,
    DeadLetters,
    Done,
    Queue,
    logged_cause,
)
from infra.ops import logs, rankings
from infra.ops.target import OpsError, Target, client, enter, operator

WELL, FOUND, NOT_DONE = 0, 1, 2
WIDTH = 200  # where no terminal says how wide it is
BOOKS = ("products", "accounts", "orders", "coupons")
SAMPLE = 100  # letters that a list looks at for the oldest

Answer = tuple[int, dict[str, Any]]
people = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
aside = Console(stderr=True, highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one command; returns the exit code."""
    asked = parser().parse_args(arguments)
    place = enter(os.environ)
    if not asked.json:
        aside.print(f"stack {asked.stack} at {place}", style="dim")
    from commerce.shared.errors import CommerceError  # imported when the environment is set

    try:
        code, answer = asked.command(Target(asked.stack), asked)
    except (OpsError, CommerceError, ClientError, BotoCoreError) as error:
        if asked.json:
            people.print_json(data={"error": str(error)})
        else:
            aside.print(f"✗ {error}", style="red", markup=False)
        return NOT_DONE
    if asked.json:
        print(json.dumps(answer, default=str))
    else:
        asked.show(answer)
    return int(code)


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--stack", default="lastunit", help="name of the CloudFormation stack")
    every.add_argument("--json", action="store_true", help="print JSON, for programs")
    every.add_argument("--yes", action="store_true", help="do not ask before what is for good")
    root = argparse.ArgumentParser(
        prog="make ops", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    def add(
        to: Any, name: str, does: Callable[..., Answer], show: Callable[..., None], text: str
    ) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = to.add_parser(name, parents=[every], help=text)
        made.set_defaults(command=does, show=show)
        return made

    dlq = commands.add_parser("dlq", help="dead letters").add_subparsers(
        required=True, metavar="ACTION"
    )
    add(dlq, "list", list_letters, show_list, "every queue with its dead letters")
    shown = add(dlq, "show", show_letters, show_those, "the dead letters of a queue")
    driven = add(dlq, "redrive", redrive, show_done, "send dead letters back to their queue")
    discarded = add(dlq, "discard", discard, show_done, "delete dead letters, with a reason")
    for each in (shown, driven, discarded):
        each.add_argument("queue")
        each.add_argument(
            "--id",
            action="append",
            default=[],
            required=each is discarded,
            help="of a message, an event or an order; may be repeated",
        )
    shown.add_argument("--limit", type=int, default=20)
    driven.add_argument("--rate", type=_rate, help="messages per second")
    discarded.add_argument("--reason", required=True)
    box = add(commands, "outbox", outbox, show_outbox, "what waits, and what was set aside")
    box.add_argument(
        "--put-back", type=UUID, action="append", default=[], metavar="EVENT_ID",
        help="let the relay try an event again that was set aside; may be repeated",
    )  # fmt: skip
    payments = commands.add_parser("payments", help="card payments").add_subparsers(
        required=True, metavar="ACTION"
    )
    unknown = add(payments, "unknown", unknown_payments, show_payments, "payments without an end")
    unknown.add_argument("--limit", type=int, default=100)
    add(commands, "reconcile", reconcile, show_reconciliation, "prove the books")
    told = add(commands, "logs", search_logs, show_lines, "what the functions' log says")
    told.add_argument("words", nargs="+", help="an id, an alert's code, a word: lines with all")
    told.add_argument("--since", type=int, default=60, metavar="MINUTES")
    told.add_argument("--limit", type=int, default=50, help="so many of the newest")
    admin = commands.add_parser("admin", help="who may do what admins do").add_subparsers(
        required=True, metavar="ACTION"
    )
    add(admin, "list", list_admins, show_admins, "everybody who may")
    granted = add(admin, "grant", grant_admin, show_admins, "let a user, from their next session")
    revoked = add(admin, "revoke", revoke_admin, show_admins, "no longer let a user")
    for each in (granted, revoked):
        each.add_argument("login_id")
    ranking = commands.add_parser("ranking", help="rankings").add_subparsers(
        required=True, metavar="ACTION"
    )
    rebuilt = add(
        ranking, "rebuild", rebuild_ranking, show_rebuilt, "live boards anew, from the metrics"
    )
    rebuilt.add_argument(
        "--day", type=date.fromisoformat, metavar="YYYY-MM-DD",
        help="from this day on (yesterday or today); without it, both",
    )  # fmt: skip
    made = add(ranking, "run", run_ranking, show_runs, "rank a week or a month now, and wait")
    made.add_argument("--period", choices=["weekly", "monthly"], required=True)
    made.add_argument("--at", required=True, metavar="KEY", help="2026W47 or 202611")
    made.add_argument("--chunk-size", type=int, help="rows of metrics per chunk")
    reports = add(ranking, "runs", list_runs, show_runs, "what the newest runs report")
    reports.add_argument("--limit", type=int, default=20)
    return root


def _rate(text: str) -> float:
    rate = float(text)
    if rate <= 0:
        raise argparse.ArgumentTypeError("a rate is more than 0")
    return rate


# --- dead letters --------------------------------------------------------------------------------


def list_letters(target: Target, _asked: argparse.Namespace) -> Answer:
    """Every queue: how many letters, and the oldest."""
    queues = [_summary(target, _letters(queue)) for queue in target.queues.values()]
    if not queues:
        raise OpsError(f"No queue of a stack {target.stack} is found: is --stack right?")
    return WELL, {"queues": queues}


def _summary(target: Target, letters: DeadLetters) -> dict[str, Any]:
    count = letters.count()
    sample = letters.look(SAMPLE) if count else []
    oldest = _told(sample[0], target.stack) if sample else None
    return {"queue": letters.queue.name, "letters": count, "oldest": oldest}


def show_letters(target: Target, asked: argparse.Namespace) -> Answer:
    """The letters themselves; they stay."""
    letters = _letters(target.queue(asked.queue))
    found = [
        {**_told(each, target.stack), "body": each.body, "attributes": each.entry(0)[
            "MessageAttributes"
        ]}
        for each in letters.look(asked.limit, asked.id)
    ]  # fmt: skip
    return WELL, {"queue": letters.queue.name, "count": letters.count(), "letters": found}


def _letters(queue: Queue) -> DeadLetters:
    return DeadLetters(queue, client("sqs"))


def _cause(letter: DeadLetter, stack: str) -> str:
    """Of a consumer's failure only where there is a log to be asked."""
    group = logs.group_of(stack)
    return logged_cause(client("logs"), group, letter) if logs.exists(group) else letter.cause


def _told(letter: DeadLetter, stack: str) -> dict[str, Any]:
    return {
        "message_id": letter.id,
        "age_seconds": letter.age_seconds,
        "type": letter.envelope.get("type", ""),
        "event_id": letter.envelope.get("id", ""),
        "order_id": letter.order_id,
        "trace_id": letter.envelope.get("trace_id", ""),
        "cause": _cause(letter, stack),
    }


def redrive(target: Target, asked: argparse.Namespace) -> Answer:
    """Send letters back, each written to the audit first."""
    letters = _letters(target.queue(asked.queue))
    record = _keeping(target, "dlq redrive", letters.queue.name)
    with _progress("Sent back", len(asked.id) or letters.count(), asked) as progress:
        done = letters.redrive(asked.id, rate=asked.rate, progress=progress, record=record)
    return _outcome(letters, "redriven", done)


def discard(target: Target, asked: argparse.Namespace) -> Answer:
    """Delete letters, each written to the audit first."""
    letters = _letters(target.queue(asked.queue))
    record = _keeping(target, "dlq discard", letters.queue.name, asked.reason)
    _confirm(
        f"Delete {', '.join(asked.id)} from {letters.queue.name}? It will not be handled; "
        "what it said stays in the table ops_audit.",
        asked,
    )
    return _outcome(letters, "discarded", letters.discard(asked.id, record))


def _keeping(
    target: Target, what: str, queue: str, reason: str = ""
) -> Callable[[DeadLetter], None]:
    """Writes down what happens to a letter: who did what, when and why, and what it said."""
    target.use_database()
    from commerce.app.operations.audit import record_act
    from commerce.runtime.audit import Act

    who = operator()
    return lambda letter: record_act(Act(who, what, queue, letter.id, letter.body, reason))


def _outcome(letters: DeadLetters, what: str, done: Done) -> Answer:
    code = FOUND if done.failed or done.not_found else WELL
    return code, {
        "queue": letters.queue.name,
        what: done.done,
        "failed": done.failed,
        "not_found": done.not_found,
    }


# --- outbox and books ----------------------------------------------------------------------------


def outbox(target: Target, asked: argparse.Namespace) -> Answer:
    """What waits for the bus, and what was set aside."""
    target.use_database()
    from commerce.app import messaging
    from commerce.runtime.db import current
    from commerce.runtime.messaging import quarantine as set_aside
    from commerce.shared import clock

    back = {id_ for id_ in asked.put_back if _put_back(id_)}
    waiting = messaging.relay().waiting()
    found = [
        {name: getattr(each, name) for name in each.__slots__}
        for each in set_aside.find(current.database())
    ]
    missing = sorted(map(str, set(asked.put_back) - back))
    return FOUND if missing else WELL, {
        "waiting": waiting.count,
        "oldest_age_seconds": round(waiting.age_seconds(clock.now())),
        "set_aside_count": waiting.quarantined,
        "set_aside": found,
        "put_back": sorted(map(str, back)),
        "not_found": missing,
    }


def _put_back(event_id: UUID) -> bool:
    from commerce.app.operations import requeue_event
    from commerce.app.transactions import in_transaction

    return in_transaction(requeue_event, event_id, by=operator())


def reconcile(target: Target, asked: argparse.Namespace) -> Answer:
    """Prove that every unit and every point is accounted for."""
    target.use_database()
    from commerce.app import reconciliation

    def progress(book: str, seen: int) -> None:
        if not asked.json:
            aside.print(f"{book}: {seen}", style="dim", end="\r")

    found = reconciliation.reconcile(progress=progress)
    answer = found.model_dump(mode="json")
    return WELL if found.holds else FOUND, {"holds": found.holds, **answer}


# --- payments ------------------------------------------------------------------------------------


def unknown_payments(target: Target, asked: argparse.Namespace) -> Answer:
    """Payments that wait for their result or refund, the longest waiting first. All stay."""
    target.use_database()
    from datetime import timedelta

    from commerce.app import transactions
    from commerce.shared import clock

    found = transactions.in_transaction(
        lambda shop: shop.payments.unfinished(timedelta(0), asked.limit)
    )
    now = clock.now()
    payments = [
        {
            "payment_id": str(each.id),
            "order_id": str(each.order_id),
            "status": each.status.value,
            "amount": each.amount.amount,
            "currency": each.amount.currency,
            "transaction_key": each.transaction_key,
            "age_seconds": round((now - each.changed_at).total_seconds()),
        }
        for each in sorted(found, key=lambda each: each.changed_at)
    ]
    return FOUND if payments else WELL, {"payments": payments}


# --- the log -------------------------------------------------------------------------------------


def search_logs(target: Target, asked: argparse.Namespace) -> Answer:
    """The newest lines with all words."""
    with aside.status("reading"):
        lines = logs.find(target, asked.words, timedelta(minutes=asked.since), asked.limit)
    return WELL if lines else FOUND, {"lines": lines}


# --- admins --------------------------------------------------------------------------------------


def list_admins(target: Target, _asked: argparse.Namespace) -> Answer:
    """Everybody who may do what admins do."""
    target.use_database()
    from commerce.app.transactions import in_transaction

    found = in_transaction(lambda shop: shop.users.admins())
    return WELL, {
        "admins": [{"user_id": each.user_id, "login_id": each.login_id} for each in found]
    }


def grant_admin(target: Target, asked: argparse.Namespace) -> Answer:
    """Let a user do what admins do."""
    target.use_database()
    _confirm(f"Let {asked.login_id} do whatever admins may, on {target.stack}?", asked)
    from commerce.app.transactions import in_transaction

    in_transaction(lambda shop: shop.users.grant_admin(asked.login_id, by=operator()))
    return list_admins(target, asked)


def revoke_admin(target: Target, asked: argparse.Namespace) -> Answer:
    """No longer let them."""
    target.use_database()
    _confirm(f"No longer let {asked.login_id} do what admins may, on {target.stack}?", asked)
    from commerce.app.transactions import in_transaction

    in_transaction(lambda shop: shop.users.revoke_admin(asked.login_id, by=operator()))
    return list_admins(target, asked)


# --- rankings ------------------------------------------------------------------------------------


def rebuild_ranking(target: Target, asked: argparse.Namespace) -> Answer:
    """Make the live boards of days anew, while events go on arriving."""
    target.use_database()
    target.use_valkey()
    from commerce.app import ranking_jobs

    def progress(what: str, done: int) -> None:
        if not asked.json:
            aside.print(f"{what}: {done}", style="dim", end="\r")

    done = ranking_jobs.rebuild_rankings(asked.day, progress)
    return WELL, {"days": [asdict(each) for each in done]}


def run_ranking(target: Target, asked: argparse.Namespace) -> Answer:
    """Make a ranking of a week or a month, whether or not there is one."""
    target.use_database()
    execution = rankings.start(target, asked.period, asked.at, asked.chunk_size)
    with aside.status("planning") as shown:
        ended = rankings.wait_for(execution, shown.update)
    report = rankings.report_of(execution)
    well = ended["status"] == "SUCCEEDED" and report is not None and not report["chunks_skipped"]
    return WELL if well else FOUND, {
        "execution": execution,
        "status": ended["status"],
        "error": ended.get("error", ""),
        "cause": ended.get("cause", ""),
        "runs": [report] if report else [],
    }


def list_runs(target: Target, asked: argparse.Namespace) -> Answer:
    """The newest runs' reports."""
    target.use_database()
    return WELL, {"runs": rankings.newest(asked.limit)}


# --- for people ----------------------------------------------------------------------------------


def show_list(answer: dict[str, Any]) -> None:
    """Print the queues."""
    rows = []
    for each in answer["queues"]:
        oldest = each["oldest"] or {}
        about = oldest.get("order_id") or oldest.get("event_id") or oldest.get("message_id", "")
        rows.append(
            [each["queue"], each["letters"], _age(oldest.get("age_seconds")), oldest.get("type"),
             about, oldest.get("cause")]
        )  # fmt: skip
    _table(["queue", "dead letters", "oldest", "type", "order or event", "cause"], rows)


def show_those(answer: dict[str, Any]) -> None:
    """Print the letters."""
    names = ["message_id", "age_seconds", "type", "order_id", "event_id", "cause"]
    _table(
        [name.replace("_", " ") for name in names],
        [[each[name] for name in names] for each in answer["letters"]],
    )
    people.print(f"{len(answer['letters'])} of about {answer['count']} in {answer['queue']}")


def show_done(answer: dict[str, Any]) -> None:
    """Print what was sent back or discarded."""
    what = "redriven" if "redriven" in answer else "discarded"
    people.print(f"{len(answer[what])} {what} in {answer['queue']}")
    for id_, why in answer["failed"].items():
        people.print(f"✗ {id_}: {why}", style="red", markup=False)
    for id_ in answer["not_found"]:
        people.print(f"✗ {id_}: no such letter; somebody may hold it for up to 5 minutes")


def show_outbox(answer: dict[str, Any]) -> None:
    """Print what waits and what was set aside."""
    people.print(
        f"{answer['waiting']} events wait, the oldest {_age(answer['oldest_age_seconds'])}"
    )
    people.print(f"{answer['set_aside_count']} events are set aside")
    names = ["id", "type", "aggregate_id", "cause", "set_aside_at"]
    if answer["set_aside"]:
        _table(names, [[each[name] for name in names] for each in answer["set_aside"]])
    for id_ in answer["put_back"]:
        people.print(f"{id_} is put back: the relay tries it within a minute")
    for id_ in answer["not_found"]:
        people.print(f"✗ {id_} was not set aside", style="red")


def show_payments(answer: dict[str, Any]) -> None:
    """Print the payments without an end."""
    payments = answer["payments"]
    if not payments:
        people.print("Every payment has its end.")
        return
    names = ["payment_id", "order_id", "status", "amount", "currency", "transaction_key"]
    _table(
        [*(name.replace("_", " ") for name in names), "since"],
        [[*(each[name] for name in names), _age(each["age_seconds"])] for each in payments],
    )


def show_lines(answer: dict[str, Any]) -> None:
    """Print the lines, each with the last line of its error."""
    rows = []
    for each in answer["lines"]:
        error = str(each.get("exception", "")).strip().rpartition("\n")[2]
        said = "\n".join(part for part in (str(each.get("message", "")), error) if part)
        rows.append([each["at"], each.get("level"), each.get("function_name"), said])
    if rows:
        _table(["at", "level", "function", "line"], rows)
    else:
        people.print("No line has all of it; --since looks further back.")


def show_admins(answer: dict[str, Any]) -> None:
    """Print who may do what admins do."""
    names = ["login_id", "user_id"]
    _table(
        [name.replace("_", " ") for name in names],
        [[each[name] for name in names] for each in answer["admins"]],
    )


def show_rebuilt(answer: dict[str, Any]) -> None:
    """Print the days whose boards are new."""
    names = ["day", "products", "events", "told_meanwhile"]
    _table(
        [name.replace("_", " ") for name in names],
        [[each[name] for name in names] for each in answer["days"]],
    )
    people.print("Hourly boards cannot be rebuilt; they fill again.")


def show_reconciliation(answer: dict[str, Any]) -> None:
    """Print what was looked at, and what does not hold."""
    seen = ", ".join(f"{answer[name]} {name}" for name in BOOKS)
    people.print(f"Looked at {seen}.")
    for each in answer["findings"]:
        facts = ", ".join(f"{name} {value}" for name, value in each["facts"].items())
        people.print(f"✗ {each['rule']}: {facts}", style="red", markup=False)
    people.print("The books hold." if answer["holds"] else "The books do not hold.")


def show_runs(answer: dict[str, Any]) -> None:
    """Print reports of runs, and why chunks were skipped."""
    if "execution" in answer:
        people.print(f"{answer['execution']}: {answer['status']}")
        if answer["error"]:
            people.print(f"✗ {answer['error']}: {answer['cause']}", style="red", markup=False)
    columns = ["period", "key", "status", "begun_at", "duration_seconds", "rows_read", "chunks",
               "chunks_skipped", "failure"]  # fmt: skip
    _table(
        [name.replace("_", " ") for name in columns],
        [[run[name] for name in columns] for run in answer["runs"]],
    )
    for run in answer["runs"]:
        for chunk in run["skipped"]:
            people.print(
                f"✗ {run['key']}, chunk {chunk['number']}: products after {chunk['after_id']} up to"
                f" {chunk['upto_id']} are left out: {chunk['failure']}",
                style="red", markup=False,
            )  # fmt: skip


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    people.print(table)


def _age(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


@contextmanager
def _progress(title: str, total: int, asked: argparse.Namespace) -> Iterator[Callable[[int], None]]:
    with Progress(console=aside, transient=True, disable=asked.json) as shown:
        task = shown.add_task(title, total=total)
        yield lambda done: shown.update(task, completed=done)


def _confirm(question: str, asked: argparse.Namespace) -> None:
    if asked.yes:
        return
    if not sys.stdin.isatty():
        raise OpsError(f"{question} Nobody is there to answer: add --yes.")
    aside.print(f"{question} [y/N] ", end="", markup=False)
    if input().strip().lower() not in ("y", "yes"):
        raise OpsError("Nothing was done.")


if __name__ == "__main__":
    sys.exit(main())
