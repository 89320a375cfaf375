"""The command line of the gateway."""

import argparse
import os
import sys
from pathlib import Path

import infra.local.gateway
from infra.local.gateway.server import GatewayServer
from infra.local.gateway.system import Gateway
from infra.local.json_server import serve_until_signal


def main(arguments: list[str] | None = None) -> None:
    """Serve until a signal ends the process."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.gateway", description=infra.local.gateway.__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, help="keep the payments in this file over restarts")
    parser.add_argument("--time-scale", type=float, default=1.0, help="0.1: ten times as fast")
    chosen = parser.parse_args(arguments)
    secret = os.environ.get("GATEWAY_SECRET")
    if not secret:
        sys.exit("GATEWAY_SECRET is not set: give the text that callbacks are to be signed with.")

    def server() -> GatewayServer:
        gateway = Gateway(secret, state_file=chosen.state, time_scale=chosen.time_scale)
        return GatewayServer(gateway, chosen.port)

    serve_until_signal("payment gateway", "gateway", chosen.port, server)


if __name__ == "__main__":
    main()
