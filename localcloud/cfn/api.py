"""A template's properties as the parameters of an API call.

Most types are their API's parameters in another spelling: `ContainerDefinitions` is `containerDefinitions`, and "5"
is 5. The API's own model says which.
"""

from __future__ import annotations

from typing import Any

from .client import client


def parameters(service: str, operation: str, properties: dict[str, Any], **renamed: str) -> dict[str, Any]:
    """What of these properties the operation takes; `renamed` are properties that the API calls otherwise."""
    shape = client(service).meta.service_model.operation_model(operation).input_shape
    spelled = {renamed.get(name, name): value for name, value in properties.items()}
    answer: dict[str, Any] = _converted(shape, spelled)
    return answer


def _converted(shape: Any, value: Any) -> Any:
    if shape.type_name == "structure" and isinstance(value, dict):
        members = {name.lower(): name for name in shape.members}
        return {
            members[name.lower()]: _converted(shape.members[members[name.lower()]], item)
            for name, item in value.items()
            if name.lower() in members
        }
    if shape.type_name == "list":
        items = value if isinstance(value, list) else [value]
        return [_converted(shape.member, item) for item in items]
    if shape.type_name == "map" and isinstance(value, dict):
        return {str(name): _converted(shape.value, item) for name, item in value.items()}
    if isinstance(value, dict | list):
        return value
    if shape.type_name in ("integer", "long"):
        return int(value)
    if shape.type_name in ("float", "double"):
        return float(value)
    if shape.type_name == "boolean":
        return str(value).lower() == "true"
    return str(value) if not isinstance(value, bool) else str(value).lower()
