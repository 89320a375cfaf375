"""Run the emulator so that web pages cannot use it, and layers are unpacked once.

It answers any origin by itself, and would let a page in the developer's browser read secrets and
run functions on this machine: only the paths of deployed APIs, which have CORS settings of their
own, are open to other origins here (callers.py has the rule).

It takes the caller's address from X-Forwarded-For, where API Gateway takes it from the connection:
here the header says what the connection does.

It also starts a process per function and unpacks all layers for each: thousands of files, seconds
of a cold start. Here the second process and those after it get a link to what the first unpacked,
compiled modules included. What is deployed, and how, stays as it is.

Live reload names, in a file, folders that take the place of deployed packages. A function that
runs something else is exchanged before its next call; a call that has begun ends as it began.

It counts failures as CloudWatch does (measuring.py).

Started as `python -P run_emulator.py LAYERS LIVE [HOST …]`, LAYERS being the directory to unpack
to, LIVE the file of live reload (infra/local/live), HOST a name besides loopback at which
containers see this machine: by path, as the emulator's own environment knows nothing of this
package.
"""

import base64
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
from ministack.services import lambda_svc  # type: ignore[import-not-found]

UNPACKED, LIVE = Path(sys.argv[1]), Path(sys.argv[2])
CONTAINER_HOSTS = tuple(sys.argv[3:])
DEPLOYED_API = re.compile(r"/_aws/execute-api/[^/]+/[^/]+(/|$)")

del sys.argv[1:]  # the emulator reads the rest
refusal = runpy.run_path(str(Path(__file__).with_name("callers.py")))["refusal"]
count_failures = runpy.run_path(str(Path(__file__).with_name("measuring.py")))["install"]

_one_at_a_time = threading.Lock()


class LiveFolders:
    """Folders that take the place of deployed packages: a function's code, a layer."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_at: int | None = None
        self._code: dict[str, str] = {}
        self._layers: dict[str, str] = {}

    def of_function(self, name: str) -> str | None:
        """Return the folder in the place of a function's code, None where it runs as deployed."""
        self._refresh()
        return self._code.get(name)

    def of_layer(self, digest: str) -> str | None:
        """Return the folder in the place of a layer, named by the SHA-256 of its package."""
        self._refresh()
        return self._layers.get(digest)

    def version_of(self, name: str) -> tuple[str | None, ...]:
        """Return what a function runs; another version is other code."""
        return (self.of_function(name), *sorted(self._layers.values()))

    def _refresh(self) -> None:
        try:
            changed_at = self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if changed_at != self._read_at:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            self._code, self._layers = found["code"], found["layers"]
            self._read_at = changed_at


live = LiveFolders(LIVE)
acquire_worker = lambda_runtime.acquire_worker


def acquire_current(
    func_name: str, config: dict[str, Any], code_zip: bytes, **options: Any
) -> tuple[Any, str]:
    """Lease a process of a function that runs its live code; end idle ones that run another."""
    version = live.version_of(func_name)
    while True:
        worker, reason = acquire_worker(func_name, config, code_zip, **options)
        if worker is None or getattr(worker, "live_version", version) == version:
            if worker is not None:
                worker.live_version = version
            return worker, reason
        with lambda_runtime._lock:  # noqa: SLF001 - the emulator has no other way
            for entries in lambda_runtime._workers.values():  # noqa: SLF001
                if worker in entries:
                    entries.remove(worker)
        threading.Thread(target=worker.kill, daemon=True).start()  # it may take seconds to end


class Package(zipfile.ZipFile):
    """A package that is unpacked as a link: to its live folder, or a layer to its one copy."""

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        """Unpack or link. The emulator unpacks layers to layer_<n>, a function to code."""
        target, file = Path(path), Path(str(self.filename))
        folder = live.of_function(_function_of(file)) if target.name == "code" else None
        if target.name.startswith("layer_") and self.filename is not None:
            folder = self._layer(file)
        if folder is None:
            super().extractall(path, members, pwd)
            return
        target.rmdir()
        target.symlink_to(folder, target_is_directory=True)
        file.unlink()  # megabytes per function, read by nobody else

    def _layer(self, file: Path) -> str:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").digest()
        if folder := live.of_layer(base64.b64encode(digest).decode()):
            return folder
        copy = UNPACKED / digest.hex()
        with _one_at_a_time:
            if not copy.exists():
                draft = Path(tempfile.mkdtemp(dir=UNPACKED))
                super().extractall(draft, super().namelist())
                draft.rename(copy)
        return str(copy)

    def namelist(self) -> list[str]:
        """Name the members; none of a layer, whose names are checked one by one otherwise.

        extractall() keeps every member below its directory anyway.
        """
        is_layer = Path(str(self.filename)).name.startswith("layer_")
        return [] if is_layer else super().namelist()


def _function_of(package: Path) -> str:
    """Return whose package it is: the emulator unpacks it in ministack-lambda-<name>-<random>."""
    return package.parent.name.removeprefix("ministack-lambda-").rpartition("-")[0]


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
    lambda_runtime.zipfile = SimpleNamespace(**{**names, "ZipFile": Package})
    lambda_runtime.acquire_worker = lambda_svc.acquire_worker = acquire_current
    count_failures()
    app.app = Guarded(app.app)
    app.main()


if __name__ == "__main__":
    main()
