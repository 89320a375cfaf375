"""Run the emulator so that it unpacks a layer once, not once per function.

It starts a process per function and unpacks all layers for each: thousands of files, seconds of a
cold start. Here the second process and those after it get a link to what the first unpacked,
compiled modules included. What is deployed, and how, stays as it is.

Started as `python -P run_emulator.py LAYERS`, LAYERS being the directory to unpack to: by path,
as the emulator's own environment knows nothing of this package.
"""

import hashlib
import sys
import tempfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack import app  # type: ignore[import-not-found]
from ministack.core import lambda_runtime  # type: ignore[import-not-found]

UNPACKED = Path(sys.argv.pop(1))

_one_at_a_time = threading.Lock()


class Layer(zipfile.ZipFile):
    """A zip file that is unpacked as a link to its one unpacked copy."""

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        """Unpack, or link where this is a layer: the emulator unpacks those to layer_<n>."""
        target = Path(path)
        if not target.name.startswith("layer_") or self.filename is None:
            super().extractall(path, members, pwd)
            return
        with Path(self.filename).open("rb") as content:
            copy = UNPACKED / hashlib.file_digest(content, "sha256").hexdigest()
        with _one_at_a_time:
            if not copy.exists():
                draft = Path(tempfile.mkdtemp(dir=UNPACKED))
                super().extractall(draft, super().namelist())
                draft.rename(copy)
        target.rmdir()
        target.symlink_to(copy, target_is_directory=True)
        Path(self.filename).unlink()  # megabytes per function, read by nobody else

    def namelist(self) -> list[str]:
        """Name the members; none of a layer, whose names are checked one by one otherwise.

        extractall() keeps every member below its directory anyway.
        """
        is_layer = Path(str(self.filename)).name.startswith("layer_")
        return [] if is_layer else super().namelist()


def main() -> None:
    """Serve until the process is ended."""
    UNPACKED.mkdir(parents=True, exist_ok=True)
    names = {name: getattr(zipfile, name) for name in dir(zipfile)}
    lambda_runtime.zipfile = SimpleNamespace(**{**names, "ZipFile": Layer})
    app.main()


if __name__ == "__main__":
    main()
