"""The two encodings in which EC2 writes `requestParameters` and `responseElements`.

*A*, the older actions: lowerCamelCase, lists as `{"items": [...]}`, an empty list as `{}`, the result flag as
`_return`. *B*, the newer ones: the request and the response as XML turned into JSON: one PascalCase wrapper, a list
of one as an object and of several as an array, the index as `tag`, text beside it as `content`, an empty element as
`""`, and whatever looks like a number or a boolean coerced to one.

Source: recorded CloudTrail events of both kinds (CreateSecurityGroup, AuthorizeSecurityGroupIngress, CreateRoute;
CreateNatGateway, CreateFlowLogs, CreateVpcEndpoint, ModifySecurityGroupRules); which actions use B is documented
nowhere.
"""

from __future__ import annotations

import functools
import re
from typing import Any
from xml.etree import ElementTree

# Actions that are logged in encoding B.
_NEWER = re.compile(
    r"NatGateway|FlowLogs|VpcEndpoint|ManagedPrefixList|TransitGateway|BlockPublicAccess|SecurityGroupRules$"
)
# Lists whose name in the record is not that of the request.
_RENAMED = {
    "Resources": ("resourcesSet", "resourceId"),
    "Tags": ("tagSet", None),
    "TagSpecifications": ("tagSpecificationSet", None),
    "SecurityGroupRuleIds": ("securityGroupRuleIds", "securityGroupRuleId"),
    "SecurityGroupRuleDescriptions": ("securityGroupRuleDescriptions", None),
}


# Answers with a result flag that the API model does not mention.
_FLAGGED = frozenset({"CreateSecurityGroup"})


def uses_wrapper(action: str) -> bool:
    """Whether the action is logged in encoding B."""
    return _NEWER.search(action) is not None


@functools.cache
def _model() -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("ec2")


def request_parameters(action: str, parameters: dict[str, str]) -> dict[str, Any] | None:
    """`requestParameters` for the flattened parameters of the request (without Action and Version)."""
    tree = _tree(parameters)
    if uses_wrapper(action):
        return {f"{action}Request": _b_request(tree)}
    shape = _model().operation_model(action).input_shape
    record = _a_structure(shape, tree, top=True) if shape is not None else {}
    if "ipPermissions" not in record and action.startswith(("Authorize", "Revoke")) and "SecurityGroup" in action:
        record["ipPermissions"] = {}  # present and empty in the flat form and in a revoke by rule id
    return record


def response_elements(action: str, answer: bytes) -> dict[str, Any]:
    """`responseElements` for the XML of a successful answer."""
    root = ElementTree.fromstring(answer)
    if uses_wrapper(action):
        body = _b_response(root)
        content = body if isinstance(body, dict) else {}
        return {f"{action}Response": {"xmlns": _namespace(root), **content}}
    shape = _model().operation_model(action).output_shape
    record = _a_element(root, shape) if shape is not None else {}
    record = record if isinstance(record, dict) else {}
    request_id = next((child.text for child in root if _local(child.tag) == "requestId"), None)
    flagged = "return" in record or shape is None or not shape.members or action in _FLAGGED
    flag = {"_return": True} if flagged else {}
    record.pop("return", None)
    return {**({"requestId": request_id} if request_id else {}), **flag, **record}


def _tree(parameters: dict[str, str]) -> dict[str, Any]:
    """`A.1.B=x` as {"A": {"1": {"B": "x"}}}."""
    root: dict[str, Any] = {}
    for name, value in parameters.items():
        node, parts = root, name.split(".")
        for part in parts[:-1]:
            following = node.setdefault(part, {})
            if not isinstance(following, dict):
                break
            node = following
        else:
            node[parts[-1]] = value
    return root


def _is_list(node: Any) -> bool:
    return isinstance(node, dict) and bool(node) and all(key.isdigit() for key in node)


def _items(node: dict[str, Any]) -> list[Any]:
    return [node[key] for key in sorted(node, key=int)]


# ---- encoding A


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _scalar(shape: Any, text: str) -> Any:
    if shape.type_name in ("integer", "long"):
        try:
            return int(text)
        except ValueError:
            return text
    if shape.type_name == "boolean":
        return text.lower() == "true"
    return text


def _wire_name(name: str, member: Any) -> str:
    serialization = member.serialization
    wire = serialization.get("queryName") or serialization.get("name") or name
    return wire[:1].upper() + wire[1:]


def _a_structure(shape: Any, node: dict[str, Any], top: bool = False) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire = _wire_name(name, member)
        if wire not in node:
            # Within a structure the empty lists are written out too: `"ipv6Ranges": {}`.
            if not top and member.type_name == "list" and shape.name == "IpPermission":
                record[_lower(member.serialization.get("name") or name)] = {}
            continue
        key = _lower(member.serialization.get("name") or name)
        value = node[wire]
        if member.type_name == "list":
            renamed, item_key = _RENAMED.get(name, (None, None))
            items = [_a_value(member.member, item) for item in _items(value)] if _is_list(value) else []
            if item_key:
                items = [{item_key: item} if not isinstance(item, dict) else item for item in items]
            if name == "Tags" and not top:
                record["tags"] = items  # plain array within a tag specification
            else:
                record[renamed or _lower(name if top else key)] = {"items": items} if items else {}
        else:
            if top and name in ("Description",) and shape.name == "CreateSecurityGroupRequest":
                key = "groupDescription"
            record[key] = _a_value(member, value)
    return record


def _a_value(shape: Any, node: Any) -> Any:
    if shape.type_name == "structure" and isinstance(node, dict):
        return _a_structure(shape, node)
    if shape.type_name == "list" and _is_list(node):
        return {"items": [_a_value(shape.member, item) for item in _items(node)]}
    return _scalar(shape, node) if isinstance(node, str) else node


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _namespace(root: ElementTree.Element) -> str:
    return root.tag[1:].partition("}")[0] if root.tag.startswith("{") else "http://ec2.amazonaws.com/doc/2016-11-15/"


def _a_element(element: ElementTree.Element, shape: Any) -> Any:
    if shape.type_name == "list":
        items = [_a_element(item, shape.member) for item in element]
        return {"items": items} if items else {}
    if shape.type_name != "structure":
        return _scalar(shape, element.text or "")
    members = {(member.serialization.get("name") or name): member for name, member in shape.members.items()}
    return {
        _lower(_local(child.tag)): _a_element(child, members[_local(child.tag)])
        for child in element
        if _local(child.tag) in members
    }


# ---- encoding B

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")


def _coerced(text: str) -> Any:
    """What a generic XML-to-JSON conversion makes of text: `"012345678912"` stays a string, `200802171337` does not."""
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text


def _b_request(node: Any) -> Any:
    if isinstance(node, str):
        return _coerced(node)
    record = {}
    for name, value in node.items():
        if not _is_list(value):
            record[name] = _b_request(value)
            continue
        items = []
        for index, item in enumerate(_items(value), start=1):
            converted = _b_request(item)
            items.append(
                {**converted, "tag": index} if isinstance(converted, dict) else {"tag": index, "content": converted}
            )
        record[name] = items[0] if len(items) == 1 else items
    return record


def _b_response(element: ElementTree.Element) -> Any:
    children = list(element)
    if not children:
        return _coerced((element.text or "").strip())
    record: dict[str, Any] = {}
    for child in children:
        name, value = _local(child.tag), _b_response(child)
        if name not in record:
            record[name] = value
        elif isinstance(record[name], list):
            record[name].append(value)
        else:
            record[name] = [record[name], value]
    return record
