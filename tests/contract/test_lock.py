"""make lock ADD=package pins one package, and leaves every other pin as it was."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import lock
from infra.local.errors import LocalError

PUBLISHED = [
    ("lastunit-a", "1.0"),
    ("lastunit-b", "3.1"),
    ("lastunit-c", "2.0"),
    ("lastunit-c", "2.1"),
]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose lists are locked, where lastunit-c has had a newer version since."""
    home = tmp_path_factory.mktemp("lock")
    for name, version in PUBLISHED:
        _publish(home / "index", name, version)
    root = home / "project"
    for each in lock.SETS:
        (root / each.source).parent.mkdir(parents=True, exist_ok=True)
        (root / each.source).write_text("# Why.\nlastunit-a\nlastunit-c\n")
        (root / each.lock).write_text("lastunit-a==1.0\nlastunit-c==2.0\n")
    included = "".join(f"-r {each.source}\n" for each in lock.LAYERS)
    (root / "requirements.in").write_text(f"# Why.\n{included}")
    with pytest.MonkeyPatch.context() as patched:
        for name, value in (("UV_NO_INDEX", "1"), ("UV_FIND_LINKS", home / "index")):
            patched.setenv(name, str(value))
        yield root


@pytest.fixture
def root(locked: Path, tmp_path: Path) -> Path:
    """A project of the test's own."""
    return Path(shutil.copytree(locked, tmp_path / "project"))


def _publish(index: Path, name: str, version: str) -> None:
    index.mkdir(exist_ok=True)
    file = name.replace("-", "_")
    information = f"{file}-{version}.dist-info"
    with zipfile.ZipFile(index / f"{file}-{version}-py3-none-any.whl", "w") as wheel:
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{information}/METADATA", metadata)
        wheel.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{information}/RECORD", "")


def test_a_package_is_added_in_order_and_pinned_without_upgrades(root: Path) -> None:
    own = lock.SETS[1]
    assert lock.add("lastunit-b", own.source, root) == [f"{own.lock}: lastunit-b 3.1"]
    assert (root / own.source).read_text() == "# Why.\nlastunit-a\nlastunit-b\nlastunit-c\n"
    assert own.pins(root) == {"lastunit-a": "1.0", "lastunit-b": "3.1", "lastunit-c": "2.0"}
    assert (root / own.lock).read_text().count("--hash=sha256:") == 3


def test_a_package_of_the_layer_is_pinned_in_both_lock_files(root: Path) -> None:
    assert lock.add("lastunit-b", lock.LAYERS[0].source, root) == [
        "requirements.lock: lastunit-b 3.1",
        f"{lock.LAYERS[0].lock}: lastunit-b 3.1",
    ]
    assert lock.LAYERS[0].pins(root)["lastunit-c"] == lock.SETS[0].pins(root)["lastunit-c"] == "2.0"


@pytest.mark.parametrize(
    ("package", "source", "message"),
    [
        ("LASTUNIT-A", lock.LAYERS[0].source, "requirements.in already"),
        (
            "lastunit-c[more]",
            lock.LAYERS[0].source,
            "requirements.in already",
        ),
        ("no package", "requirements.in", "names no package"),
        ("lastunit-b", "somewhere.in", "TO is one of requirements.in"),
        ("lastunit-b>=4", "requirements.in", "cannot be resolved"),
    ],
)
def test_what_cannot_be_added_leaves_every_file_as_it_was(
    root: Path, package: str, source: str, message: str
) -> None:
    before = {file: file.read_text() for file in root.rglob("*.*") if file.is_file()}
    with pytest.raises(LocalError, match=message):
        lock.add(package, source, root)
    assert {file: file.read_text() for file in before} == before


def test_all_packages_are_upgraded_where_none_is_named(root: Path) -> None:
    lock.lock_all(root)
    assert {each.pins(root)["lastunit-c"] for each in lock.SETS} == {"2.1"}
