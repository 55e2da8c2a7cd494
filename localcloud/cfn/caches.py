"""ElastiCache: replication groups, clusters, groups of subnets and of parameters.

Sources: Template Reference, AWS::ElastiCache::ReplicationGroup (Ref is the id; the attributes' names), CacheCluster,
SubnetGroup, ParameterGroup.
"""

from __future__ import annotations

from typing import Any

from .api import parameters
from .client import client
from .registry import Created, Properties, ResourceType, generated, pick, register, tag_list


def _name(properties: Properties, key: str, stack: str, logical_id: str, longest: int) -> str:
    return str(properties.get(key) or generated(stack, logical_id, longest)).lower()


def _create_group(logical_id: str, properties: Properties, stack: str) -> Created:
    name = _name(properties, "ReplicationGroupId", stack, logical_id, 40)
    wanted = parameters("elasticache", "CreateReplicationGroup", {**properties, "ReplicationGroupId": name})
    return name, _answer(client("elasticache").create_replication_group(**wanted)["ReplicationGroup"])


def _answer(group: dict[str, Any]) -> dict[str, Any]:
    primary = group["NodeGroups"][0].get("PrimaryEndpoint") or {}
    reader = group["NodeGroups"][0].get("ReaderEndpoint") or {
        "Address": primary.get("Address", "").replace("master.", "replica.", 1),
        "Port": primary.get("Port", ""),
    }
    configuration = group.get("ConfigurationEndpoint") or {}
    members = [f"{one}.cache.amazonaws.com" for one in group.get("MemberClusters", [])]
    port = str(primary.get("Port", ""))
    return {
        "PrimaryEndPoint.Address": primary.get("Address", ""),
        "PrimaryEndPoint.Port": port,
        "ReaderEndPoint.Address": reader.get("Address", ""),
        "ReaderEndPoint.Port": str(reader.get("Port", "")),
        "ReadEndPoint.Addresses": ",".join(members),
        "ReadEndPoint.Addresses.List": members,
        "ReadEndPoint.Ports": ",".join(port for _ in members),
        "ReadEndPoint.Ports.List": [port for _ in members],
        "ConfigurationEndPoint.Address": configuration.get("Address", ""),
        "ConfigurationEndPoint.Port": str(configuration.get("Port", "")),
    }


def _update_group(name: str, old: Properties, new: Properties) -> dict[str, Any]:
    changed = {key: value for key, value in new.items() if old.get(key) != value and key != "Tags"}
    wanted = parameters("elasticache", "ModifyReplicationGroup", changed)
    cache = client("elasticache")
    if wanted:
        cache.modify_replication_group(**{**wanted, "ReplicationGroupId": name, "ApplyImmediately": True})
    return _answer(cache.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0])


def _create_cluster(logical_id: str, properties: Properties, stack: str) -> Created:
    name = _name(properties, "ClusterName", stack, logical_id, 50)
    wanted = parameters(
        "elasticache",
        "CreateCacheCluster",
        {**properties, "CacheClusterId": name},
        VpcSecurityGroupIds="SecurityGroupIds",
    )
    cluster = client("elasticache").create_cache_cluster(**wanted)["CacheCluster"]
    address = f"{name}.cfg.cache.amazonaws.com"
    port = str(cluster.get("Port") or properties.get("Port") or "")
    return name, {
        "ConfigurationEndpoint.Address": address,
        "ConfigurationEndpoint.Port": port,
        "RedisEndpoint.Address": address,
        "RedisEndpoint.Port": port,
    }


def _tags(properties: Properties) -> list[dict[str, str]]:
    return [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in properties.get("Tags") or []]


def _create_subnets(logical_id: str, properties: Properties, stack: str) -> Created:
    name = _name(properties, "CacheSubnetGroupName", stack, logical_id, 255)
    client("elasticache").create_cache_subnet_group(
        CacheSubnetGroupName=name,
        CacheSubnetGroupDescription=properties["Description"],
        SubnetIds=properties["SubnetIds"],
        Tags=_tags(properties),
    )
    return name, {}


def _update_subnets(name: str, old: Properties, new: Properties) -> dict[str, Any]:
    del old
    client("elasticache").modify_cache_subnet_group(
        CacheSubnetGroupName=name, CacheSubnetGroupDescription=new["Description"], SubnetIds=new["SubnetIds"]
    )
    return {}


def _values(properties: Properties) -> list[dict[str, str]]:
    given = properties.get("Properties") or {}
    return [{"ParameterName": name, "ParameterValue": str(value)} for name, value in given.items()]


def _create_parameters(logical_id: str, properties: Properties, stack: str) -> Created:
    name = generated(stack, logical_id, 255).lower()
    cache = client("elasticache")
    cache.create_cache_parameter_group(
        CacheParameterGroupName=name, **pick(properties, "CacheParameterGroupFamily", "Description")
    )
    if values := _values(properties):
        cache.modify_cache_parameter_group(CacheParameterGroupName=name, ParameterNameValues=values)
    return name, {"CacheParameterGroupName": name}


def _update_parameters(name: str, old: Properties, new: Properties) -> dict[str, Any]:
    if _values(new) != _values(old) and _values(new):
        client("elasticache").modify_cache_parameter_group(
            CacheParameterGroupName=name, ParameterNameValues=_values(new)
        )
    return {"CacheParameterGroupName": name}


def _arn(kind: str, name: str) -> str:
    from ministack.core.responses import get_account_id, get_region

    return f"arn:aws:elasticache:{get_region()}:{get_account_id()}:{kind}:{name}"


def _retag(arn: str, gone: list[str], changed: dict[str, str]) -> None:
    if gone:
        client("elasticache").remove_tags_from_resource(ResourceName=arn, TagKeys=gone)
    if changed:
        client("elasticache").add_tags_to_resource(ResourceName=arn, Tags=tag_list(changed))


def register_types() -> None:
    """Register the types of this file."""
    cache = "AWS::ElastiCache::"
    register(
        f"{cache}ReplicationGroup",
        ResourceType(
            _create_group,
            lambda name, _: client("elasticache").delete_replication_group(ReplicationGroupId=name),
            _update_group,
            tag_target=lambda name: _arn("replicationgroup", name),
            retag=_retag,
        ),
    )
    register(
        f"{cache}CacheCluster",
        ResourceType(
            _create_cluster,
            lambda name, _: client("elasticache").delete_cache_cluster(CacheClusterId=name),
            tag_target=lambda name: _arn("cluster", name),
            retag=_retag,
        ),
    )
    register(
        f"{cache}SubnetGroup",
        ResourceType(
            _create_subnets,
            lambda name, _: client("elasticache").delete_cache_subnet_group(CacheSubnetGroupName=name),
            _update_subnets,
            tag_target=lambda name: _arn("subnetgroup", name),
            retag=_retag,
        ),
    )
    register(
        f"{cache}ParameterGroup",
        ResourceType(
            _create_parameters,
            lambda name, _: client("elasticache").delete_cache_parameter_group(CacheParameterGroupName=name),
            _update_parameters,
            tagged=False,
        ),
    )
