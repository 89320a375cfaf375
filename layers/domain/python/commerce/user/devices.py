"""Device tokens: a device that signed in before with a login has its own count of failures.

A device token names a user and a device. It is signed with keys of its own, which sign nothing
else: it signs nobody in.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from commerce.runtime.keyring import Expired, Forged, Keyring

LIFETIME = timedelta(days=180)  # spec §3.2, since the last sign-in
AUDIENCE = "lastunit-device"
KEYRING = Keyring("SIGN_IN")


@dataclass(frozen=True, slots=True)
class Device:
    """A device on which this user has signed in."""

    id: UUID
    user_id: UUID


def token_of(device: Device) -> str:
    """Make the device's token."""
    claims = {"sub": str(device.user_id), "device": str(device.id)}
    return KEYRING.sign(claims, audience=AUDIENCE, lifetime=LIFETIME)


def read(token: str | None) -> Device | None:
    """Return the device of a valid token; a forged or expired one counts as none."""
    with suppress(Forged, Expired, ValueError, AttributeError):
        if token:
            claims = KEYRING.verify(
                token, audience=AUDIENCE, max_lifetime=LIFETIME, required=("device",)
            )
            return Device(UUID(claims["device"]), UUID(claims["sub"]))
    return None
