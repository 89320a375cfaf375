"""A process that imports changed modules, so that code that cannot be imported does not go live.

It has loaded the packages of the functions' layer already and forks for each check: importing our
own code then takes a tenth of a second. It reads one JSON request a line ({"path": [folder],
"modules": [name], "environment": {…}}) and answers with one line each, the error's text or null.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local.errors import LocalError

ROOT = Path(__file__).parents[3]
LOADED = (
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_xray_sdk.core",
    "boto3",
    "jwt",
    "pg8000.native",
    "pydantic.json_schema",
    "sqlalchemy",
)


class ImportCheck:
    """The process, as `make up` uses it; it ends with the block."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import main; main()"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for `make up` to handle
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait()

    def failure(
        self, path: Sequence[Path], modules: Sequence[str], environment: Mapping[str, str]
    ) -> str | None:
        """Return why one of the modules cannot be imported, None where all can."""
        request = {
            "path": [str(each) for each in path],
            "modules": list(modules),
            "environment": dict(environment),
        }
        sent, answers = self._process.stdin, self._process.stdout
        if sent is None or answers is None:
            raise LocalError("The process that checks imports has no pipes.")
        sent.write(json.dumps(request) + "\n")
        sent.flush()
        line = answers.readline()
        if not line:
            raise LocalError("The process that checks imports has ended: make down, make up.")
        answer: str | None = json.loads(line)
        return answer


def _import(request: dict[str, list[str]], environment: dict[str, str]) -> str | None:
    sys.path[:0] = request["path"]
    os.environ.update(environment)
    for module in request["modules"]:
        try:
            import_module(module)
        except BaseException as error:  # noqa: BLE001 - whatever it raises, it cannot go live
            return _described(error)
    return None


def _described(error: BaseException) -> str:
    """Return the line of our own code that raised the error, and the error."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(f"{ROOT}/")]
    own = [frame for frame in own if frame.filename != __file__ and "/.venv" not in frame.filename]
    what = "".join(traceback.format_exception_only(error)).strip()
    if not own:
        return what
    return f"{Path(own[-1].filename).relative_to(ROOT)}:{own[-1].lineno}: {what}"


def _answer_in_child(request: dict[str, list[str]], environment: dict[str, str]) -> str | None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.dup2(2, 1)  # what a module prints is no answer
        with os.fdopen(writing, "w") as answer:
            answer.write(json.dumps(_import(request, environment)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    found: str | None = json.loads(text) if text else "a module ended the process that imported it"
    return found


def main() -> None:
    """Answer until standard input ends."""
    for name in LOADED:
        import_module(name)
    # The work tree's own code must not be found in the place of what is checked.
    sys.path[:] = [each for each in sys.path if Path(each or ".").resolve() != ROOT]
    for line in sys.stdin:
        request = json.loads(line)
        environment = request.pop("environment")
        print(json.dumps(_answer_in_child(request, environment)), flush=True)


if __name__ == "__main__":
    main()
