"""A Lambda runtime API of one invocation: enough to measure how a function starts and what it holds in memory.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Runtime:
    """Starts a binary as Lambda would, hands it events one by one, and notes when it first asked for work."""

    def __init__(self, binary: Path, environment: dict[str, str]) -> None:
        self.first_poll: float | None = None
        self.answers: list[Any] = []
        self._events: list[bytes] = []
        self._arrived = threading.Condition()
        runtime = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                """Silence: standard error is the measured program's."""

            def do_GET(self) -> None:
                if runtime.first_poll is None:
                    runtime.first_poll = time.perf_counter()
                with runtime._arrived:
                    runtime._arrived.notify_all()
                    runtime._arrived.wait_for(lambda: runtime._events, timeout=60)
                    if not runtime._events:
                        return
                    body = runtime._events.pop(0)
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 60) * 1000)))
                arn = "arn:aws:lambda:eu-north-1:000000000000:function:bench"
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", arn)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with runtime._arrived:
                    runtime.answers.append((self.path, body))
                    runtime._arrived.notify_all()
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A program that is ended in the middle of its poll is no error."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        port = self._server.server_address[1]
        lambda_environment = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_GROUP_NAME": "bench",
            "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
            "AWS_REGION": "eu-north-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [str(binary)], env=lambda_environment | environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def ready(self, timeout: float = 20) -> float:
        """Seconds from start to the first poll."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: self.first_poll is not None, timeout):
                self.process.kill()
                raise RuntimeError(f"never polled: {self.process.stderr.read().decode()[-1000:]}")
        return self.first_poll - self.started

    def invoke(self, event: Any, timeout: float = 30) -> Any:
        """Hands it one event and returns what it answered."""
        with self._arrived:
            count = len(self.answers)
            self._events.append(json.dumps(event).encode())
            self._arrived.notify_all()
            if not self._arrived.wait_for(lambda: len(self.answers) > count, timeout):
                raise RuntimeError("no answer")
            path, body = self.answers[-1]
        if path.endswith("/error"):
            raise RuntimeError(body.decode())
        return json.loads(body)

    def peak_megabytes(self) -> float:
        """The largest resident size so far (`VmHWM`), in MB of 10^6 bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise RuntimeError("no VmHWM")

    def stop(self) -> None:
        """Ends the program and the server."""
        self.process.kill()
        self.process.wait()
        self._server.shutdown()
