"""The file that tells a shell, and the other commands, where a local system is."""

import shlex
from collections.abc import Mapping
from pathlib import Path

# What the reader's own account would still be used by, whatever the exported values are.
OTHER_ACCOUNTS = "AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_SECURITY_TOKEN"


def write_env(file: Path, variables: Mapping[str, str]) -> None:
    """Write a file that a shell can source; a reader sees all of it or none."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    draft = file.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text("".join([f"unset {OTHER_ACCOUNTS}\n", *lines]), encoding="utf-8")
    draft.replace(file)


def read_env(file: Path) -> dict[str, str]:
    """Return the variables that the file gives a value, none where there is no file."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    words = [word for line in lines for word in shlex.split(line) if "=" in word]
    return dict(word.split("=", 1) for word in words)
