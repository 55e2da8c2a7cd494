"""The one door through which this package reaches into private parts of the emulators.

Both emulators are patched in places that they never promised to keep. Each patch therefore goes through `replace`,
which refuses to start the server when the thing it replaces is not there: a silent no-op would make the local cloud
quietly less like AWS.
"""

from __future__ import annotations

import inspect
from importlib import metadata
from pathlib import Path
from typing import Any

PINNED = ("ministack", "moto", "boto3")


class HookMissing(RuntimeError):
    """An emulator no longer has the private thing that a fix replaces."""


class WrongVersion(RuntimeError):
    """An emulator is installed in another version than the one that the fixes were written against."""


def require(owner: Any, name: str) -> Any:
    """The attribute `name` of `owner`, which must exist."""
    if not hasattr(owner, name):
        raise HookMissing(f"{getattr(owner, '__name__', owner)} has no {name!r}: the emulator changed, fix localcloud")
    return getattr(owner, name)


def replace(owner: Any, name: str, value: Any) -> Any:
    """Put `value` in the place of an existing attribute; returns the original."""
    original = require(owner, name)
    setattr(owner, name, value)
    return original


def require_parameters(function: Any, *names: str) -> None:
    """Assert that a function which a fix calls or wraps still takes these parameters."""
    have = inspect.signature(function).parameters
    missing = [name for name in names if name not in have]
    if missing:
        raise HookMissing(f"{function.__module__}.{function.__qualname__} no longer takes {missing}: fix localcloud")


def pinned_versions() -> dict[str, str]:
    """The exact versions that requirements.in asks for."""
    text = Path(__file__).with_name("requirements.in").read_text(encoding="utf-8")
    wanted: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, version = line.partition("==")
        if separator and not line.startswith("#"):
            wanted[name.split("[")[0].strip()] = version.strip()
    return wanted


def assert_versions() -> None:
    """Refuse to run on any version of the emulators but the pinned ones."""
    wanted = pinned_versions()
    for name in PINNED:
        installed = metadata.version(name)
        if installed != wanted[name]:
            raise WrongVersion(
                f"{name} {installed} is installed, the fixes are written against {wanted[name]}: "
                "pip install --require-hashes -r localcloud/requirements.txt"
            )
