"""`python -m localcloud`: start the local cloud on the loopback interface."""

from __future__ import annotations

import argparse
import sys

from . import server


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is between 0 (any free one) and 65535")
    return port


def _host(text: str) -> str:
    if text != server.HOST:
        raise argparse.ArgumentTypeError(
            f"the local cloud listens on {server.HOST} only: it has no secrets worth the name"
        )
    return text


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    parser.add_argument("--port", type=_port, default=0, help="port to listen on; 0 (default) takes any free one")
    parser.add_argument("--host", type=_host, default=server.HOST, help=f"only {server.HOST} is accepted")
    parser.add_argument(
        "--no-auth", action="store_true", help="do not evaluate IAM policies (default: they are enforced)"
    )
    parser.add_argument("--nat-pending", type=float, default=0.0, help="seconds a NAT gateway stays pending")
    parser.add_argument("--nat-deleting", type=float, default=0.0, help="seconds a NAT gateway stays deleting")
    parser.add_argument(
        "--schedules-by-hand", action="store_true", help="scheduled rules fire when `POST schedule` says so only"
    )
    parser.add_argument("--log-level", default="WARNING", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    arguments = parser.parse_args(argv)
    return server.run(
        port=arguments.port,
        auth=not arguments.no_auth,
        log_level=arguments.log_level,
        nat_pending=arguments.nat_pending,
        nat_deleting=arguments.nat_deleting,
        schedules_by_hand=arguments.schedules_by_hand,
    )


if __name__ == "__main__":
    sys.exit(main())
