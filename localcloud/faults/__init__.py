"""Faults on the wire between the functions and the local cloud: `microburst` as a proxy that only functions go through.

The proxy is a process of its own, started when the first rule is set. Functions are pointed at it from their next
invocation on (their environments are replaced, as after any change of configuration); everybody else goes on calling
the server itself, so a test never stumbles over the faults that it set. A call that the proxy refuses never reaches the
server and is not in the journal; one whose answer is lost was carried out and is.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path
from typing import Any

from .. import proxy
from . import rules

_START_SECONDS = 60.0
_CALL_SECONDS = 20.0


class NotStarted(RuntimeError):
    """The proxy did not come up."""


class _Child:
    """The proxy's process."""

    def __init__(self) -> None:
        descriptor, path = tempfile.mkstemp(prefix="localcloud-faults-")
        with os.fdopen(descriptor, "r+b") as file:
            file.write(bytes(8))
            file.flush()
            self._counter = mmap.mmap(file.fileno(), 8)
        arguments = ["--upstream", os.environ["AWS_ENDPOINT_URL"], "--counter", path]
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__name__}", *arguments],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        watchdog = threading.Timer(_START_SECONDS, self._process.kill)
        watchdog.start()
        try:
            line = self._process.stdout.readline() if self._process.stdout else ""
        finally:
            watchdog.cancel()
            os.unlink(path)
        if not line:
            self._process.kill()
            raise NotStarted(f"the fault-injecting proxy ended with {self._process.wait()}")
        self.endpoint: str = json.loads(line)["endpoint"]

    def alive(self) -> bool:
        return self._process.poll() is None

    def in_flight(self) -> int:
        return int(struct.unpack("q", self._counter[:8])[0]) if self.alive() else 0

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.endpoint}/_microburst/{path}",
            json.dumps(body).encode() if body is not None else None,
            {"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=_CALL_SECONDS) as answer:
            return json.load(answer)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


_child: _Child | None = None
_lock = threading.Lock()
_given: list[Any] = []


def _access_key(function: str) -> str:
    """The key that the function of this name (or ARN) signs with."""
    from ministack.core.lambda_runtime import execution_credentials
    from ministack.services import lambda_svc

    _, config, _ = lambda_svc._get_func_record_for_ref(function)
    if not config:
        raise ValueError(f"no function {function!r}")
    return execution_credentials(config)["AWS_ACCESS_KEY_ID"]


def set_rules(given: list[Any]) -> dict[str, Any]:
    """Replace the rules; blocking. The first call starts the proxy. `ValueError` says what is wrong with a rule."""
    global _child, _given
    compiled = rules.compile_rules(given, _access_key)
    with _lock:
        if _child is None or not _child.alive():
            _child = _Child()
        _child.call("POST", "rules", compiled)
        _child.call("DELETE", "fired")
        _given = list(given)
        proxy.use(_child.endpoint)
        return {"endpoint": _child.endpoint, "rules": _given}


def report() -> dict[str, Any]:
    """The rules, and what they did; blocking."""
    with _lock:
        if _child is None or not _child.alive():
            return {"endpoint": None, "rules": [], "fired": [], "in_flight": 0}
        fired = _child.call("GET", "fired?limit=2000")
        return {"endpoint": _child.endpoint, "rules": _given, "fired": fired, "in_flight": _child.in_flight()}


def in_flight() -> int:
    """Calls inside the proxy, also those that their callers gave up."""
    child = _child
    return child.in_flight() if child is not None else 0


def clear(proxy_too: bool = True) -> None:
    """No faults, and functions call the server itself again; blocking. A call still inside the proxy dies with it."""
    global _child, _given
    with _lock:
        _given = []
        if _child is None:
            return
        if proxy.host() == _child.endpoint.removeprefix("http://"):
            proxy.use(None)
        if not _child.alive() or _child.in_flight() or proxy_too:
            _child.stop()
            _child = None
        else:
            _child.call("POST", "rules", [])
