"""The meaning of libpq's sslmode and sslrootcert in a database URL.

pg8000 could ask the server for encryption itself, but reads all of the system's certificates for
each connection, 60 ms of CPU, and then verifies nothing with them.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from socket import socket
    from ssl import SSLContext

_SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
_OFFERED, _NOT_OFFERED = b"S", b"N"

_SYSTEM = "system"  # libpq's word for the certificate authorities that the system trusts


class Encryption(NamedTuple):
    """One way to connect, in clear or encrypted."""

    context: "SSLContext | None"
    """None: no encryption."""
    is_required: bool = True
    """False: the connection is not encrypted where the server offers no encryption."""

    def apply(self, connected: "socket", host: str) -> "socket":
        """Ask for encryption; returns the socket to go on with.

        Raises:
            OSError: the server offers no encryption although it is required, cannot be verified, or
                does not answer.
        """
        if self.context is None:
            return connected
        connected.sendall(_SSL_REQUEST)
        answer = connected.recv(1)
        if answer == _OFFERED:
            return self.context.wrap_socket(connected, server_hostname=host)
        if answer == _NOT_OFFERED and not self.is_required:
            return connected
        raise ConnectionError("the server offers no encryption" if answer else "connection closed")


class InvalidUrl(ValueError):
    """The database URL has an option that is unknown, or that would not be what it seems."""


def options_of(query: str) -> dict[str, str]:
    """Return the options of a URL's query. Raises InvalidUrl where one is unknown or repeated."""
    pairs = parse_qsl(query, keep_blank_values=True)
    found = dict(pairs)
    if len(found) < len(pairs) or found.keys() - {"sslmode", "sslrootcert", "session"}:
        raise InvalidUrl(f"options of a database URL: {', '.join(name for name, _ in pairs)}")
    if found.get("session", "role") != "role":
        raise InvalidUrl(f"session={found['session']} in a database URL; only role is known")
    return found


def encryptions(options: dict[str, str]) -> Sequence[Encryption]:
    """Return the encryptions to try in turn, as libpq does for the URL's sslmode.

    The default is `prefer`. `verify-full` without `sslrootcert` trusts the system's authorities;
    `require` with one is `verify-ca`, as in libpq.

    Raises:
        InvalidUrl: the mode is none of libpq's six, or has no root certificate to verify with.
    """
    mode, root = options.get("sslmode", "prefer"), options.get("sslrootcert", "")
    if mode not in _BY_MODE:
        raise InvalidUrl(f"sslmode={mode}: must be one of {', '.join(_BY_MODE)}")
    return _BY_MODE[mode](root)


def _required(root: str) -> Sequence[Encryption]:
    return _of_authority(root) if root else (Encryption(_unverified()),)


def _of_authority(root: str) -> Sequence[Encryption]:
    if root in ("", _SYSTEM):  # anybody can have a certificate that the system trusts
        raise InvalidUrl("sslmode=verify-ca needs a file in sslrootcert; or use verify-full")
    return (Encryption(_verifying(root, checks_host=False)),)


@cache
def _unverified() -> "SSLContext":
    import ssl  # imported on use: slow, and often not needed

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@cache
def _verifying(root: str, *, checks_host: bool) -> "SSLContext":
    from ssl import create_default_context

    try:
        context = create_default_context(cafile=None if root in ("", _SYSTEM) else root)
    except OSError as error:  # no such file, or no certificates in it
        raise InvalidUrl(f"sslrootcert={root}: {error}") from error
    context.check_hostname = checks_host
    return context


_CLEAR = Encryption(None)
_BY_MODE: dict[str, Callable[[str], Sequence[Encryption]]] = {
    "disable": lambda _: (_CLEAR,),
    "allow": lambda _: (_CLEAR, Encryption(_unverified())),
    "prefer": lambda _: (Encryption(_unverified(), is_required=False), _CLEAR),
    "require": _required,
    "verify-ca": _of_authority,
    "verify-full": lambda root: (Encryption(_verifying(root, checks_host=True)),),
}
