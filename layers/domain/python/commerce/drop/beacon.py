"""The public randomness beacon: drand's HTTP relays, or the simulator that answers like them."""

import json
import logging
from collections.abc import Sequence
from typing import Any, Protocol

import urllib3

from commerce.drop.draw import randomness_of

CONNECT_SECONDS, READ_SECONDS = 1.0, 3.0
_ANSWER_BYTES = 4096
_TOGETHER = 2  # docs/drops.md, rule 1: relays that must agree

logger = logging.getLogger(__name__)


class BeaconUnreachable(Exception):
    """The round cannot be had now, or the relays disagree about it; try again later."""


class Beacon(Protocol):
    """A source of the rounds' signatures."""

    def signature(self, chain: str, number: int) -> str:
        """Return the signature of a published round, in hexadecimal. Raises BeaconUnreachable."""


class HttpBeacon:
    """The beacon behind several relays, of which two must answer the same."""

    def __init__(self, relays: Sequence[str]) -> None:
        self._relays = [relay.rstrip("/") for relay in relays]
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        self._http = urllib3.PoolManager(retries=False, timeout=timeout)

    def signature(self, chain: str, number: int) -> str:
        """Return the signature that two relays agree on. Raises BeaconUnreachable."""
        found: list[str] = []
        for relay in self._relays:
            try:
                found.append(self._ask(f"{relay}/{chain}/public/{number}", number))
            except (urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError) as error:
                logger.warning("the beacon's relay %s has no round %d: %s", relay, number, error)
            if len(found) == _TOGETHER:
                break
        if len(found) < _TOGETHER:
            raise BeaconUnreachable(f"{len(found)} of {_TOGETHER} relays have round {number}")
        if len(set(found)) > 1:
            raise BeaconUnreachable(f"the relays disagree about round {number}")
        return found[0]

    def _ask(self, url: str, number: int) -> str:
        answer = self._http.request("GET", url, redirect=False, preload_content=False)
        try:
            content = answer.read(_ANSWER_BYTES + 1)
        finally:
            answer.release_conn()
        if answer.status != 200 or len(content) > _ANSWER_BYTES:
            raise ValueError(f"answered {answer.status}")
        said: dict[str, Any] = json.loads(content)
        signature = str(said["signature"])
        if said["round"] != number or said["randomness"] != randomness_of(signature):
            raise ValueError("the answer contradicts itself")
        return signature
