"""Works out once what the emulators work out again for every call.

Nothing here changes an answer: each function that is replaced depends on nothing but its arguments, and on classes,
folders and service models that stay as they are while the server runs. Together they were a fifth of its time.
"""

from __future__ import annotations

import functools
import gc
import os
from collections import OrderedDict
from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import hooks

# The state of five networks is a million objects that stay: at Python's 700 the collector walks the young ones all the
# time and finds nothing.
_YOUNG, _MIDDLE, _OLD = 50_000, 20, 50
# A control plane's functions, and some more: each holds its package.
_PACKAGES = 16


def _by_text(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`parse`, remembering what it made of texts; a document that is not text may be changed by its owner."""
    remembered = functools.lru_cache(maxsize=4096)(parse)
    return lambda document: remembered(document) if isinstance(document, str) else parse(document)


def _possible_keys(original: Callable[[Any, Any], Any]) -> Callable[[Any, Any], tuple[str, ...]]:
    """The names under which a picker looks for a member: the same for the same member of the same two classes."""
    known: dict[tuple[Any, ...], tuple[str, ...]] = {}

    def get_possible_keys(picker: Any, context: Any) -> tuple[str, ...]:
        shape, parent = context.shape, getattr(context.shape, "parent", None)
        key = (
            picker.__class__,
            tuple(picker.alias_providers),
            context.service_model.service_name,
            context.obj.__class__,
            context.key,
            shape and shape.name,
            shape and shape.serialization.get("name"),
            parent and parent.name,
        )
        found = known.get(key)
        if found is None:
            found = known[key] = tuple(original(picker, context))
        return found

    return get_possible_keys


def _pick(missing: Any, value_of: Callable[[Any, str, Any], Any]) -> Callable[[Any, Any], Any]:
    """A member's value: by the first of its names that the object has, and as the transformer of its path makes it."""
    known: dict[tuple[int, str], tuple[Any, Any]] = {}

    def call(picker: Any, context: Any) -> Any:
        value = None
        for name in picker.get_possible_keys(context):
            found = value_of(context.obj, name, missing)
            if found is not missing:
                value = found
                break
        path, transformers = f"{context.key_path}.{context.key}", picker.response_transformers
        kept = known.get((id(transformers), path))
        if kept is None or kept[0] is not transformers:
            matching = (transform for end, transform in transformers.items() if path.endswith(end))
            kept = known[id(transformers), path] = (transformers, next(matching, None))
        return value if kept[1] is None else kept[1](value)

    return call


def _extracted(extract: Callable[[bytes], str]) -> Callable[[bytes], str]:
    """Where a package is extracted, found by the very bytes: to hash tens of megabytes at each cold start is slow."""
    known: OrderedDict[int, tuple[bytes, str]] = OrderedDict()

    def directory(package: bytes) -> str:
        kept = known.get(id(package))
        if kept is not None and kept[0] is package and os.path.isdir(kept[1]):
            return kept[1]
        found = extract(package)
        known[id(package)] = (package, found)
        while len(known) > _PACKAGES:
            known.popitem(last=False)
        return found

    return directory


def install(_: ModuleType) -> None:
    """Put the remembering functions in the place of those that they ask once."""
    import xmltodict
    from ministack.core import iam_evaluator
    from ministack.services import dynamodb, lambda_svc
    from moto import backends
    from moto.core import responses, serialize

    hooks.replace(responses, "method_names_from_class", functools.cache(responses.method_names_from_class))
    folders = frozenset(hooks.require(backends, "list_of_moto_modules")())
    hooks.replace(backends, "list_of_moto_modules", lambda: folders)
    hooks.replace(
        iam_evaluator, "parse_policy_document", _by_text(hooks.require(iam_evaluator, "parse_policy_document"))
    )
    syntax = hooks.require(dynamodb, "_condition_syntax_error")
    hooks.require_parameters(syntax, "expr", "slot")
    hooks.replace(dynamodb, "_condition_syntax_error", functools.lru_cache(maxsize=4096)(syntax))
    picker = hooks.require(serialize, "XFormedAttributePicker")
    hooks.replace(picker, "get_possible_keys", _possible_keys(hooks.require(picker, "get_possible_keys")))
    hooks.require(serialize, "MISSING")
    hooks.replace(
        serialize.AttributePicker, "__call__", _pick(serialize.MISSING, hooks.require(serialize, "get_value"))
    )
    names = hooks.require(xmltodict, "_validate_name")
    hooks.replace(xmltodict, "_validate_name", functools.lru_cache(maxsize=4096)(names))
    extract = hooks.require(lambda_svc, "_provided_runtime_code_dir")
    hooks.replace(lambda_svc, "_provided_runtime_code_dir", _extracted(extract))
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
