"""The meaning of libpq's sslmode and sslrootcert in a database URL, for pg8000."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from ssl import SSLContext

Encryption: TypeAlias = "bool | SSLContext | None"
"""pg8000's `ssl_context`: False never, None where offered, True always, unverified, or as set."""

_SYSTEM = "system"  # libpq's word for the certificate authorities that the system trusts


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
    return _of_authority(root) if root else (True,)


def _of_authority(root: str) -> Sequence[Encryption]:
    if root in ("", _SYSTEM):  # anybody can have a certificate that the system trusts
        raise InvalidUrl("sslmode=verify-ca needs a file in sslrootcert; or use verify-full")
    context = _verifying(root)
    context.check_hostname = False
    return (context,)


def _verifying(root: str) -> "SSLContext":
    from ssl import create_default_context  # imported on use: slow, and often not needed

    try:
        return create_default_context(cafile=None if root in ("", _SYSTEM) else root)
    except OSError as error:  # no such file, or no certificates in it
        raise InvalidUrl(f"sslrootcert={root}: {error}") from error


_BY_MODE: dict[str, Callable[[str], Sequence[Encryption]]] = {
    "disable": lambda _: (False,),
    "allow": lambda _: (False, True),
    "prefer": lambda _: (None, False),
    "require": _required,
    "verify-ca": _of_authority,
    "verify-full": lambda root: (_verifying(root),),
}
