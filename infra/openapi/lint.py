"""`make check`: docs/openapi.json is valid OpenAPI 3.1, and Spectral finds nothing to warn of.

Spectral runs where Node.js does: the version that spectral/package-lock.json pins, installed below
.local/ by its first run, without the packages' own scripts.
"""

import json
import subprocess
import sys

from openapi_spec_validator import OpenAPIV31SpecValidator

from infra import node
from infra.openapi.files import DOCUMENT
from infra.template import ROOT

RULESET = ROOT / "infra" / "openapi" / "spectral" / "ruleset.yaml"
INSTALLED = ROOT / ".local" / "spectral"
SPECTRAL = INSTALLED / "node_modules" / ".bin" / "spectral"


def main() -> int:
    """0 where there is nothing to mend."""
    errors = OpenAPIV31SpecValidator(json.loads(DOCUMENT.read_text("utf-8"))).iter_errors()
    found = [f"{'/'.join(map(str, each.absolute_path))}: {each.message}" for each in errors]
    if found:
        print(f"{DOCUMENT} is not valid OpenAPI:", *found, sep="\n  ")  # noqa: T201
        return 1
    if node.version() is None:
        print("docs/openapi.json is valid; Spectral was left out: it needs Node.js.")  # noqa: T201
        return 0
    if not node.install(RULESET.parent, INSTALLED):
        print("Spectral cannot be installed: see npm's words above.")  # noqa: T201
        return 1
    return subprocess.run(  # noqa: S603
        [SPECTRAL, "lint", "--fail-severity=hint", "--ruleset", RULESET, DOCUMENT], check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
