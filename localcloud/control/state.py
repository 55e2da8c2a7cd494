"""Snapshots: the complete state of both emulators and of this package, in memory, by name.

What counts as state is found, not listed. In an emulator's service module it is every store scoped by account, and
every container that the module's own `reset` empties; in `moto` every backend; in this package every module's `state`.
One deep copy takes all of it, so that what is shared between two stores stays shared. Bytes (function packages, objects
in buckets) are immutable and not copied.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .. import bridge
from ..lambdas import event_source

_SERVICES = "ministack.services"
# Caches of extracted packages: named by their content, good for ever.
_NOT_STATE = {("ministack.services.lambda_svc", "_provided_code_dirs")}


class SnapshotError(RuntimeError):
    """Something in the state cannot be copied."""


@dataclass
class _Snapshot:
    taken: float
    contents: dict[str, Any]


_snapshots: dict[str, _Snapshot] = {}


def names() -> list[str]:
    """The snapshots there are."""
    return sorted(_snapshots)


def _containers() -> Iterator[tuple[tuple[str, str], Any]]:
    """Each mutable store of the emulator's services, with its place; each once."""
    from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

    stores, plains = (AccountScopedDict, AccountRegionScopedDict), (dict, list, set, deque)
    seen: set[int] = set()
    for module_name, module in sorted(sys.modules.items()):
        if not (module_name == _SERVICES or module_name.startswith(_SERVICES + ".")) or module is None:
            continue
        reset = getattr(module, "reset", None)
        emptied = set(reset.__code__.co_names) if hasattr(reset, "__code__") else set()
        for name, value in list(vars(module).items()):
            kept = isinstance(value, stores) or (isinstance(value, plains) and name in emptied)
            if kept and id(value) not in seen and (module_name, name) not in _NOT_STATE:
                seen.add(id(value))
                yield (module_name, name), value


def own_states() -> Iterator[tuple[str, Any]]:
    """What the modules of this package remember: their `state`, and their `settings`, which are restored too."""
    package = __name__.split(".", 1)[0]
    seen: set[int] = set()
    for module_name, module in sorted(sys.modules.items()):
        if not module_name.startswith(package + ".") or not isinstance(module, ModuleType):
            continue
        for name in ("state", "settings"):
            own = module.__dict__.get(name)
            if own is None or isinstance(own, ModuleType) or not hasattr(own, "__dict__") or id(own) in seen:
                continue
            seen.add(id(own))
            yield f"{module_name}.{name}", own


def _raw(container: Any) -> Any:
    return container._data if hasattr(container, "_data") else container


def _moto() -> dict[int, Any]:
    from moto.core.base_backend import BackendDict

    return {
        id(backends): (backends, {account: dict(regions) for account, regions in backends.items()})
        for backends in BackendDict._instances
    }


def _images(backend: Any) -> Iterator[Any]:
    """The public machine images that moto makes up, and what belongs to them: most of its objects, and constant."""
    for image in list(getattr(backend, "amis", {}).values()):
        snapshot = getattr(image, "ebs_snapshot", None)
        if image.owner_id == backend.account_id or snapshot is None:
            continue
        yield image
        yield snapshot
        yield snapshot.volume


def _copy(contents: dict[str, Any]) -> dict[str, Any]:
    """A deep copy that shares the registries of moto and what never changes."""
    from moto.core.base_backend import AccountSpecificBackend, BackendDict

    memo: dict[int, Any] = {}
    for backends in BackendDict._instances:
        memo[id(backends)] = backends
        for regions in backends.values():
            if isinstance(regions, AccountSpecificBackend):
                memo[id(regions)] = regions
    for accounts in contents["moto"].values():
        for backend in (found for regions in accounts.values() for found in regions.values()):
            memo.update({id(part): part for part in _images(backend)})
    # Hundreds of thousands of new objects make the collector run again and again, and none of them is garbage.
    collecting = gc.isenabled()
    gc.disable()
    try:
        copied: dict[str, Any] = copy.deepcopy(contents, memo)
        return copied
    except TypeError as error:
        raise SnapshotError(f"the state holds something that cannot be copied: {error}") from error
    finally:
        if collecting:
            gc.enable()


def _contents() -> dict[str, Any]:
    return {
        "services": {place: _raw(container) for place, container in _containers()},
        "moto": {number: mapping for number, (_, mapping) in _moto().items()},
        "own": {name: state.__dict__ for name, state in own_states()},
    }


@contextlib.contextmanager
def _frozen() -> Iterator[None]:
    """Hold what other threads need in order to change the state."""
    with bridge.lock, event_source.poll_lock:
        yield


def snapshot(name: str) -> float:
    """Take a snapshot; returns the seconds it took. The caller sees to it that nothing is under way."""
    began = time.perf_counter()
    with _frozen():
        _snapshots[name] = _Snapshot(time.time(), _copy(_contents()))
    return time.perf_counter() - began


def restore(name: str) -> float:
    """Bring a snapshot back; returns the seconds it took. `KeyError` if there is none of that name."""
    from moto.core.model_instances import reset_model_data

    began = time.perf_counter()
    saved = _snapshots[name]
    with _frozen():
        contents = _copy(saved.contents)
        for place, container in _containers():
            _fill(_raw(container), contents["services"].get(place))
        _restore_moto(contents["moto"])
        for module_name, state in own_states():
            if module_name in contents["own"]:
                state.__dict__.clear()
                state.__dict__.update(contents["own"][module_name])
        # Copying registers each moto object again, for a dashboard that nobody opens.
        reset_model_data()
    return time.perf_counter() - began


def _fill(container: Any, contents: Any) -> None:
    container.clear()
    if contents is None:
        return
    if isinstance(container, list | deque):
        container.extend(contents)
    else:
        container.update(contents)


def _restore_moto(contents: dict[int, Any]) -> None:
    from moto.core.base_backend import BackendDict

    for backends in list(BackendDict._instances):
        accounts = contents.get(id(backends), {})
        for account in list(backends.keys()):
            regions = backends[account]
            regions.clear()
            for region, backend in accounts.get(account, {}).items():
                dict.__setitem__(regions, region, backend)


def forget() -> None:
    """Drop every snapshot."""
    _snapshots.clear()
