"""Small things that the EC2 modules share."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response

from .. import hooks

T = TypeVar("T")


def refuse(code: str, message: str) -> NoReturn:
    """Answer the call with an EC2 client error (HTTP 400)."""
    raise EC2ClientError(code, message)


def replace_action(name: str, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Serve an action that moto has in another way; returns moto's own."""
    return hooks.replace(EC2Response, name, function)


def add_action(name: str, function: Callable[[Any], Any]) -> None:
    """Serve an action that moto lacks; fails if a newer moto has it, so that the addition gets looked at again."""
    if hasattr(EC2Response, name):
        raise hooks.HookMissing(f"moto now has {name}: drop or rework the addition")
    setattr(EC2Response, name, function)


def matches_any(value: str, patterns: Iterable[str]) -> bool:
    """EC2 filter values are case-sensitive and may hold the wildcards `*` and `?` (EC2 User Guide, "Filter values")."""
    return any(fnmatch.fnmatchcase(value, pattern.replace("[", "[[]")) for pattern in patterns)


def apply_filters(
    items: Iterable[T],
    filters: Mapping[str, list[str]] | None,
    attributes: Mapping[str, Callable[[T], Any]],
) -> list[T]:
    """The items that satisfy every filter; a filter that the action does not know is an error, as on AWS.

    An attribute may be a scalar or a collection (the filter then matches any of it). `tag:<key>` and `tag-key` work
    on everything that has tags.
    """
    check_filter_names(filters, attributes)
    kept = list(items)
    for name, patterns in (filters or {}).items():
        kept = [item for item in kept if _matches(item, name, patterns, attributes)]
    return kept


def check_filter_names(filters: Mapping[str, list[str]] | None, known: Iterable[str]) -> None:
    """Refuse a filter that the action does not have."""
    names = set(known)
    for name in filters or {}:
        if name not in names and name != "tag-key" and not name.startswith("tag:"):
            refuse("InvalidParameterValue", f"The filter '{name}' is invalid")


def _matches(item: Any, name: str, patterns: list[str], attributes: Mapping[str, Callable[[Any], Any]]) -> bool:
    if name.startswith("tag:"):
        return any(tag["key"] == name[4:] and matches_any(tag["value"], patterns) for tag in item.get_tags())
    if name == "tag-key":
        return any(matches_any(tag["key"], patterns) for tag in item.get_tags())
    value = attributes[name](item)
    values = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return any(matches_any(_text(one), patterns) for one in values)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def check_id(value: str, prefix: str, code: str, message: str) -> None:
    """Refuse an id that has not the form `<prefix>-<8 or 17 hexadecimal digits>`."""
    if not re.fullmatch(rf"{re.escape(prefix)}-(?:[0-9a-f]{{8}}|[0-9a-f]{{17}})", value):
        refuse(code, message)


def unsuccessful(resource_id: str, code: str, message: str) -> dict[str, Any]:
    """One `UnsuccessfulItem`: what AWS answers inside a 200 for the part that failed."""
    return {"ResourceId": resource_id, "Error": {"Code": code, "Message": message}}
