"""`python -m localcloud.faults`: the fault-injecting proxy, as a child of the local cloud.

It is `microburst` with three things changed: an aborted connection sends RST as a broken network does (its own abort
closes politely); an answer that is lost after the call was carried out is lost whole, not only its body; a throttled
SQS call keeps the code that "Common errors" of its API Reference names, without the prefix that SQS gives its own in
the query protocol. It ends when its standard input does, so it never outlives the server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import mmap
import os
import socket
import struct
import sys
import threading
from typing import Any

from aiohttp import web
from microburst import effects, forward, protocols
from microburst.app import make_app
from microburst.core import pipeline
from microburst.effects import reset

from .. import hooks

_HOST = "127.0.0.1"


def _reset_connection(request: web.Request) -> None:
    """Close with a reset: "SO_LINGER with a time of zero discards unsent data and sends RST" (socket(7))."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _apply_reset(request: web.Request, decision: Any) -> web.Response | None:
    if not decision.reset:
        return None
    _reset_connection(request)
    return web.Response(status=200)  # never written: the socket is dead


def _losing(original: Any) -> Any:
    async def stream(request: web.Request, status: int, headers: Any, mutator: Any, chunks: Any) -> Any:
        if mutator is None or mutator.abort_bytes != 0:
            return await original(request, status, headers, mutator, chunks)
        async for _ in chunks:
            pass  # the call is complete on the server's side
        _reset_connection(request)
        return web.Response(status=status)

    return stream


def _counting(original: Any, counter: mmap.mmap) -> Any:
    """Requests under way, where the server can read it: one that the caller gave up on may still be carried out."""
    active = 0

    def changed(by: int) -> None:
        nonlocal active
        active += by
        counter[:8] = struct.pack("q", active)

    async def handle(self: Any, request: web.Request) -> Any:
        changed(1)
        try:
            return await original(self, request)
        finally:
            changed(-1)

    return handle


def _die_with_parent() -> None:
    with contextlib.suppress(OSError):
        while sys.stdin.buffer.read(4096):
            pass
    os._exit(0)


async def _serve(upstream: str) -> None:
    runner = web.AppRunner(make_app(pipeline.Microburst(upstream, resign=False)), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, _HOST, 0)
    await site.start()
    port = runner.addresses[0][1]
    print(json.dumps({"endpoint": f"http://{_HOST}:{port}"}), flush=True)
    await asyncio.Event().wait()


def main() -> int:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.faults", description=__doc__)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--counter", required=True)
    arguments = parser.parse_args()
    with open(arguments.counter, "r+b") as file:
        counter = mmap.mmap(file.fileno(), 8)
    hooks.require_parameters(hooks.require(forward, "_stream_to_client"), "request", "status", "mutator", "chunks")
    hooks.require(effects, "reset")
    hooks.replace(protocols, "query_error_namespace", lambda service: None)
    hooks.replace(reset, "apply", _apply_reset)
    hooks.replace(forward, "_stream_to_client", _losing(forward._stream_to_client))
    hooks.replace(
        pipeline.Microburst, "handle_proxy", _counting(hooks.require(pipeline.Microburst, "handle_proxy"), counter)
    )
    threading.Thread(target=_die_with_parent, daemon=True).start()
    asyncio.run(_serve(arguments.upstream))
    return 0


if __name__ == "__main__":
    sys.exit(main())
