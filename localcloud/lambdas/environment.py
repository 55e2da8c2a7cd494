"""The environment that a function process sees: what Lambda sets, the function's own variables, and nothing else.

Sources: Lambda Developer Guide, "Using Lambda environment variables" (defined runtime variables), "Managing Lambda
dependencies with layers" (layers are extracted into /opt, later ones over earlier ones).

A process cannot have a private /opt without privileges, so each set of layers is extracted once into a directory of its
own, `PLUMBLINE_TOPOLOGIES` points at its `topologies` (a function defaults to /opt/topologies), and a variable of the
function whose value lies under /opt is moved with it.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import os
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

from .. import proxy

TOPOLOGIES = "PLUMBLINE_TOPOLOGIES"
# Lambda's own search path, less what only its image holds.
_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/bin"
_MAX_LAYERS = 5

_lock = threading.Lock()
_directories: dict[str, Path] = {}
_root: Path | None = None


def root() -> Path:
    """The directory of this server for extracted layers and function logs; removed when the server ends."""
    global _root
    with _lock:
        if _root is None:
            given = os.environ.get("LOCALCLOUD_DIRECTORY")
            _root = Path(given) if given else Path(tempfile.mkdtemp(prefix="localcloud-"))
            _root.mkdir(parents=True, exist_ok=True)
            if not given:
                atexit.register(shutil.rmtree, _root, ignore_errors=True)
        return _root


def layer_arns(config: dict[str, Any]) -> list[str]:
    """The layer versions of a function, in the order in which they are extracted."""
    return [layer["Arn"] if isinstance(layer, dict) else layer for layer in config.get("Layers") or []]


def opt_directory(config: dict[str, Any]) -> Path | None:
    """Where the function's layers are extracted; none for a function without layers."""
    from ministack.services import lambda_svc

    layers = config.get("Layers") or []
    if not layers:
        return None
    archives = [lambda_svc._resolve_layer_zip(layer) or b"" for layer in layers[:_MAX_LAYERS]]
    digest = hashlib.sha256(b"".join(hashlib.sha256(archive).digest() for archive in archives)).hexdigest()
    base = root()
    with _lock:
        known = _directories.get(digest)
        if known is not None and known.is_dir():
            return known
        target = base / "opt" / digest[:16]
        if not target.is_dir():
            # Extracted aside and renamed: no function ever sees half of a layer.
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix="partial-", dir=target.parent))
            for archive in archives:
                if archive:
                    with zipfile.ZipFile(io.BytesIO(archive)) as contents:
                        contents.extractall(partial)  # refuses paths that leave the directory
            partial.rename(target)
        _directories[digest] = target
        return target


def variables(config: dict[str, Any], code_directory: str, runtime_api_port: int) -> dict[str, str]:
    """The complete environment of a function process."""
    from ministack.core.lambda_runtime import execution_credentials
    from ministack.core.responses import get_region
    from ministack.services import lambda_svc

    name = config.get("FunctionName", "unknown")
    logging = config.get("LoggingConfig") or {}
    environment = {
        "PATH": _PATH,
        "TZ": ":UTC",
        "_HANDLER": config.get("Handler", "bootstrap"),
        "AWS_REGION": get_region(),
        "AWS_DEFAULT_REGION": get_region(),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": logging.get("LogGroup") or f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"localcloud/[{config.get('Version', '$LATEST')}]{os.urandom(16).hex()}",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime_api_port}",
        "LAMBDA_TASK_ROOT": code_directory,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "AWS_ENDPOINT_URL": proxy.function_endpoint(),
        **execution_credentials(config),
    }
    if logging.get("LogFormat") == "JSON":
        environment["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        environment["AWS_LAMBDA_LOG_LEVEL"] = logging.get("ApplicationLogLevel", "INFO")
    own = {key: str(value) for key, value in lambda_svc._runtime_env_vars(config).items()}
    own.pop("AWS_ENDPOINT_URL", None)  # a function must not be pointed at anything but this server
    opt = opt_directory(config)
    if opt is not None:
        own = {key: _moved(value, opt) for key, value in own.items()}
        own.setdefault(TOPOLOGIES, str(opt / "topologies"))
    return {**environment, **own}


def _moved(value: str, opt: Path) -> str:
    if value == "/opt" or value.startswith("/opt/"):
        return str(opt) + value[len("/opt") :]
    return value
