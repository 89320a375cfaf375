"""A simulator of the public randomness beacon: two of drand's relays, which agree.

    python -m infra.local.beacon --port 18083

GET  /{a|b}/<chain>/public/<round>   a round whose time has come, as drand's relays answer; else 404
PUT  /behaviour                      {"mode": ok | fail | hang | disagree}
GET  /behaviour                      the behaviour now

`fail` answers 500, `hang` gives no answer until the behaviour is changed, and in `disagree` the
relays have different signatures. Rounds have quicknet's times. A signature is a hash of the chain
and the round, so that everybody can know it beforehand: proofs of such draws say SIMULATED.
"""

import argparse
import hashlib
import re
import threading
import time
from functools import partial
from http import HTTPStatus
from pathlib import Path

from infra.local.json_server import (
    Answer,
    JsonHandler,
    JsonServer,
    Refused,
    Route,
    invalid,
    serve_until_signal,
)
from infra.local.process import Server
from infra.local.simulator import start_simulator

GENESIS, PERIOD_SECONDS = 1_692_803_367, 3  # quicknet's; a test compares them with the domain's
RELAYS = ("a", "b")
MODES = ("ok", "fail", "hang", "disagree")
CLIENT_CHECK_SECONDS = 0.2

_PATH = re.compile(r"/(?P<relay>[ab])/(?P<chain>\w+)/public/(?P<round>[1-9]\d{0,11})")


class BeaconServer(JsonServer):
    """The two relays on a loopback port."""

    def __init__(self, port: int) -> None:
        super().__init__(BeaconHandler, port)
        self._changed = threading.Condition()
        self.mode = "ok"

    def behave(self, mode: str) -> None:
        """Meet requests differently from now on; hanging ones are dropped without an answer."""
        with self._changed:
            self.mode = mode
            self._changed.notify_all()

    def hangs(self, wait_seconds: float) -> bool:
        """Wait, and tell whether requests still get no answer."""
        with self._changed:
            self._changed.wait_for(lambda: self.mode != "hang", wait_seconds)
            return self.mode == "hang"


class BeaconHandler(JsonHandler):
    """One connection to a relay."""

    server: BeaconServer
    server_version = "beacon-simulator"

    def route(self, method: str, path: str) -> Route | None:
        """Return what answers this path."""
        if method == "GET" and (asked := _PATH.fullmatch(path)):
            return partial(self._answer_round, asked["relay"], asked["chain"], int(asked["round"]))
        return {
            ("GET", "/behaviour"): self._show_behaviour,
            ("PUT", "/behaviour"): self._change_behaviour,
            ("GET", "/health"): lambda: (HTTPStatus.OK, {"status": "ok"}),
        }.get((method, path))

    def _show_behaviour(self) -> Answer:
        return HTTPStatus.OK, {"mode": self.server.mode}

    def _change_behaviour(self) -> Answer:
        body = self.json_body()
        if set(body) != {"mode"} or body["mode"] not in MODES:
            raise invalid(f"mode must be one of {', '.join(MODES)}")
        self.server.behave(body["mode"])
        return self._show_behaviour()

    def _answer_round(self, relay: str, chain: str, number: int) -> Answer | None:
        mode = self.server.mode
        if mode == "fail":
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "told to fail")
        if mode == "hang":
            while self.server.hangs(CLIENT_CHECK_SECONDS) and self.client_waits():
                pass
            return None
        if time.time() < GENESIS + (number - 1) * PERIOD_SECONDS:
            raise Refused(HTTPStatus.NOT_FOUND, f"round {number} is not published yet")
        signature = signature_of(chain, number, relay if mode == "disagree" else "")
        randomness = hashlib.sha256(bytes.fromhex(signature)).hexdigest()
        answer = {"round": number, "randomness": randomness, "signature": signature}
        return HTTPStatus.OK, answer


def signature_of(chain: str, number: int, relay: str = "") -> str:
    """Return the simulated signature of a round: 48 bytes in hexadecimal, as quicknet's."""
    return hashlib.sha384(f"simulated\n{chain}\n{number}\n{relay}".encode()).hexdigest()


def relay_urls(url: str) -> str:
    """Return the two relays at this address, as BEACON_URLS names them."""
    return ",".join(f"{url}/{relay}" for relay in RELAYS)


def start_beacon(directory: Path, port: int) -> Server:
    """Start the simulator."""
    return start_simulator("beacon", directory, port)


def main(arguments: list[str] | None = None) -> None:
    """Serve until a signal ends the process."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.beacon", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--port", type=int, required=True)
    chosen = parser.parse_args(arguments)
    serve_until_signal("beacon", "beacon", chosen.port, lambda: BeaconServer(chosen.port))


if __name__ == "__main__":
    main()
