"""Templates that CloudFormation refuses before it makes anything.

Source: "[/Resources/…] 'null' values are not allowed in templates", the answer of CreateStack, UpdateStack and
CreateChangeSet to a null anywhere in a template, event patterns included
(https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1378).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import hooks


def _nulls(value: Any, at: str) -> Iterator[str]:
    if value is None:
        yield at
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _nulls(item, f"{at}/{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nulls(item, f"{at}/{index}")


def install() -> None:
    """Refuse what the engine would take."""
    from ministack.services.cloudformation import changesets, handlers

    original = hooks.require(handlers, "_parse_template")

    def parse(template_body: str) -> dict[str, Any]:
        template: dict[str, Any] = original(template_body)
        for place in _nulls(template, ""):
            raise ValueError(f"[{place}] 'null' values are not allowed in templates")
        return template

    for module in (handlers, changesets):
        hooks.replace(module, "_parse_template", parse)
