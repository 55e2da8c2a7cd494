"""VPC Block Public Access options, one set an account and Region.

Source: EC2 API Reference, ModifyVpcBlockPublicAccessOptions and DescribeVpcBlockPublicAccessOptions.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult

from .common import add_action, refuse

_KEY = "localcloud_block_public_access"
_MODES = frozenset({"off", "block-bidirectional", "block-ingress"})


def _options(backend: Any) -> dict[str, str]:
    return backend.__dict__.setdefault(
        _KEY,
        {
            "AwsAccountId": backend.account_id,
            "AwsRegion": backend.region_name,
            "State": "default-state",
            "InternetGatewayBlockMode": "off",
            "ManagedBy": "account",
            "ExclusionsAllowed": "allowed",
        },
    )


def _modify(self: Any) -> ActionResult:
    mode = self._get_param("InternetGatewayBlockMode")
    if mode not in _MODES:
        refuse("InvalidParameterValue", f"Value ({mode}) for parameter internetGatewayBlockMode is invalid.")
    options = _options(self.ec2_backend)
    options |= {"InternetGatewayBlockMode": mode, "State": "update-complete"}
    return ActionResult({"VpcBlockPublicAccessOptions": options})


def _describe(self: Any) -> ActionResult:
    return ActionResult({"VpcBlockPublicAccessOptions": _options(self.ec2_backend)})


def install() -> None:
    """Add both actions."""
    add_action("modify_vpc_block_public_access_options", _modify)
    add_action("describe_vpc_block_public_access_options", _describe)
