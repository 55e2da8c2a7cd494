"""Auto Scaling: instances spread over the subnets of their group, and the ARN of a policy.

Sources: Auto Scaling User Guide, "Auto Scaling benefits for application architecture" (instances are distributed evenly
over the Availability Zones of the group); API Reference, PutScalingPolicy (`PolicyARN`).
"""

from __future__ import annotations

from collections import Counter
from types import ModuleType
from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

from . import hooks


def _launch(original: Any) -> Any:
    def replace_autoscaling_group_instances(self: Any, count_needed: int, propagated_tags: dict[str, str]) -> None:
        subnets = (self.vpc_zone_identifier or "").split(",")
        for _ in range(count_needed):
            filled = Counter(one.instance.subnet_id for one in self.instance_states)
            # moto launches into the first subnet of the list.
            self.vpc_zone_identifier = ",".join(sorted(subnets, key=lambda subnet: filled[subnet])) or None
            original(self, 1, propagated_tags)
        self.vpc_zone_identifier = ",".join(subnets) or None

    return replace_autoscaling_group_instances


def _put_policy(original: Any) -> Any:
    def put_scaling_policy(self: Any) -> ActionResult:
        result = original(self).result
        return ActionResult({**result, "PolicyARN": result["PolicyArn"]})

    return put_scaling_policy


def install(app: ModuleType) -> None:
    """Complete moto's Auto Scaling."""
    del app
    launch = hooks.require(FakeAutoScalingGroup, "replace_autoscaling_group_instances")
    hooks.require_parameters(launch, "count_needed", "propagated_tags")
    hooks.replace(FakeAutoScalingGroup, "replace_autoscaling_group_instances", _launch(launch))
    put = hooks.require(AutoScalingResponse, "put_scaling_policy")
    hooks.replace(AutoScalingResponse, "put_scaling_policy", _put_policy(put))
