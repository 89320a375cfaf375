"""Run the emulator so that web pages cannot use it, and layers are unpacked once.

It answers any origin by itself, and would let a page in the developer's browser read secrets and
run functions on this machine: only the paths of deployed APIs, which have CORS settings of their
own, are open to other origins here (callers.py has the rule).

It takes the caller's address from X-Forwarded-For, where API Gateway takes it from the connection:
here the header says what the connection does.

It also starts a process per function and unpacks all layers for each: thousands of files, seconds
of a cold start. Here the second process and those after it get a link to what the first unpacked,
compiled modules included. What is deployed, and how, stays as it is.

Started as `python -P run_emulator.py LAYERS [HOST …]`, LAYERS being the directory to unpack to,
HOST a name besides loopback at which containers see this machine: by path, as the emulator's own
environment knows nothing of this package.
"""

import hashlib
import json
import re
import runpy
import sys
import tempfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack import app  # type: ignore[import-not-found]
from ministack.core import lambda_runtime  # type: ignore[import-not-found]

UNPACKED = Path(sys.argv[1])
CONTAINER_HOSTS = tuple(sys.argv[2:])
DEPLOYED_API = re.compile(r"/_aws/execute-api/[^/]+/[^/]+(/|$)")

del sys.argv[1:]  # the emulator reads the rest
refusal = runpy.run_path(str(Path(__file__).with_name("callers.py")))["refusal"]

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


class Guarded:
    """An ASGI application that answers 403 to what callers.refusal() refuses."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass the request on, or refuse it before anything reads it."""
        reason = self._refusal(scope)
        if reason is None:
            await self._application(_from_its_own_address(scope), receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            content = json.dumps({"message": reason}).encode()
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(content)).encode()),
            ]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": content})

    def _refusal(self, scope: dict[str, Any]) -> str | None:
        if scope["type"] not in ("http", "websocket"):
            return None
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        is_api = scope["type"] == "http" and DEPLOYED_API.match(scope["path"]) is not None
        reason: str | None = refusal(headers, container_hosts=CONTAINER_HOSTS, has_own_cors=is_api)
        return reason


def _from_its_own_address(scope: dict[str, Any]) -> dict[str, Any]:
    if scope["type"] != "http" or not scope.get("client"):
        return scope
    headers = [each for each in scope["headers"] if each[0].lower() != b"x-forwarded-for"]
    return {**scope, "headers": [*headers, (b"x-forwarded-for", scope["client"][0].encode())]}


def main() -> None:
    """Serve until the process is ended."""
    UNPACKED.mkdir(parents=True, exist_ok=True)
    names = {name: getattr(zipfile, name) for name in dir(zipfile)}
    lambda_runtime.zipfile = SimpleNamespace(**{**names, "ZipFile": Layer})
    app.app = Guarded(app.app)
    app.main()


if __name__ == "__main__":
    main()
