"""RDS: instances, clusters, subnet groups, parameter groups, option groups.

Sources: Template Reference, AWS::RDS::DBInstance (changes are applied at once; `DeletionPolicy` is Snapshot by
default, and a snapshot is taken then), AWS::RDS::DBCluster, AWS::RDS::DBSubnetGroup, AWS::RDS::DBParameterGroup.
"""

from __future__ import annotations

import time
from typing import Any

from .api import parameters
from .client import client
from .registry import Created, Properties, ResourceType, generated, pick, register, tag_list

_TIMEOUT = 600.0
_SPELLED = {"VPCSecurityGroups": "VpcSecurityGroupIds"}


def _name(properties: Properties, key: str, stack: str, logical_id: str) -> str:
    return str(properties.get(key) or generated(stack, logical_id, 63)).lower()


def _instance(identifier: str) -> dict[str, Any]:
    found: dict[str, Any] = client("rds").describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
    return found


def _available(identifier: str) -> dict[str, Any]:
    """CloudFormation goes on when the instance is available."""
    end = time.monotonic() + _TIMEOUT
    while (found := _instance(identifier))["DBInstanceStatus"] in ("creating", "modifying", "backing-up"):
        if time.monotonic() > end:
            raise ValueError(f"DB instance {identifier} is still {found['DBInstanceStatus']}")
        time.sleep(0.05)
    return found


def _answer(instance: dict[str, Any]) -> dict[str, Any]:
    endpoint = instance.get("Endpoint", {})
    answer = {
        "DBInstanceArn": instance["DBInstanceArn"],
        "DbiResourceId": instance.get("DbiResourceId", ""),
        "DBInstanceStatus": instance["DBInstanceStatus"],
        "Endpoint.Address": endpoint.get("Address", ""),
        "Endpoint.Port": str(endpoint.get("Port", "")),
        "Endpoint.HostedZoneId": endpoint.get("HostedZoneId", ""),
    }
    if secret := instance.get("MasterUserSecret"):
        answer["MasterUserSecret.SecretArn"] = secret["SecretArn"]
    return answer


def _create_instance(logical_id: str, properties: Properties, stack: str) -> Created:
    identifier = _name(properties, "DBInstanceIdentifier", stack, logical_id)
    wanted = parameters("rds", "CreateDBInstance", {**properties, "DBInstanceIdentifier": identifier}, **_SPELLED)
    client("rds").create_db_instance(**wanted)
    return identifier, _answer(_available(identifier))


def _changed(old: Properties, new: Properties) -> Properties:
    return {name: value for name, value in new.items() if old.get(name) != value and name != "Tags"}


def _update_instance(identifier: str, old: Properties, new: Properties) -> dict[str, Any]:
    changed = parameters("rds", "ModifyDBInstance", _changed(old, new), **_SPELLED)
    if changed:
        client("rds").modify_db_instance(**{**changed, "DBInstanceIdentifier": identifier, "ApplyImmediately": True})
    return _answer(_available(identifier))


def _delete_instance(identifier: str, properties: Properties) -> None:
    del properties  # a final snapshot is taken by the policy, before this
    client("rds").delete_db_instance(DBInstanceIdentifier=identifier, SkipFinalSnapshot=True)


def _snapshot_instance(identifier: str, properties: Properties) -> None:
    del properties
    client("rds").create_db_snapshot(
        DBInstanceIdentifier=identifier, DBSnapshotIdentifier=generated("snapshot", identifier, 63)
    )


def _create_cluster(logical_id: str, properties: Properties, stack: str) -> Created:
    identifier = _name(properties, "DBClusterIdentifier", stack, logical_id)
    wanted = parameters("rds", "CreateDBCluster", {**properties, "DBClusterIdentifier": identifier})
    return identifier, _cluster_answer(client("rds").create_db_cluster(**wanted)["DBCluster"])


def _cluster_answer(cluster: dict[str, Any]) -> dict[str, Any]:
    answer = {
        "DBClusterArn": cluster["DBClusterArn"],
        "DBClusterResourceId": cluster.get("DbClusterResourceId", ""),
        "Endpoint.Address": cluster.get("Endpoint", ""),
        "Endpoint.Port": str(cluster.get("Port", "")),
        "ReadEndpoint.Address": cluster.get("ReaderEndpoint", ""),
    }
    if secret := cluster.get("MasterUserSecret"):
        answer["MasterUserSecret.SecretArn"] = secret["SecretArn"]
    return answer


def _update_cluster(identifier: str, old: Properties, new: Properties) -> dict[str, Any]:
    changed = parameters("rds", "ModifyDBCluster", _changed(old, new))
    rds = client("rds")
    if changed:
        rds.modify_db_cluster(**{**changed, "DBClusterIdentifier": identifier, "ApplyImmediately": True})
    return _cluster_answer(rds.describe_db_clusters(DBClusterIdentifier=identifier)["DBClusters"][0])


