"""The limits on failed sign-ins: what is counted together, and how long each counter blocks.

A device that signed in before with this login has a counter of its own, so that strangers cannot
lock an owner out. Everything else counts twice: with its login id for the network, and with all
login ids for the address.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from uuid import UUID

from commerce.user import devices
from commerce.user.devices import Device

# spec §3.2, as are all limits here
WAITS_SECONDS = (0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 120, 300, 900)
"""The wait after the first, second, … failure in a row; the last one applies from then on."""
FORGOTTEN_AFTER = timedelta(days=1)  # without a failure, counted from the end of the block
ADDRESS_BURST = 10  # failures of an address at once, whatever the login ids
ADDRESS_INTERVAL = timedelta(seconds=10)  # for each one after them

# A neighbourhood shares a counter per login id only, which costs its other users nothing. It is
# as large as what is rented or delegated for little money: an IPv4 /24, an IPv6 /48.
NETWORK_BITS = {4: 24, 6: 48}
# An address shares its counter with all who sign in from it: a single one, or in IPv6, where each
# home chooses its addresses itself, the smallest block that a home is given (RIPE-690).
ADDRESS_BITS = {4: 32, 6: 56}


class Kind(Enum):
    """The subject whose failures a counter counts."""

    USER = "user"
    DEVICE = "device"
    NETWORK = "network"
    ADDRESS = "address"
    TAKEN = "taken"

    @property
    def drains(self) -> bool:
        """True of counters that time alone empties."""
        return self in (Kind.ADDRESS, Kind.TAKEN)


@dataclass(frozen=True, slots=True)
class Counter:
    """The name of one count of failures; `key` shows neither address nor login id."""

    kind: Kind
    key: str

    @classmethod
    def of(cls, kind: Kind, subject: str) -> "Counter":
        """Name the counter of the subject."""
        return cls(kind, f"{kind.value} {devices.KEYRING.digest(kind.value, subject)}")


def counter_of(device: Device) -> Counter:
    """Return the one counter of an attempt on a known device."""
    return Counter.of(Kind.DEVICE, str(device.id))


def counter_of_user(user_id: UUID) -> Counter:
    """Return the counter of passwords that are tried within a session."""
    return Counter.of(Kind.USER, str(user_id))


def counters_of(login_id: str, source_ip: str) -> list[Counter]:
    """Return the counters of an attempt on any other device."""
    return [
        Counter.of(Kind.NETWORK, f"{_block(source_ip, NETWORK_BITS)} {login_id}"),
        Counter.of(Kind.ADDRESS, _block(source_ip, ADDRESS_BITS)),
    ]


def counter_of_taken(source_ip: str) -> Counter:
    """Return the counter of answers that a login id or an e-mail address is taken."""
    return Counter.of(Kind.TAKEN, _block(source_ip, ADDRESS_BITS))


def _block(source_ip: str, bits: dict[int, int]) -> str:
    """Return the block that an address is in. What is no address counts as one of its own."""
    try:
        address: IPv4Address | IPv6Address = ip_address(source_ip)
    except ValueError:
        return source_ip
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return str(ip_network(f"{address}/{bits[address.version]}", strict=False))


@dataclass(slots=True)
class Attempts:
    """The failures of one counter.

    A device's and a network's count what fails in a row. Those of an address never forget because
    of a success, with which an attacker could buy guesses: they drain with time.
    """

    counter: Counter
    failures: int = 0
    blocked_until: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def wait_seconds(self, now: datetime) -> int:
        """Return the whole seconds until the next attempt is taken; 0 if it is taken now."""
        return max(0, math.ceil((self.blocked_until - now).total_seconds()))

    def fail(self, now: datetime) -> None:
        """Count a failure, after which the wait may be longer."""
        if self.counter.kind.drains:
            self.failures += 1
            drained = now - ADDRESS_INTERVAL * (ADDRESS_BURST - 1)
            self.blocked_until = max(self.blocked_until, drained) + ADDRESS_INTERVAL
            return
        is_forgotten = now - self.blocked_until > FORGOTTEN_AFTER
        self.failures = 1 if is_forgotten else self.failures + 1
        wait_seconds = WAITS_SECONDS[min(self.failures, len(WAITS_SECONDS)) - 1]
        self.blocked_until = now + timedelta(seconds=wait_seconds)

    def succeed(self) -> None:
        """Forget what failed in a row."""
        if not self.counter.kind.drains:
            self.failures = 0
