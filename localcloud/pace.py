"""Works out once what the emulators work out again for every call.

Nothing here changes an answer: each function that is replaced depends on nothing but its arguments, and on classes,
folders and service models that stay as they are while the server runs. Together they were a fifth of its time.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import hooks

# The state of five networks is a million objects that stay: at Python's 700 the collector walks the young ones all the
# time and finds nothing.
_YOUNG, _MIDDLE, _OLD = 50_000, 20, 50


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


def install(_: ModuleType) -> None:
    """Put the remembering functions in the place of those that they ask once."""
    from ministack.core import iam_evaluator
    from ministack.services import dynamodb
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
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
