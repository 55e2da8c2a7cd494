"""Assembles the local cloud and serves it on the loopback interface.

The order matters. The socket is bound first, because the port must be in the environment before the emulators are
imported: functions are told `AWS_ENDPOINT_URL` from it. The readiness line is printed when the application has
finished its own start-up, with the socket already listening: whoever reads it can connect.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import hooks

HOST = "127.0.0.1"

# Each has `install(app)`; in this order, because the CloudTrail recorder wraps whatever the others put in place.
MODULES = (
    "pace",
    "bridge",
    "policies",
    "ec2",
    "databases",
    "containers",
    "load_balancers",
    "caches",
    "database_groups",
    "auto_scaling",
    "public_parameters",
    "auth",
    "messaging",
    "lambdas",
    "cfn",
    "zonal_shift",
    "cloudtrail",
    "control",
)
# What the emulators would read from the host and must not: the local cloud behaves the same on every machine.
_ENVIRONMENT = {
    "BIND_HOST": HOST,
    "MINISTACK_ACCOUNT_ID": "000000000000",
    "MINISTACK_REGION": "us-east-1",
    "PERSIST_STATE": "0",
    "S3_PERSIST": "0",
    "SFTP_ENABLED": "0",
    "IOT_MTLS_ENABLED": "0",
    "CLOUDTRAIL_RECORDING": "0",
    "LAMBDA_EXECUTOR": "local",
    "USE_SSL": "0",
    # 1,300 images, with a snapshot and a volume each, in every account and Region: nobody here starts an instance
    # from one, and each snapshot of the local cloud would copy them.
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
}

log = logging.getLogger("localcloud")


def _listen(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((HOST, port))
    sock.listen(512)
    sock.setblocking(False)
    return sock


def _prepare_environment(port: int, auth: bool, log_level: str) -> str:
    endpoint = f"http://{HOST}:{port}"
    for name in ("DOCKER_HOST", "LOCALSTACK_PERSISTENCE", "EDGE_PORT", "SERVICES", "AWS_PROFILE", "AWS_CONFIG_FILE"):
        os.environ.pop(name, None)
    os.environ.update(_ENVIRONMENT)
    os.environ.update(
        GATEWAY_PORT=str(port), AWS_ENDPOINT_URL=endpoint, AUTH="true" if auth else "false", LOG_LEVEL=log_level
    )
    return endpoint


def install_all(app: ModuleType) -> list[str]:
    """Install every module of the package on the emulator's application; returns the names installed."""
    installed = []
    for name in MODULES:
        importlib.import_module(f"{__package__}.{name}").install(app)
        installed.append(name)
    return installed


def _announcing(application: Callable[..., Any], announce: Callable[[], None]) -> Callable[..., Any]:
    """The ASGI application, calling `announce` once its own start-up is complete."""

    async def wrapped(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await application(scope, receive, send)
            return

        async def lifespan_send(message: dict[str, Any]) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                announce()

        await application(scope, receive, lifespan_send)

    return wrapped


def run(
    port: int = 0,
    auth: bool = True,
    log_level: str = "WARNING",
    nat_pending: float = 0.0,
    nat_deleting: float = 0.0,
    schedules_by_hand: bool = False,
) -> int:
    """Serve until SIGTERM or SIGINT; prints one JSON line on standard output when ready."""
    logging.basicConfig(stream=sys.stderr, level=log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    hooks.assert_versions()
    try:
        sock = _listen(port)
    except OSError as error:
        print(f"localcloud: cannot listen on {HOST}:{port}: {error.strerror}", file=sys.stderr)
        return 1
    endpoint = _prepare_environment(sock.getsockname()[1], auth, log_level)

    app = importlib.import_module("ministack.app")
    hooks.require(app, "app")
    installed = install_all(app)
    log.info("installed %s", ", ".join(installed))
    nat = importlib.import_module(f"{__package__}.ec2.nat_settings")
    nat.settings.start_with(pending=nat_pending, deleting=nat_deleting)
    if schedules_by_hand:
        importlib.import_module(f"{__package__}.messaging.event_bus").stop_clock()

    def announce() -> None:
        gc.collect()
        gc.freeze()  # what start-up left is there to stay: no later collection walks it
        print(json.dumps({"ready": True, "endpoint": endpoint}), flush=True)

    asyncio.run(_serve(_announcing(app.app, announce), sock))
    return 0


async def _serve(application: Callable[..., Any], sock: socket.socket) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    await serve(application, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
