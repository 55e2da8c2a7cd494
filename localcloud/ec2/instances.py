"""Instances: what a launch template says of them, their instance profile, and their network interfaces when they end.

Sources: RunInstances ("any parameters that you specify in RunInstances override the same parameters in the launch
template"; error InvalidParameterValue, "Invalid IAM Instance Profile name"); EC2 User Guide, "Terminate Amazon EC2
instances" (the primary network interface is deleted with its instance; OperationNotPermitted while termination
protection is on); AssociatePublicIpAddress and MapPublicIpOnLaunch (the subnet decides when the launch does not).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import Instance, InstanceBackend

from .. import hooks
from .common import refuse


@dataclass
class _Profile:
    arn: str
    id: str


def _profile(
    account_id: str,
    partition: str,
    iam_instance_profile_arn: str | None,
    iam_instance_profile_name: str | None,
) -> _Profile:
    """An instance profile of the account, from the one IAM."""
    from ministack.services import iam

    del partition
    for (account, name), profile in iam._instance_profiles._data.items():
        if account == account_id and (name == iam_instance_profile_name or profile["Arn"] == iam_instance_profile_arn):
            return _Profile(profile["Arn"], profile["InstanceProfileId"])
    if iam_instance_profile_name:
        refuse(
            "InvalidParameterValue",
            f"Value ({iam_instance_profile_name}) for parameter iamInstanceProfile.name is invalid. "
            "Invalid IAM Instance Profile name",
        )
    refuse(
        "InvalidParameterValue",
        f"Value ({iam_instance_profile_arn}) for parameter iamInstanceProfile.arn is invalid. "
        "Invalid IAM Instance Profile ARN",
    )


def _run(original: Any) -> Any:
    def run_instances(
        self: Any, image_id: str, count: int, user_data: Any, security_group_names: list[str], **named: Any
    ) -> Any:
        profile: dict[str, str] = {}
        if named.get("launch_template"):
            template = self._get_template_from_args(named["launch_template"]).data
            primary = next((one for one in template.get("NetworkInterfaces") or [] if not named.get("nics")), None)
            if primary:
                if not named.get("security_group_ids"):
                    named["security_group_ids"] = list(primary.get("Groups") or [])
                if named.get("associate_public_ip") is None:
                    named["associate_public_ip"] = primary.get("AssociatePublicIpAddress")
                named["subnet_id"] = named.get("subnet_id") or primary.get("SubnetId")
            if not named.get("metadata_options"):
                named["metadata_options"] = template.get("MetadataOptions") or {}
            profile = template.get("IamInstanceProfile") or {}
            if profile:
                _profile(self.account_id, "aws", profile.get("Arn"), profile.get("Name"))
        reservation = original(self, image_id, count, user_data, security_group_names, **named)
        for instance in reservation.instances if profile else ():
            self.associate_iam_instance_profile(
                instance_id=instance.id,
                iam_instance_profile_name=profile.get("Name"),
                iam_instance_profile_arn=profile.get("Arn"),
            )
        return reservation

    return run_instances


def _terminate(original: Any) -> Any:
    def terminate(self: Any, *arguments: Any, **named: Any) -> Any:
        answer = original(self, *arguments, **named)
        for index, interface in list(self.nics.items()):
            if index == 0 or interface.delete_on_termination:
                self.ec2_backend.enis.pop(interface.id, None)
        return answer

    return terminate


def _terminate_all(original: Any) -> Any:
    def terminate_instances(self: Any, instance_ids: list[str]) -> Any:
        for instance_id in instance_ids:
            if str(getattr(self.get_instance(instance_id), "disable_api_termination", False)).lower() == "true":
                refuse(
                    "OperationNotPermitted",
                    f"The instance '{instance_id}' may not be terminated. "
                    "Modify its 'disableApiTermination' instance attribute and try again.",
                )
        return original(self, instance_ids)

    return terminate_instances


def install() -> None:
    """Complete what moto's instances leave out."""
    from moto.ec2.models import iam_instance_profile
    from moto.ec2.responses import instances

    for module in (iam_instance_profile, instances):
        found = hooks.require(module, "filter_iam_instance_profiles")
        hooks.require_parameters(found, "account_id", "iam_instance_profile_arn", "iam_instance_profile_name")
        hooks.replace(module, "filter_iam_instance_profiles", _profile)
    hooks.require(EC2Backend, "associate_iam_instance_profile")
    hooks.require_parameters(InstanceBackend.run_instances, "image_id", "count", "user_data", "security_group_names")
    hooks.replace(InstanceBackend, "run_instances", _run(InstanceBackend.run_instances))
    hooks.replace(InstanceBackend, "terminate_instances", _terminate_all(InstanceBackend.terminate_instances))
    hooks.replace(Instance, "terminate", _terminate(Instance.terminate))
