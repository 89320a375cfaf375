"""Open psql on the running system's database: what `make sql` runs; arguments are psql's."""

import os
import sys

from infra.local.errors import LocalError
from infra.local.functions import running_system
from infra.local.postgres import binary


def main() -> None:
    """Become the psql that came with the embedded PostgreSQL."""
    try:
        program, url = binary("psql"), running_system()["DATABASE_URL"]
    except LocalError as error:
        sys.exit(f"✗ {error}")
    os.execv(program, [str(program), url, *sys.argv[1:]])  # noqa: S606 - that is the purpose


if __name__ == "__main__":
    main()
