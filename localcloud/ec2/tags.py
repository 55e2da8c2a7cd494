"""Tags: the `aws:` prefix is reserved, and tagging what does not exist is an error.

Sources: EC2 User Guide, "Tag restrictions" ("The aws: prefix is reserved for AWS use"); CreateTags API Reference.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.responses import EC2Response
from moto.ec2.responses._base_response import EC2BaseResponse

from .. import hooks
from ..caller import invoked_by
from .common import refuse, replace_action
from .security_groups.groups import all_groups


def _refuse_reserved(keys: Any) -> None:
    if invoked_by.get() is not None:
        return
    for key in keys:
        if key.lower().startswith("aws:"):
            refuse("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")


def _resources_exist(original: Any) -> Any:
    def do_resources_exist(self: Any, resource_ids: list[str]) -> bool:
        rest = []
        for resource_id in resource_ids:
            if resource_id.startswith("sgr-"):
                rules = (r.id for g in all_groups(self) for r in [*g.ingress_rules, *g.egress_rules])
                if resource_id not in rules:
                    refuse(
                        "InvalidSecurityGroupRuleId.NotFound",
                        f"The security group rule ID '{resource_id}' does not exist",
                    )
            elif resource_id.startswith("sg-") and self.get_security_group_from_id(resource_id) is None:
                refuse("InvalidGroup.NotFound", f"The security group '{resource_id}' does not exist")
            else:
                rest.append(resource_id)
        return original(self, rest)

    return do_resources_exist


def _create_tags(original: Any) -> Any:
    def create_tags(self: Any) -> Any:
        _refuse_reserved(tag.get("Key", "") for tag in self._get_param("Tags", []))
        original(self)
        return ActionResult({"Return": True})

    return create_tags


def _parse_tag_specification(original: Any) -> Any:
    def parse(self: Any, *args: Any, **kwargs: Any) -> dict[str, dict[str, str]]:
        specification = original(self, *args, **kwargs)
        for tags in specification.values():
            _refuse_reserved(tags)
        return specification

    return parse


def _get_tags(self: Any) -> list[dict[str, str]]:
    """The resource's own tags, looked up: moto reads every tag of the account for each resource that it shows."""
    return [{"key": key, "value": value} for key, value in self.ec2_backend.tags.get(self.id, {}).items()]


def install() -> None:
    """Guard CreateTags and the TagSpecifications of every other action."""
    hooks.replace(TaggedEC2Resource, "get_tags", _get_tags)
    replace_action("create_tags", _create_tags(hooks.require(EC2Response, "create_tags")))
    hooks.replace(EC2Backend, "do_resources_exist", _resources_exist(EC2Backend.do_resources_exist))
    hooks.replace(
        EC2BaseResponse, "_parse_tag_specification", _parse_tag_specification(EC2BaseResponse._parse_tag_specification)
    )
