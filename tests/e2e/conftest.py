"""The stack that the end-to-end tests drive: one that runs already, or one of their own.

Where API_URL is set (`source .local/env`, `make localstack`), that stack is driven. Otherwise the
first test that needs one starts it: servers, simulator, emulator, `sam build`, `sam deploy`.
All these tests are one group, so that with `-n` one worker runs them and one stack is started.
"""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from infra.local.errors import log_tail
from tests.e2e.shop import Buyer, Shop
from tests.e2e.stack import Addresses, Stack, remember_running_stack, running_stack
from tests.support.servers import start_stack

HERE = Path(__file__).parent
TIMEOUT_SECONDS = 1_200  # the first test's includes build and deploy
LOG_LINES = 60

remember_running_stack()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests the time that building and deploying takes."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the functions' log beside a failure."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and stack is not None and stack.system is not None:
        log = stack.system.directory / "log" / "emulator.log"
        report.sections.append(("emulator log", log_tail(log, LOG_LINES)))
    return report


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The deployed stack."""
    if addresses := running_stack():
        yield Stack(addresses)
        return
    _require_the_only_worker(tmp_path_factory)
    directory = tmp_path_factory.mktemp("stack")
    try:
        started = start_stack(directory)
        try:
            yield Stack(Addresses.read(started.endpoints.as_variables()), started.system)
        finally:
            started.stop()
    finally:
        _keep_only_the_logs(directory)


@pytest.fixture(scope="session")
def shop(stack: Stack) -> Shop:
    """The API as anyone and as an admin, with what tests put into it."""
    return Shop(stack)


@pytest.fixture(scope="module")
def buyer(shop: Shop) -> Buyer:
    """A user with 100,000 points."""
    return shop.new_buyer(points=100_000)


def _require_the_only_worker(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fail where another worker has these tests too: each would start a stack."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        claim = tmp_path_factory.getbasetemp().parent / "end-to-end-worker"  # of all workers
        try:
            claim.touch(exist_ok=False)
        except FileExistsError:
            pytest.fail("end-to-end tests are on more than one worker: run with --dist loadgroup")


def _keep_only_the_logs(directory: Path) -> None:
    for folder in directory.iterdir():
        if folder.is_dir() and folder.name != "log":
            shutil.rmtree(folder, ignore_errors=True)
