"""The commands of CONTRIBUTING run word for word, in a copy of the tree."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TIMEOUT_SECONDS = 1200
SERVERS_OF_THIS_RUN = ("DATABASE_URL", "VALKEY_URL", "AWS_", "E2E_", "PYTEST_", "MAKE", "API_URL")
# The contracts that say what a new function forgot, and need no server.
CONTRACTS = "tests/contract/test_template.py tests/contract/test_openapi.py tests/harness/crash"

pytestmark = pytest.mark.timeout(TIMEOUT_SECONDS)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the tree as it is, with this one's environments."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in names.rstrip("\0").split("\0"):
        source, target = ROOT / name, tmp_path / "tree" / name
        if source.exists() or source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    copy = tmp_path / "tree"
    for lock in copy.glob("requirements*.lock"):
        os.utime(lock, (0, 0))  # what is installed is not older
    for environment in (".venv", ".venv-emulator", ".venv-audit"):
        if (ROOT / environment).exists():
            (copy / environment).symlink_to((ROOT / environment).resolve())
    return copy


def commands(section: str) -> list[str]:
    """The commands of a section's blocks, without what is said beside them."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [body] = re.findall(rf"^## {re.escape(section)}\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```\n(.*?)^```$", body, re.MULTILINE | re.DOTALL)
    lines = (line.partition("  #")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line.startswith(("make ", ".venv/"))]


def run(command: str, tree: Path) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(SERVERS_OF_THIS_RUN)
    }
    return subprocess.run(
        ["bash", "-c", command], cwd=tree, env=kept, check=False, text=True, capture_output=True
    )


def succeed(command: str, tree: Path) -> str:
    ran = run(command, tree)
    assert ran.returncode == 0, f"{command}\n{ran.stdout[-3000:]}\n{ran.stderr[-2000:]}"
    return ran.stdout


def fill_in(file: Path, replacements: dict[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for old, new in replacements.items():
        assert old in text, f"{file.name} has no {old}"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "section",
    ["See your change run", "Debug", "Add a function", "Add a migration, and what it may lock"],
)
def test_every_command_of_the_guide_exists(section: str, tree: Path) -> None:
    found = commands(section)
    assert found
    for command in found:
        if command.startswith("make "):
            succeed(command.replace("make ", "make --dry-run ", 1), tree)
        else:
            program, *words = command.split()
            assert (tree / program).exists()
            assert [word for word in words if word.startswith("tests/")]


def test_a_new_function_fails_until_it_is_filled_in(tree: Path) -> None:
    make_function, its_test = commands("Add a function")
    succeed(make_function, tree)
    formatted = ".venv/bin/ruff format --check . && .venv/bin/ruff check ."
    succeed(formatted, tree)
    failed = run(its_test, tree)
    assert failed.returncode == 1, failed.stdout[-3000:]
    assert "1 failed" in failed.stdout
    twice = run(make_function, tree)
    assert (twice.returncode, "is there already" in twice.stderr) == (2, True)

    fill_in(
        tree / "functions/user/greet_me.py",
        {
            'raise NotImplementedError("user/greet_me: call its use case, and return its view")':
            "return in_transaction(PointFacade.balance, buyer.user_id)",
            "dict[str, str]": "PointsView",
            "\nfrom commerce.entrypoints":
            "\nfrom commerce.app.transactions import in_transaction\nfrom commerce.entrypoints",
            "\n\napi =": "\nfrom commerce.point import PointFacade, PointsView\n\napi =",
        },
    )  # fmt: skip
    fill_in(
        tree / "tests/integration/user/test_greet_me.py",
        {
            'answer.json == {"fill in": "every field, with its exact value"}':
            'answer.json["balance"]["amount"] == 0'
        },
    )  # fmt: skip
    succeed("make openapi", tree)
    succeed(f"{its_test} && {formatted}", tree)
    checks = f".venv/bin/pytest -q -p no:xdist --noconftest {CONTRACTS}/test_every_function.py"
    succeed(checks, tree)


def test_a_new_migration_fails_until_it_is_filled_in(tree: Path) -> None:
    make_migration, its_test = commands("Add a migration, and what it may lock")
    succeed(make_migration, tree)
    failed = run(its_test, tree)
    assert failed.returncode != 0
    assert "NotImplementedError: write what changes the schema" in failed.stdout

    [migration] = (tree / "infra/migrations/versions").glob("*_users_have_a_nickname.py")
    fill_in(
        migration,
        {
            'raise NotImplementedError("write what changes the schema")':
            'op.add_column("user_account", sa.Column("nickname", sa.Text()))',
            'raise NotImplementedError("write what changes it back")':
            'op.drop_column("user_account", "nickname")',
        },
    )  # fmt: skip
    tables = tree / "layers/domain/python/commerce/user/tables.py"
    tables.write_text(
        tables.read_text(encoding="utf-8")
        + '\nuser_table.append_column(Column("nickname", Text))\n',
        encoding="utf-8",
    )
    succeed(its_test, tree)
