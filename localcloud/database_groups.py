"""RDS: groups that instances use stay.

Sources: RDS API Reference, DeleteDBParameterGroup ("can't be associated with any DB instances",
InvalidDBParameterGroupState) and DeleteDBSubnetGroup ("must not be associated with any DB instances",
InvalidDBSubnetGroupStateFault).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from moto.rds.exceptions import RDSClientError
from moto.rds.models import RDSBackend

from . import hooks


def _delete_parameter_group(original: Any) -> Any:
    def delete_db_parameter_group(self: Any, db_parameter_group_name: str) -> Any:
        if any(database.db_parameter_group_name == db_parameter_group_name for database in self.databases.values()):
            raise RDSClientError(
                "InvalidDBParameterGroupState",
                "One or more database instances are still members of this parameter group "
                f"{db_parameter_group_name}, so the group cannot be deleted",
            )
        return original(self, db_parameter_group_name)

    return delete_db_parameter_group


def _delete_subnet_group(original: Any) -> Any:
    def delete_subnet_group(self: Any, subnet_name: str) -> Any:
        groups = (getattr(database, "db_subnet_group", None) for database in self.databases.values())
        if any(getattr(group, "name", group) == subnet_name for group in groups):
            raise RDSClientError(
                "InvalidDBSubnetGroupStateFault",
                f"Cannot delete the subnet group '{subnet_name}' because at least one database instance is still "
                "using it.",
            )
        return original(self, subnet_name)

    return delete_subnet_group


def install(app: ModuleType) -> None:
    """Guard the deletions."""
    del app
    parameters = hooks.require(RDSBackend, "delete_db_parameter_group")
    hooks.require_parameters(parameters, "db_parameter_group_name")
    hooks.replace(RDSBackend, "delete_db_parameter_group", _delete_parameter_group(parameters))
    subnets = hooks.require(RDSBackend, "delete_subnet_group")
    hooks.require_parameters(subnets, "subnet_name")
    hooks.replace(RDSBackend, "delete_subnet_group", _delete_subnet_group(subnets))
