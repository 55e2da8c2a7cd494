"""ElastiCache: network interfaces, groups of subnets and of parameters, deletion.

Sources: ElastiCache API Reference, CreateReplicationGroup, ModifyReplicationGroup (`SecurityGroupIds`),
DeleteReplicationGroup, DeleteCacheSubnetGroup (`CacheSubnetGroupInUse`), ModifyCacheSubnetGroup,
CreateCacheParameterGroup and its like; ElastiCache User Guide, "Subnets and subnet groups" (a node has an interface
in a subnet of its group).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NoReturn

from moto.core.responses import ActionResult
from moto.elasticache.exceptions import ElastiCacheException
from moto.elasticache.models import ElastiCacheBackend
from moto.elasticache.responses import ElastiCacheResponse

from . import hooks
from .ec2 import service_interfaces

_PARAMETER_GROUPS = "localcloud_parameter_groups"


class _Refusal(ElastiCacheException):
    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def _refuse(code: str, message: str) -> NoReturn:
    raise _Refusal(code, message)


def _ec2(backend: Any) -> Any:
    from moto.ec2.models import ec2_backends

    return ec2_backends[backend.account_id][backend.region_name]


def _hold(backend: Any, owner: Any, name: str, nodes: int) -> None:
    """A node has an interface in one of the subnets of its group."""
    group = backend.cache_subnet_groups.get(owner.cache_subnet_group_name or "")
    if group is None:
        return
    service_interfaces.keep(
        _ec2(backend),
        owner.arn,
        group.subnet_ids[:nodes],
        owner.security_group_ids or [],
        requester="amazon-elasticache",
        description=f"ElastiCache {name}",
    )


def _create_replication_group(original: Any) -> Any:
    def create_replication_group(self: Any, **named: Any) -> Any:
        subnets = named.get("cache_subnet_group_name")
        if subnets and subnets not in self.cache_subnet_groups:
            _refuse("CacheSubnetGroupNotFoundFault", f"CacheSubnetGroup {subnets} not found.")
        if named.get("auth_token") and not named.get("transit_encryption_enabled"):
            _refuse("InvalidParameterCombination", "AuthToken requires TransitEncryptionEnabled")
        nodes = named.get("num_cache_clusters")
        if nodes and not named.get("replicas_per_node_group"):
            named["replicas_per_node_group"] = nodes - 1  # moto reads only this one
        group = original(self, **named)
        _hold(self, group, group.replication_group_id, len(group.member_clusters))
        return group

    return create_replication_group


def _delete_replication_group(original: Any) -> Any:
    def delete_replication_group(self: Any, replication_group_id: str, retain_primary_cluster: Any) -> Any:
        group = original(self, replication_group_id, retain_primary_cluster)
        self.replication_groups.pop(replication_group_id)
        service_interfaces.release(_ec2(self), group.arn)
        return group

    return delete_replication_group


def _create_cluster(original: Any) -> Any:
    def create_cache_cluster(self: Any, **named: Any) -> Any:
        cluster = original(self, **named)
        _hold(self, cluster, cluster.cache_cluster_id, int(named.get("num_cache_nodes") or 1))
        return cluster

    return create_cache_cluster


def _delete_cluster(original: Any) -> Any:
    def delete_cache_cluster(self: Any, cache_cluster_id: str) -> Any:
        cluster = original(self, cache_cluster_id)
        self.cache_clusters.pop(cache_cluster_id)
        service_interfaces.release(_ec2(self), cluster.arn)
        return cluster

    return delete_cache_cluster


def _modify_replication_group(original: Any) -> Any:
    def modify_replication_group(self: Any) -> Any:
        answer = original(self)
        backend = self.elasticache_backend
        group = backend.replication_groups[self._get_param("ReplicationGroupId")]
        if groups := self._get_param("SecurityGroupIds", []):
            group.security_group_ids = groups
        if parameters := self._get_param("CacheParameterGroupName"):
            group.cache_parameter_group_name = parameters
        _hold(backend, group, group.replication_group_id, len(group.member_clusters))
        return answer

    return modify_replication_group


def _subnet_group(self: Any) -> Any:
    name = self._get_param("CacheSubnetGroupName")
    return self.elasticache_backend.describe_cache_subnet_groups(name)[0]


def _delete_subnet_group(self: Any) -> ActionResult:
    backend, group = self.elasticache_backend, _subnet_group(self)
    name = group.cache_subnet_group_name
    users = [*backend.replication_groups.values(), *backend.cache_clusters.values()]
    if any(user.cache_subnet_group_name == name for user in users):
        _refuse("CacheSubnetGroupInUse", f"Cache subnet group {name} is currently in use by a cache cluster.")
    del backend.cache_subnet_groups[name]
    return ActionResult({})


def _modify_subnet_group(self: Any) -> ActionResult:
    group = _subnet_group(self)
    if description := self._get_param("CacheSubnetGroupDescription"):
        group.cache_subnet_group_description = description
    if subnets := self._get_param("SubnetIds", []):
        group.subnet_ids = subnets
    return ActionResult({"CacheSubnetGroup": group})


def _groups(self: Any) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = self.elasticache_backend.__dict__.setdefault(_PARAMETER_GROUPS, {})
    return groups


def _parameter_group(self: Any) -> dict[str, Any]:
    name = self._get_param("CacheParameterGroupName")
    if name not in _groups(self):
        _refuse("CacheParameterGroupNotFound", f"CacheParameterGroup {name} not found.")
    return _groups(self)[name]


def _create_parameter_group(self: Any) -> ActionResult:
    name = self._get_param("CacheParameterGroupName")
    if name in _groups(self):
        _refuse("CacheParameterGroupAlreadyExists", f"Cache parameter group {name} already exists.")
    backend = self.elasticache_backend
    _groups(self)[name] = group = {
        "CacheParameterGroupName": name,
        "CacheParameterGroupFamily": self._get_param("CacheParameterGroupFamily"),
        "Description": self._get_param("Description"),
        "ARN": f"arn:aws:elasticache:{backend.region_name}:{backend.account_id}:parametergroup:{name}",
        "Values": {},
    }
    return ActionResult({"CacheParameterGroup": group})


def _modify_parameter_group(self: Any) -> ActionResult:
    group = _parameter_group(self)
    for value in self._get_param("ParameterNameValues", []):
        group["Values"][value["ParameterName"]] = value["ParameterValue"]
    return ActionResult({"CacheParameterGroupName": group["CacheParameterGroupName"]})


def _describe_parameter_groups(self: Any) -> ActionResult:
    named = self._get_param("CacheParameterGroupName")
    return ActionResult({"CacheParameterGroups": [_parameter_group(self)] if named else list(_groups(self).values())})


def _delete_parameter_group(self: Any) -> ActionResult:
    name = _parameter_group(self)["CacheParameterGroupName"]
    groups = self.elasticache_backend.replication_groups.values()
    if any(group.cache_parameter_group_name == name for group in groups):
        _refuse("InvalidCacheParameterGroupState", f"The cache parameter group {name} is in use.")
    del _groups(self)[name]
    return ActionResult({})


def install(app: ModuleType) -> None:
    """Complete moto's ElastiCache."""
    del app
    for name, wrap in (
        ("create_replication_group", _create_replication_group),
        ("delete_replication_group", _delete_replication_group),
        ("create_cache_cluster", _create_cluster),
        ("delete_cache_cluster", _delete_cluster),
    ):
        hooks.replace(ElastiCacheBackend, name, wrap(hooks.require(ElastiCacheBackend, name)))
    modify = hooks.require(ElastiCacheResponse, "modify_replication_group")
    hooks.replace(ElastiCacheResponse, "modify_replication_group", _modify_replication_group(modify))
    for name, action in (
        ("delete_cache_subnet_group", _delete_subnet_group),
        ("modify_cache_subnet_group", _modify_subnet_group),
        ("create_cache_parameter_group", _create_parameter_group),
        ("modify_cache_parameter_group", _modify_parameter_group),
        ("describe_cache_parameter_groups", _describe_parameter_groups),
        ("delete_cache_parameter_group", _delete_parameter_group),
    ):
        if hasattr(ElastiCacheResponse, name):
            raise hooks.HookMissing(f"moto now has {name}: drop or rework the addition")
        setattr(ElastiCacheResponse, name, action)
