"""Requests that came through a fault-injecting proxy on the loopback interface.

The proxy replaces the Host header, which the caller signed (Signature Version 4 signs `host`: "The host header must be
included"). A signature that fails for the Host as received is therefore tried once more for the proxy's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from . import hooks

# host:port of the proxy, or None
proxy: str | None = None


def install(app: ModuleType) -> None:
    """Let the signature check know the proxy."""
    del app
    from ministack.core import sigv4

    original = hooks.require(sigv4, "header_signature_failure")
    hooks.require_parameters(original, "signature", "secret", "method", "raw_path", "query_params", "headers", "body")

    def header_signature_failure(
        signature: Any,
        secret: str,
        method: str,
        raw_path: str,
        query_params: Mapping[str, Any],
        headers: Mapping[str, Any],
        body: bytes,
        **keywords: Any,
    ) -> Any:
        failure = original(signature, secret, method, raw_path, query_params, headers, body, **keywords)
        if failure is None or proxy is None:
            return failure
        signed = {**headers, "host": proxy}
        return original(signature, secret, method, raw_path, query_params, signed, body, **keywords)

    hooks.replace(sigv4, "header_signature_failure", header_signature_failure)
