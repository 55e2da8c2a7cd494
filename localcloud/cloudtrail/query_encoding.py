"""`requestParameters` and `responseElements` of the services that speak the AWS Query protocol (RDS, ELB and others).

Source: CloudTrail User Guide, example records of RDS and Elastic Load Balancing: names start in lower case, lists are
plain arrays, an answer that holds one structure only is written without its name, secrets are masked.
"""

from __future__ import annotations

import functools
from typing import Any

_MASK = "****"
_SECRET = ("password", "secret", "authtoken")
# EventBridge source name -> botocore's name, by API version where there are two
_MODELS = {
    ("elasticloadbalancing", "2012-06-01"): "elb",
    ("elasticloadbalancing", ""): "elbv2",
}


@functools.cache
def _model(service: str, version: str) -> Any:
    import botocore.session

    name = _MODELS.get((service, version)) or _MODELS.get((service, "")) or service
    return botocore.session.get_session().get_service_model(name)


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def request_parameters(service: str, action: str, parameters: dict[str, str]) -> dict[str, Any] | None:
    """The flattened parameters of the request in the form of the record."""
    operation = _model(service, parameters.get("Version", "")).operation_model(action)
    if operation.input_shape is None:
        return None
    return _structure(operation.input_shape, parameters, "")


def response_elements(service: str, action: str, version: str, answer: bytes) -> dict[str, Any] | None:
    """A successful answer in the form of the record; None where there is nothing in it."""
    import botocore.parsers

    operation = _model(service, version).operation_model(action)
    if operation.output_shape is None:
        return None
    parsed = botocore.parsers.create_parser("query").parse(
        {"status_code": 200, "headers": {}, "body": answer}, operation.output_shape
    )
    parsed.pop("ResponseMetadata", None)
    if len(parsed) == 1 and isinstance(only := next(iter(parsed.values())), dict):
        parsed = only
    return _lowered(parsed) or None


def _lowered(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {_lower(key): _lowered(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    return _MASK if value and any(word in name.lower() for word in _SECRET) else value


def _structure(shape: Any, flat: dict[str, str], prefix: str) -> dict[str, Any]:
    record = {}
    for name, member in shape.members.items():
        path = f"{prefix}{member.serialization.get('name', name)}"
        if path in flat or any(key.startswith(f"{path}.") for key in flat):
            record[_lower(name)] = _value(member, flat, path, name)
    return record


def _value(shape: Any, flat: dict[str, str], path: str, name: str) -> Any:
    if shape.type_name == "structure":
        return _structure(shape, flat, f"{path}.")
    if shape.type_name == "list":
        base = (
            path
            if shape.serialization.get("flattened")
            else f"{path}.{shape.member.serialization.get('name', 'member')}"
        )
        items = []
        while any(key == f"{base}.{len(items) + 1}" or key.startswith(f"{base}.{len(items) + 1}.") for key in flat):
            items.append(_value(shape.member, flat, f"{base}.{len(items) + 1}", ""))
        return items
    text = flat.get(path, "")
    if any(word in name.lower() for word in _SECRET):
        return _MASK
    if shape.type_name in ("integer", "long"):
        return int(text) if text.lstrip("-").isdigit() else text
    if shape.type_name == "boolean":
        return text.lower() == "true"
    return text
