"""The table of operations and scopes, written from what the functions declare."""

from collections.abc import Sequence

from commerce.shared.scopes import Scope
from infra.openapi.operation import Operation
from infra.template import ROOT, functions, read_template

PAGE = ROOT / "docs" / "scopes.md"

_TESTS = "`tests/integration/entrypoints/test_scopes.py`, and `tests/e2e/test_scopes.py` over HTTP,"
_HEAD = (
    "# Operations and their scopes\n\n"
    f"Written by `make openapi` from what each function declares; {_TESTS} try every operation "
    "with every scope. Staff with `admin` may do everything here. Without the scope: 403 "
    "`MISSING_SCOPE`, before anything else happens (spec §3.2).\n\n"
    "| operation | scope |\n|---|---|\n"
)


def staff_operations() -> list[Operation]:
    """Return the operations that need a scope, by scope and path."""
    served = [each for each in functions(read_template()) if each.trigger == "http"]
    found = [operation for each in served for operation in Operation.all_of(each)]
    order: Sequence[Scope | None] = list(Scope)
    return sorted(
        (each for each in found if each.scope is not None),
        key=lambda each: (order.index(each.scope), each.path, each.method),
    )


def page() -> str:
    """Return the page's text."""
    return _HEAD + "".join(
        f"| {each.method.upper()} {each.path} | `{each.scope}` |\n" for each in staff_operations()
    )
