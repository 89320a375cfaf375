"""The rule by which local servers refuse requests that web pages make.

A page in the developer's browser can reach loopback. It shows itself by its Origin, by the
browser's Sec-Fetch-Site, or, where its own name was pointed at this machine (DNS rebinding), by
the Host. The emulator loads this file by its path: it imports nothing but the standard library.
"""

import re
from collections.abc import Collection, Iterable
from ipaddress import ip_address

# The name under which Docker Desktop's containers reach this machine; no page can have it.
DESKTOP_HOST = "host.docker.internal"
HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?", re.ASCII)
FROM_OTHER_PAGES = {"cross-site", "same-site"}


def refusal(
    headers: Iterable[tuple[str, str]],
    *,
    container_hosts: Collection[str] = (),
    has_own_cors: bool = False,
) -> str | None:
    """Return why a request is refused, None where it may be answered.

    Args:
        headers: Names and values as they were sent, names in any case.
        container_hosts: Hosts besides loopback: those at which containers see the server.
        has_own_cors: Whether the application behind the path answers for foreign origins itself.
    """
    sent = [(name.lower(), value.strip().lower()) for name, value in headers]
    hosts = [value for name, value in sent if name == "host"]
    if len(hosts) != 1 or not _is_local(hosts[0], container_hosts):
        return "the Host must be a loopback one, such as 127.0.0.1 or localhost"
    if has_own_cors:
        return None
    if any(name == "origin" and value != f"http://{hosts[0]}" for name, value in sent):
        return "pages of another origin are not answered"
    if any(name == "sec-fetch-site" and value in FROM_OTHER_PAGES for name, value in sent):
        return "pages of another site are not answered"
    return None


def _is_local(host: str, container_hosts: Collection[str]) -> bool:
    found = HOST.fullmatch(host)
    if found is None:
        return False
    name = found["name"].strip("[]")
    if name in ("localhost", DESKTOP_HOST, *container_hosts) or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
