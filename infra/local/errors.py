"""Errors of the local tools; each message says what to do next."""

from pathlib import Path


class LocalError(Exception):
    """The local system cannot do what was asked; the message says what to do."""


class PortInUse(LocalError):
    """Another program listens on the port of a server."""

    def __init__(self, server: str, port: int, variable: str, free_port: int) -> None:
        super().__init__(
            f"Port {port}, meant for {server}, is in use by another program. End that program, "
            f"or set {variable} to another port, for example: make up {variable}={free_port}"
        )
        self.variable = variable


class ServerFailed(LocalError):
    """A server ended, or was not ready in time; the end of its log is part of the message."""

    def __init__(self, server: str, what_happened: str, log: Path) -> None:
        super().__init__(f"{server} {what_happened}. Its log, {log}, ends with:\n{log_tail(log)}")


def log_tail(log: Path, lines: int = 12) -> str:
    """Return the last lines of a log, indented."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (nothing)"
