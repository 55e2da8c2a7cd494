"""A fault-injecting proxy in front of the local cloud (`microburst`).

Such a proxy passes requests on with the Host of the server, while the caller signed the Host of the proxy; SigV4 signs
the Host ("Signature Version 4", IAM User Guide). Once the proxy is named here, signatures made for it are good too, and
functions call through it from their next environment on.
"""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

_endpoint: str | None = None


def use(endpoint: str | None) -> None:
    """Put a proxy in front, or take it away; `ValueError` if it is not http on a loopback address with a port."""
    global _endpoint
    if endpoint is not None:
        parts = urlsplit(endpoint)
        try:
            good = ipaddress.ip_address(parts.hostname or "").is_loopback and parts.port is not None
        except ValueError:
            good = False
        if parts.scheme != "http" or not good:
            raise ValueError(f"a proxy is http://<loopback address>:<port>, not {endpoint!r}")
        endpoint = f"http://{parts.netloc}"
    _endpoint = endpoint


def host() -> str | None:
    """The proxy's host and port, as its callers sign them."""
    return urlsplit(_endpoint).netloc if _endpoint else None


def function_endpoint() -> str:
    """Where functions call."""
    return _endpoint or os.environ["AWS_ENDPOINT_URL"]
