"""Code saved while the stack runs is live at the next call, unless it is broken."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.local.errors import LocalError
from infra.local.live import BrokenCode, LiveCode
from infra.local.live.tree import PARTS
from tests.e2e.shop import Shop
from tests.e2e.stack import Stack

ROOT = Path(__file__).parents[2]
FUNCTION = "functions/health/get_health.py"
CHANGED = 'check_health().model_copy(update={"version": "saved"})\n'
OTHER_FUNCTION = "functions/brand/list_brands.py"
DOMAIN = "layers/domain/python/commerce/runtime/health.py"


@dataclass(frozen=True, slots=True)
class Project:
    """A copy of the code, in which a test saves files."""

    root: Path
    live: LiveCode

    def save(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))


@pytest.fixture
def project(stack: Stack, tmp_path: Path) -> Iterator[Project]:
    """A project whose code is the stack's until the test has ended."""
    if stack.system is None:
        pytest.skip("the stack that runs here serves somebody's work tree")
    for folder, _ in PARTS.values():
        shutil.copytree(ROOT / folder, tmp_path / folder)
    deployment = stack.system.live._deployment
    yield Project(tmp_path, LiveCode(deployment, tmp_path))
    LiveCode(deployment).reload()


def version(shop: Shop) -> str:
    return str(shop.anyone.health().require(200)["version"])


def test_the_address_of_the_api_is_the_same_after_each_deploy(stack: Stack) -> None:
    if stack.system is None:
        pytest.skip("it may be another deployment's address")
    assert stack.addresses.api_url.endswith("/_aws/execute-api/lastunit/v1")


def test_a_saved_function_is_live_at_its_next_call(project: Project, shop: Shop) -> None:
    before = version(shop)
    project.save(FUNCTION, "check_health()\n", CHANGED)
    reloaded = project.live.reload()
    assert reloaded is not None
    assert reloaded.changed == [FUNCTION]
    assert version(shop) == "saved"

    project.save(FUNCTION, CHANGED, "check_health()\n")
    project.live.reload()
    assert version(shop) == before
    assert project.live.reload() is None


def test_saved_domain_code_is_live_for_functions(project: Project, shop: Shop) -> None:
    project.save(DOMAIN, 'settings.text("APP_VERSION", "dev")', '"domain"')
    project.live.reload()
    assert version(shop) == "domain"


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (FUNCTION, "def get_health(", "def get_health((", f"{FUNCTION}:11: SyntaxError"),
        (FUNCTION, "api = http_api()", "api = no_such_name()", "NameError: name 'no_such_name'"),
        (DOMAIN, "import logging", "from json import nothing", "ImportError: cannot import name"),
    ],
)
def test_broken_code_is_refused_and_the_code_before_serves(
    project: Project, shop: Shop, name: str, old: str, new: str, message: str
) -> None:
    before = version(shop)
    project.save(name, old, new)
    project.save(OTHER_FUNCTION, '"""GET', '"""Also saved. GET')
    with pytest.raises(BrokenCode, match=message.replace("(", r"\(")):
        project.live.reload()
    assert version(shop) == before

    project.save(name, new, old)
    reloaded = project.live.reload()
    assert reloaded is not None
    assert reloaded.changed == [OTHER_FUNCTION]
    assert version(shop) == before


def test_a_saved_migration_is_applied_before_the_code_that_needs_it(
    project: Project, shop: Shop, stack: Stack
) -> None:
    health = shop.anyone.health().require(200)
    newest = str(health["schema_revision"])
    added = f"{int(newest) + 1:04}"
    migration = project.root / "infra/migrations/versions" / f"{added}_a_table.py"
    try:
        migration.write_text(
            f'revision, down_revision = "{added}", "{newest}"\n'
            "branch_labels = depends_on = None\n"
            "def upgrade():\n    raise NotImplementedError\n"
        )
        project.save(DOMAIN, f'SCHEMA_REVISION = "{newest}"', f'SCHEMA_REVISION = "{added}"')
        with pytest.raises(LocalError, match="make reset"):
            project.live.reload()
        assert shop.anyone.health().require(200) == health

        text = migration.read_text().replace(
            "raise NotImplementedError", 'op.execute("CREATE TABLE saved (id int)")'
        )
        migration.write_text(f"from alembic import op\n{text}")
        reloaded = project.live.reload()
        assert reloaded is not None
        assert reloaded.revision == added
        now = shop.anyone.health().require(200)
        assert (now["schema_revision"], now["expected_schema_revision"]) == (added, added)
    finally:
        with stack.database() as database:
            database.run("DROP TABLE IF EXISTS saved")
            database.run("UPDATE alembic_version SET version_num = :newest", newest=newest)


# --- commands beside it --------------------------------------------------------------------------


def command(stack: Stack, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    if stack.system is None or stack.is_on_free_localstack:
        pytest.skip("these commands are for the local system")
    addresses = stack.addresses
    variables = {
        "API_URL": addresses.api_url,
        "DATABASE_URL": addresses.database_url,
        "VALKEY_URL": stack.system.servers["valkey"].url,
        "AWS_ENDPOINT_URL": addresses.aws_endpoint_url,
        "DELIVERY_URL": addresses.delivery_url,
        "GATEWAY_URL": addresses.gateway_url,
        "ADMIN_TOKEN": addresses.admin_token,
    }
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, **variables},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_function_runs_on_its_sample_made_real(stack: Stack) -> None:
    ran = command(stack, "infra.local.invoke", "PlaceOrderFunction")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    answer, _, log = ran.stdout.partition("\nlog:\n")
    assert "PlaceOrderFunction (functions/order/place_order.py) answered 201" in answer
    assert '"status": "CONFIRMED"' in answer
    assert "INFO" in log


def test_a_function_runs_on_an_event_of_ones_own(stack: Stack, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    sample = (ROOT / "events/http/get_me.json").read_text()
    event.write_text(sample.replace("Bearer TOKEN", "Bearer nonsense"))
    ran = command(stack, "infra.local.invoke", "GetMeFunction", "--event", str(event))
    assert (ran.returncode, "answered 401" in ran.stdout) == (0, True), ran.stdout


def test_an_unknown_function_is_answered_with_those_there_are(stack: Stack) -> None:
    ran = command(stack, "infra.local.invoke", "NoFunction")
    assert ran.returncode == 1
    assert "There is no NoFunction." in ran.stdout
    assert "PlaceOrderFunction" in ran.stdout


def test_the_shell_has_a_shop_and_a_transaction_that_commits(stack: Stack, shop: Shop) -> None:
    product = shop.new_product(stock=3)
    code = (
        "from commerce.product import SetStock\n"
        "with transaction() as mine:\n"
        f"    mine.stock.set({product!r}, SetStock(quantity=5), by='test')\n"
        f"print(shop.products.get({product!r}))\n"
    )
    ran = command(stack, "infra.local.shell", given=code)
    assert ran.returncode == 0, ran.stderr
    seen = shop.anyone.product(product).require(200)
    assert seen["stock_quantity"] == 5


def test_psql_opens_the_systems_database(stack: Stack) -> None:
    ran = command(stack, "infra.local.sql", "--tuples-only", "--command", "SELECT 40 + 2")
    assert (ran.returncode, ran.stdout.strip()) == (0, "42"), ran.stderr
