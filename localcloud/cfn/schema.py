"""What the schema of a resource type says, as CloudFormation checks it before it calls the type's handler.

The schemas are those of the CloudFormation registry, from `cfn-lint`. Checked is what needs no guess: unknown and
missing properties, the kind of a value, enumerations; CloudFormation converts between strings, numbers and booleans,
and so does this. Source: CloudFormation CLI User Guide, "Resource type definition schema" (additionalProperties,
required, createOnlyProperties); the messages are those of the schema validator that CloudFormation uses, "#:
extraneous key [X] is not permitted".
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import hooks

# One Region's set; the types here are the same in all commercial Regions.
_REGION = "us-east-1"
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_NAMES = {"object": "JSONObject", "array": "JSONArray", "string": "String", "integer": "Integer", "boolean": "Boolean"}


@functools.cache
def _folder() -> Path:
    # Found, not imported: importing cfn-lint takes a second, and only its data is wanted.
    found = importlib.util.find_spec("cfnlint")
    if found is None or not found.submodule_search_locations:
        raise hooks.HookMissing("cfn-lint is not installed: pip install -r localcloud/requirements.txt")
    return Path(found.submodule_search_locations[0], "data", "schemas")


@functools.cache
def _index() -> dict[str, str]:
    index: dict[str, str] = json.loads((_folder() / "providers" / f"{_REGION}.json").read_text(encoding="utf-8"))
    return index


@functools.cache
def of(resource_type: str) -> dict[str, Any] | None:
    """The schema of a type, if the registry has it."""
    name = _index().get(resource_type)
    if name is None:
        return None
    schema: dict[str, Any] = json.loads((_folder() / "resources" / f"{name}.json").read_text(encoding="utf-8"))
    return schema


def replaced_by(resource_type: str) -> tuple[str, ...]:
    """The properties whose change needs a new resource."""
    paths = (of(resource_type) or {}).get("createOnlyProperties", [])
    return tuple(parts[2] for parts in (path.split("/") for path in paths) if len(parts) == 3)


def check(resource_type: str, logical_id: str, properties: dict[str, Any]) -> None:
    """Refuse properties that the type does not have, lacks, or has in another form."""
    schema = of(resource_type)
    if schema is None:
        return
    wrong = list(_wrong(schema, schema, _of_the_template(properties), "#"))
    if wrong:
        raise ValueError(
            f"Properties validation failed for resource {logical_id} with message:\n" + "\n".join(sorted(set(wrong)))
        )


def _of_the_template(properties: dict[str, Any]) -> dict[str, Any]:
    """Without the tags that CloudFormation itself adds, which have a template's form for no type in particular."""
    tags = properties.get("Tags")
    if not isinstance(tags, list):
        return properties
    own = [tag for tag in tags if not str(tag.get("Key", "")).startswith("aws:cloudformation:")]
    return {**properties, "Tags": own}


def _resolved(root: dict[str, Any], schema: Any) -> dict[str, Any]:
    while isinstance(schema, dict) and "$ref" in schema:
        place: Any = root
        for part in schema["$ref"].lstrip("#/").split("/"):
            place = place[part]
        schema = place
    return schema if isinstance(schema, dict) else {}


def _wrong(root: dict[str, Any], schema: Any, value: Any, at: str) -> Iterator[str]:
    schema = _resolved(root, schema)
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        expected = "/".join(_NAMES.get(kind, kind) for kind in kinds)
        yield f"{at}: expected type: {expected}, found: {_found(value)}"
        return
    if "enum" in schema and not isinstance(value, dict | list) and str(value) not in map(str, schema["enum"]):
        yield f"{at}: {value} is not a valid enum value"
    if isinstance(value, dict):
        yield from _wrong_object(root, schema, value, at)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _wrong(root, schema.get("items", {}), item, f"{at}/{index}")


def _wrong_object(root: dict[str, Any], schema: dict[str, Any], value: dict[str, Any], at: str) -> Iterator[str]:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{at}: required key [{name}] not found"
    for name, item in value.items():
        if name in known:
            yield from _wrong(root, known[name], item, f"{at}/{name}")
            continue
        pattern = next((one for one in patterns if _matches(one, name)), None)
        if pattern is not None:
            yield from _wrong(root, patterns[pattern], item, f"{at}/{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{at}: extraneous key [{name}] is not permitted"


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:  # Java's regular expressions know more, such as \\p{L}
        return True


def _is(value: Any, kind: str) -> bool:
    if kind == "object":
        return isinstance(value, dict | str)  # a policy may come as text
    if kind == "array":
        return isinstance(value, list)
    if isinstance(value, dict | list):
        return False
    if kind == "boolean":
        return isinstance(value, bool) or str(value).lower() in ("true", "false")
    if kind in ("integer", "number"):
        return not isinstance(value, bool) and bool(_NUMBER.fullmatch(str(value)))
    return True


def _found(value: Any) -> str:
    for kind, type_ in (("JSONObject", dict), ("JSONArray", list), ("Boolean", bool), ("Integer", int)):
        if isinstance(value, type_):
            return kind
    return "String"


def install() -> None:
    """Check before each create and update."""
    from ministack.services.cloudformation import provisioners, stacks

    create = hooks.require(provisioners, "_provision_resource")
    update = hooks.require(provisioners, "_update_resource")
    hooks.require_parameters(create, "resource_type", "logical_id", "props", "stack_name")
    hooks.require_parameters(update, "resource_type", "physical_id", "old_props", "new_props", "logical_id")

    def provision(resource_type: str, logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        check(resource_type, logical_id, props)
        return create(resource_type, logical_id, props, stack_name)

    def change(
        resource_type: str,
        physical_id: str,
        old_props: dict[str, Any],
        new_props: dict[str, Any],
        stack_name: str,
        logical_id: str | None = None,
        old_attrs: dict[str, Any] | None = None,
    ) -> Any:
        if old_props != new_props:
            check(resource_type, logical_id or physical_id, new_props)
        return update(resource_type, physical_id, old_props, new_props, stack_name, logical_id, old_attrs)

    hooks.replace(stacks, "_provision_resource", provision)
    hooks.replace(stacks, "_update_resource", change)
