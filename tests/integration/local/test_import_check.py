"""Code that cannot be imported does not go live: a process imports it first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.live.check import ROOT, ImportCheck

MARKED = "import os\nprint('no answer')\nassert os.environ['MARK'] == 'here'\n"


def write(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text)


@pytest.fixture(scope="module")
def check() -> Iterator[ImportCheck]:
    with ImportCheck() as started:
        yield started


def test_modules_that_can_be_imported_pass(check: ImportCheck, tmp_path: Path) -> None:
    write(
        tmp_path, "seen.py", "import os\nprint('no answer')\nassert os.environ['MARK'] == 'here'\n"
    )
    assert check.failure([tmp_path], ["seen"], {"MARK": "here"}) is None


def test_a_module_is_imported_afresh_each_time(check: ImportCheck, tmp_path: Path) -> None:
    write(tmp_path, "fresh.py", "")
    assert check.failure([tmp_path], ["fresh"], {}) is None
    write(tmp_path, "fresh.py", "nothing_like_it\n")
    failure = check.failure([tmp_path], ["fresh"], {})
    assert failure is not None
    assert "NameError: name 'nothing_like_it' is not defined" in failure


def test_a_failed_import_names_the_line_of_our_own_code(check: ImportCheck) -> None:
    # What is checked lies in a folder of its own, and says that it is the work tree's file.
    name = "functions/order/place_order.py"
    code = f"exec(compile('\\n\\nfrom json import nothing', {str(ROOT / name)!r}, 'exec'))"
    folder = ROOT / ".local" / "test-check"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        write(folder, "broken.py", code)
        failure = check.failure([folder], ["broken"], {})
    finally:
        (folder / "broken.py").unlink()
    assert failure is not None
    assert failure.startswith(f"{name}:3: ImportError: cannot import name 'nothing'")


def test_a_module_that_ends_its_process_does_not_pass(check: ImportCheck, tmp_path: Path) -> None:
    write(tmp_path, "ending.py", "import os\nos._exit(3)\n")
    failure = check.failure([tmp_path], ["ending"], {})
    assert failure == "a module ended the process that imported it"
    write(tmp_path, "leaving.py", "raise SystemExit(1)\n")
    assert "SystemExit" in str(check.failure([tmp_path], ["leaving"], {}))


def test_the_check_never_imports_the_work_trees_own_code(check: ImportCheck) -> None:
    failure = check.failure([], ["commerce.order.model"], {})
    assert failure == "ModuleNotFoundError: No module named 'commerce'"