def _create_subnet_group(logical_id: str, properties: Properties, stack: str) -> Created:
    name = _name(properties, "DBSubnetGroupName", stack, logical_id)
    client("rds").create_db_subnet_group(
        DBSubnetGroupName=name,
        DBSubnetGroupDescription=properties["DBSubnetGroupDescription"],
        SubnetIds=properties["SubnetIds"],
        Tags=_tags(properties),
    )
    return name, {}


def _update_subnet_group(name: str, old: Properties, new: Properties) -> dict[str, Any]:
    del old
    client("rds").modify_db_subnet_group(
        DBSubnetGroupName=name,
        DBSubnetGroupDescription=new["DBSubnetGroupDescription"],
        SubnetIds=new["SubnetIds"],
    )
    return {}


def _tags(properties: Properties) -> list[dict[str, str]]:
    return [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in properties.get("Tags") or []]


def _parameter_list(values: Any) -> list[dict[str, str]]:
    return [
        {"ParameterName": name, "ParameterValue": _text(value), "ApplyMethod": "pending-reboot"}
        for name, value in (values or {}).items()
    ]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _create_parameter_group(logical_id: str, properties: Properties, stack: str) -> Created:
    name = str(properties.get("DBParameterGroupName") or generated(stack, logical_id, 63)).lower()
    rds = client("rds")
    rds.create_db_parameter_group(
        DBParameterGroupName=name,
        DBParameterGroupFamily=properties["Family"],
        Description=properties["Description"],
        Tags=_tags(properties),
    )
    if values := _parameter_list(properties.get("Parameters")):
        rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=values)
    return name, {}


def _update_parameter_group(name: str, old: Properties, new: Properties) -> dict[str, Any]:
    before = old.get("Parameters") or {}
    changed = {key: value for key, value in (new.get("Parameters") or {}).items() if before.get(key) != value}
    if changed:
        client("rds").modify_db_parameter_group(DBParameterGroupName=name, Parameters=_parameter_list(changed))
    return {}


def _create_option_group(logical_id: str, properties: Properties, stack: str) -> Created:
    name = _name(properties, "OptionGroupName", stack, logical_id)
    client("rds").create_option_group(
        OptionGroupName=name,
        **pick(properties, "EngineName", "OptionGroupDescription"),
        MajorEngineVersion=str(properties["MajorEngineVersion"]),
        Tags=_tags(properties),
    )
    return name, {}


def _arn(kind: str, name: str) -> str:
    from ministack.core.responses import get_account_id, get_region

    return f"arn:aws:rds:{get_region()}:{get_account_id()}:{kind}:{name}"


def _retag(arn: str, gone: list[str], changed: dict[str, str]) -> None:
    if gone:
        client("rds").remove_tags_from_resource(ResourceName=arn, TagKeys=gone)
    if changed:
        client("rds").add_tags_to_resource(ResourceName=arn, Tags=tag_list(changed))


def _delete_cluster(identifier: str, properties: Properties) -> None:
    del properties
    client("rds").delete_db_cluster(DBClusterIdentifier=identifier, SkipFinalSnapshot=True)


def register_types() -> None:
    """Register the types of this file."""
    register(
        "AWS::RDS::DBInstance",
        ResourceType(
            _create_instance,
            _delete_instance,
            _update_instance,
            tag_target=lambda identifier: _arn("db", identifier),
            retag=_retag,
            snapshot=_snapshot_instance,
        ),
    )
    register(
        "AWS::RDS::DBCluster",
        ResourceType(
            _create_cluster,
            _delete_cluster,
            _update_cluster,
            tag_target=lambda identifier: _arn("cluster", identifier),
            retag=_retag,
        ),
    )
    register(
        "AWS::RDS::DBSubnetGroup",
        ResourceType(
            _create_subnet_group,
            lambda name, _: client("rds").delete_db_subnet_group(DBSubnetGroupName=name),
            _update_subnet_group,
            tag_target=lambda name: _arn("subgrp", name),
            retag=_retag,
        ),
    )
    register(
        "AWS::RDS::DBParameterGroup",
        ResourceType(
            _create_parameter_group,
            lambda name, _: client("rds").delete_db_parameter_group(DBParameterGroupName=name),
            _update_parameter_group,
            tag_target=lambda name: _arn("pg", name),
            retag=_retag,
        ),
    )
    register(
        "AWS::RDS::OptionGroup",
        ResourceType(
            _create_option_group,
            lambda name, _: client("rds").delete_option_group(OptionGroupName=name),
            tag_target=lambda name: _arn("og", name),
            retag=_retag,
        ),
    )
