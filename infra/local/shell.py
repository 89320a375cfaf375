"""Open a Python prompt in the running shop: what `make shell` runs.

It has the environment of a deployed function and the code of the work tree. `with transaction()
as shop:` gives every facade on one transaction, which commits at the block's end; `shop` is there
for reading, and never commits. Code on standard input is run instead of a prompt.
"""

import code
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from infra.local.errors import LocalError
from infra.local.functions import become, running_system

if TYPE_CHECKING:
    from commerce.app.shop import Shop

ENVIRONMENT_OF = "PlaceOrderFunction"
BANNER = """\
shop                          every facade, to read: shop.products, shop.orders, shop.users, …
with transaction() as shop:   the same in one transaction that commits at the end
in_transaction(ProductFacade.get, …)   a use case as functions run it; also: once, database, Query
Ctrl-D ends."""


def namespace() -> dict[str, Any]:
    """Return the names that the prompt has."""
    from commerce.app.shop import Shop
    from commerce.app.transactions import in_transaction, once
    from commerce.runtime.db.current import database
    from commerce.runtime.db.pipeline import Query
    from commerce.runtime.db.unit_of_work import UnitOfWork

    @contextmanager
    def transaction() -> "Iterator[Shop]":
        """Give the shop in a transaction that commits, or leaves nothing where the block raises."""
        with UnitOfWork(database()) as uow:
            yield Shop(uow)
            uow.commit()

    return {
        "shop": Shop(UnitOfWork(database())),
        "transaction": transaction,
        "in_transaction": in_transaction,
        "once": once,
        "database": database,
        "Query": Query,
    }


def main() -> int:
    """Open the prompt, or run standard input."""
    try:
        become(ENVIRONMENT_OF, running_system())
    except LocalError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    names = namespace()
    if not sys.stdin.isatty():
        exec(compile(sys.stdin.read(), "<stdin>", "exec"), names)  # noqa: S102 - it is asked to
        return 0
    import readline
    import rlcompleter

    readline.set_completer(rlcompleter.Completer(names).complete)
    readline.parse_and_bind("tab: complete")
    code.interact(BANNER, local=names, exitmsg="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
