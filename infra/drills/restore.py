"""Restore a backup to a moment, and reconcile it with what happened outside after that moment."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.drills.frame import Report, answered
from infra.drills.load import Filled, check_books, fill_shop
from infra.drills.partners import Partners, database_of, paid_by_card, partners
from infra.local.ports import Ports
from infra.local.postgres import start_postgres, superuser_url, take_base_backup
from infra.local.process import Server

AFTERWARDS = 3  # orders that are lost with what came after the moment
ARCHIVED_WITHIN_SECONDS = 60


@dataclass(slots=True)
class History:
    """The acts before the moment and after it; the restored database has the first alone."""

    shop: Filled
    moment: str = ""
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    unsettled: str = ""
    """An order of before the moment whose payment got its result after it."""
    unshipped: str = ""
    """An order of before the moment whose notice was sent after it."""
    charged_after: str = ""
    published_after: list[Mapping[str, Any]] = field(default_factory=list)


def prove(report: Report, count: int) -> None:
    """Lose a database, restore it to a moment of its past on another port, and reconcile it."""
    with servers() as place, partners() as outside:
        first = place.start()
        with database_of(first.url):
            history = _live(report, place, outside, count)
        _lose(report, place, first)
        restored = _restore(report, place, history.moment)
        with database_of(restored.url):
            _compare(report, outside, history)
            _reconcile_with_outside(report, outside, history)
            check_books(report, "after all that came again")


@dataclass(slots=True)
class Place:
    """The folders of both servers and of the archived log between them."""

    directory: Path
    ports: list[int]
    running: list[Server] = field(default_factory=list)

    @property
    def archive(self) -> Path:
        """The archived log."""
        return self.directory / "archive"

    @property
    def source(self) -> Path:
        """The folder of the server that is lost."""
        return self.directory / "first"

    @property
    def copy(self) -> Path:
        """The folder of the base backup, and of the server that is restored from it."""
        return self.directory / "restored"

    def start(self) -> Server:
        """Start the first server, which archives its log, with the newest schema."""
        from tests.support import backends

        self.archive.mkdir()
        self.archive.chmod(0o777)
        self.source.mkdir()
        self.source.chmod(0o755)
        archiving = f"cp %p {self.archive}/%f"
        server = start_postgres(
            self.source, self.ports[0], archive_mode="on", archive_command=archiving
        )
        self.running.append(server)
        backends.migrate(server.url)
        return server

    def restore(self, moment: str) -> Server:
        """Start the backup so that it replays the archived log up to the moment."""
        (self.copy / "postgres" / "recovery.signal").touch()
        server = start_postgres(
            self.copy,
            self.ports[1],
            restore_command=f"cp {self.archive}/%f %p",
            recovery_target_time=moment,
            recovery_target_action="promote",
            hot_standby="off",  # nobody is served before the moment is reached
        )
        self.running.append(server)
        return server

    def archive_all(self) -> None:
        """Wait until all that was written is in the archive."""
        from tests.support.backends import run
        from tests.support.other_connection import wait_until

        superuser = superuser_url(self.source, self.ports[0])
        [[segment]] = run(superuser, "SELECT pg_walfile_name(pg_switch_wal())")
        sql = f"SELECT last_archived_wal >= '{segment}' FROM pg_stat_archiver"  # noqa: S608
        wait_until(lambda: run(superuser, sql) == [[True]], ARCHIVED_WITHIN_SECONDS)


@contextmanager
def servers() -> Iterator[Place]:
    """Provide the folders and ports; servers are ended and all is removed after the block."""
    directory = Path(tempfile.mkdtemp(prefix="lastunit-restore-"))
    directory.chmod(0o755)
    place = Place(directory, [Ports.free().postgres, Ports.free().postgres])
    try:
        yield place
    finally:
        for each in place.running:
            each.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _live(report: Report, place: Place, outside: Partners, count: int) -> History:
    """Do what a shop does, with a backup, then a moment, in the middle of it."""
    from tests.support.orders import place as place_order
    from tests.support.shop import rows

    shop = fill_shop(count)
    outside.ship(outside.relay())
    take_base_backup(place.source, place.ports[0], place.copy)
    report.check(
        "A base backup is taken",
        f"pg_basebackup while the server runs, after {len(shop.orders)} orders; its log is"
        " archived from the beginning",
        only_aws="Aurora backs up by itself, for DatabaseBackupDays",
    )
    history = History(shop, before=list(shop.orders))
    history.before.append(paid_by_card(shop.product, shop.buyers[0]))
    history.unsettled = _charged_without_result(shop, outside)
    outside.ship(outside.relay())
    unshipped = place_order(shop.buyers[1], (shop.product, 1))
    history.unshipped = str(answered(unshipped, 201)["order_id"])
    history.before += [history.unsettled, history.unshipped]
    [now] = rows("SELECT clock_timestamp()::text AS moment")
    history.moment = str(now.moment)
    _go_on(history, outside)
    place.archive_all()
    report.check(
        "The shop goes on after the moment",
        f"moment {history.moment}: {len(history.before)} orders before it, {len(history.after)}"
        f" after it, and {len(history.published_after)} events published after it",
    )
    return history


def _charged_without_result(shop: Filled, outside: Partners) -> str:
    """Place an order whose card is charged, of which the shop knows no result yet; its id."""
    from tests.support.other_connection import wait_until
    from tests.support.payments import pay, place_by_card

    buyer = shop.buyers[2]
    order_id = str(answered(place_by_card(buyer, (shop.product, 1)), 201)["order_id"])
    outside.gateway.behave("lose_callback", times=1)
    answered(pay(buyer, order_id), 201)
    wait_until(lambda: outside.gateway.transactions(order_id)[0]["charged_at"])
    return order_id


def _go_on(history: History, outside: Partners) -> None:
    """Place and pay more orders, settle the payment without a result, publish and ship."""
    from tests.support.orders import place
    from tests.support.payments import follow

    shop = history.shop
    for buyer in shop.buyers[:AFTERWARDS]:
        answer = place(buyer, (shop.product, 1))
        history.after.append(str(answered(answer, 201)["order_id"]))
    history.charged_after = paid_by_card(shop.product, shop.buyers[1])
    history.after.append(history.charged_after)
    _reconcile_payments()
    follow(history.unsettled)
    history.published_after = outside.relay()
    outside.ship(history.published_after)


def _reconcile_payments() -> None:
    from tests.support.lambda_calls import function, lambda_context

    function("payment/every_minute_reconcile")({}, lambda_context(60))


def _lose(report: Report, place: Place, first: Server) -> None:
    first.stop()
    shutil.rmtree(place.source / "postgres")
    report.check(
        "The database is lost",
        "its server has ended and its data is removed; the backup and the archived log are left",
        only_aws="stopping what writes, by the commands of docs/production.md",
    )


def _restore(report: Report, place: Place, moment: str) -> Server:
    began = time.monotonic()
    server = place.restore(moment)
    report.check(
        "It is restored to the moment",
        f"PostgreSQL replayed its log up to {moment} on another port, in"
        f" {time.monotonic() - began:.1f} s",
        only_aws="restore-db-cluster-to-point-in-time: some minutes for a new cluster, its"
        " password, the proxy's target and DatabaseSecretArn; the latest minutes may not be"
        " restorable yet",
    )
    return server


def _compare(report: Report, outside: Partners, history: History) -> None:
    """See that what was before the moment is there, and nothing that came after it."""
    from tests.support.shop import rows

    known = {str(row.id) for row in rows("SELECT id FROM orders")}
    missing = [each for each in history.before if each not in known]
    too_many = [each for each in history.after if each in known]
    report.check(
        "Orders of before the moment are there, later ones are not",
        f"{len(history.before) - len(missing)} of {len(history.before)} are there, and"
        f" {len(too_many)} of the {len(history.after)} later ones",
        holds=not missing and not too_many,
    )
    check_books(report, "at the moment")
    shipped = {str(each["order_id"]) for each in outside.delivery.system.notices(None)} - known
    report.check(
        "Orders that the delivery system alone knows are named",
        f"{len(shipped)} were sent and are gone here: {', '.join(sorted(shipped))}",
        holds=shipped == set(history.after),
    )
    charged = {str(each["orderId"]) for each in outside.gateway.transactions()} - known
    report.check(
        "Charges that the gateway alone knows are named",
        f"orders {', '.join(sorted(charged))}: charged after the moment, to be refunded at the"
        " gateway or placed again",
        holds=charged == {history.charged_after},
    )
    kept = {str(row.id) for row in rows("SELECT id FROM outbox")}
    gone = Counter(each["type"] for each in history.published_after if each["id"] not in kept)
    found = ", ".join(f"{count} {kind}" for kind, count in sorted(gone.items()))
    report.check(
        "Events that consumers alone know are named",
        f"published after the moment and gone here: {found}",
        holds=gone["OrderPlaced"] == len(history.after),
        only_aws="which consumers handled them is in their logs",
    )


def _reconcile_with_outside(report: Report, outside: Partners, history: History) -> None:
    """Let the schedules do what they do: ask the gateway, publish again, send again."""
    from tests.support.payments import follow, statuses_of

    before = statuses_of(history.unsettled)
    _reconcile_payments()
    follow(history.unsettled)
    after = statuses_of(history.unsettled)
    charges = len(outside.gateway.transactions(history.unsettled))
    report.check(
        "A payment under way at the moment gets its result from the gateway",
        f"{before[0]} at the moment, {after[0]} after the reconciler's run, charged {charges} time",
        holds=(before, after, charges) == (["PENDING"], ["SUCCEEDED"], 1),
    )
    again = outside.relay()
    published = {each["id"] for each in history.published_after}
    repeated = [each for each in again if each["id"] in published]
    outside.ship(again)
    tries = len(outside.delivery.tries(history.unshipped))
    kept = outside.delivery.kinds(history.unshipped)
    report.check(
        "Events and notices that come twice are ignored the second time",
        f"{len(repeated)} of {len(again)} events were published before; the delivery system got"
        f" the notice of an order {tries} times and kept {len(kept)}",
        holds=bool(repeated) and (tries, kept) == (2, ["ORDER"]),
    )
