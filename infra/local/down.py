"""End the local system from another shell, whatever state it is in.

python -m infra.local.down        what `make down` runs
"""

from pathlib import Path

from infra.local.emulator import discard_scratch
from infra.local.localstack_servers import end_servers_beside
from infra.local.process import STOP_GRACE_SECONDS, ProcessRecord

DIRECTORY = Path(__file__).parents[2] / ".local"
TEST_SERVERS = "test-servers"
UP_GRACE_SECONDS = 2 * STOP_GRACE_SECONDS


def main() -> None:
    """End everything and say what was ended."""
    ended = end_everything(DIRECTORY)
    print(f"Ended: {', '.join(ended)}." if ended else "Nothing was running.")


def end_everything(directory: Path) -> list[str]:
    """End `make up` with its servers, what a killed one left, and the tests' servers.

    Returns the names of what was ended.
    """
    ended = _end(directory, "up", UP_GRACE_SECONDS) + end_servers(directory)
    ended += end_test_servers(directory)
    beside = directory / "localstack"
    ended += end_servers_beside(beside) + end_servers(beside)
    (directory / "env").unlink(missing_ok=True)
    discard_scratch(directory)
    return ended


def end_test_servers(directory: Path) -> list[str]:
    """End the servers that stay up between test runs; return their name if they ran."""
    return _end(directory, TEST_SERVERS, UP_GRACE_SECONDS)


def end_servers(directory: Path) -> list[str]:
    """End every server recorded for the directory, the emulator first; return their names.

    A recorded pid that is another process by now (its start time differs) is left alone.
    """
    names = ("mail", "emulator", "beacon", "gateway", "delivery", "valkey", "postgres")
    return [ended for name in names for ended in _end(directory, name, STOP_GRACE_SECONDS)]


def _end(directory: Path, name: str, grace_seconds: float) -> list[str]:
    file = directory / "run" / f"{name}.json"
    record = ProcessRecord.read(file)
    ended = record is not None and record.end(grace_seconds)
    file.unlink(missing_ok=True)
    return [name] if ended else []


if __name__ == "__main__":
    main()
