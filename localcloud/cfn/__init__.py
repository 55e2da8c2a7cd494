"""CloudFormation: the resource types of the services that moto serves, and those that the emulator lacks.

Sources: CloudFormation Template Reference (each type's page: properties, "Update requires", Ref and Fn::GetAtt),
CloudFormation User Guide ("Resource tags": the three `aws:cloudformation:` tags; "Managing events with EventBridge").
"""

from __future__ import annotations

import importlib
from types import ModuleType

from .. import hooks
from . import change_sets, drift, drift_systems, events, logs, names, refusals, schema
from .registry import TYPES, ResourceType

_FAMILIES = (
    "network",
    "security_groups",
    "endpoints",
    "load_balancers",
    "instances",
    "auto_scaling",
    "databases",
    "containers",
    "caches",
    "gateways",
    "config_rules",
    "records",
)
# Whose API moto serves: the emulator's own types would make them where no API shows them.
_OURS = (
    "AWS::EC2::",
    "AWS::ElasticLoadBalancingV2::",
    "AWS::AutoScaling::",
    "AWS::RDS::",
    "AWS::DocDB::",
    "AWS::ECS::",
    "AWS::ElastiCache::",
)


def _update(resource: ResourceType, type_name: str) -> object:
    def update(physical_id: str, old: dict, new: dict, stack: str) -> tuple[str, dict]:
        from .registry import reconcile_tags

        attributes = resource.update(physical_id, old, new)
        if resource.tagged:
            reconcile_tags(resource, physical_id, old, new)
        return physical_id, attributes

    update.__name__ = f"update_{type_name.replace('::', '_')}"
    return update


def install(app: ModuleType) -> None:
    """Replace the emulator's EC2 types, which act on a store that nothing else sees, by the ones registered here."""
    del app
    from ministack.services.cloudformation import provisioners, stacks

    for module in _FAMILIES:
        importlib.import_module(f"{__name__}.{module}").register_types()
    handlers = hooks.require(provisioners, "_RESOURCE_HANDLERS")
    replacing = hooks.require(provisioners, "_REPLACING_PROPERTIES")
    tag_properties = hooks.require(provisioners, "_STACK_TAG_PROPERTY")
    for name in [name for name in handlers if name.startswith(_OURS)]:
        if name not in TYPES:
            del handlers[name]  # an unknown type fails the stack, rather than making something no one can describe
    for name, resource in TYPES.items():
        handlers[name] = {
            "create": resource.create,
            "update": _update(resource, name),
            "delete": resource.delete_quietly,
            **({"snapshot": resource.snapshot} if resource.snapshot else {}),
        }
        replacing[name] = resource.replaced_by
        if resource.tagged:
            tag_properties[name] = ("Tags", "list")
        else:
            tag_properties.pop(name, None)

    # EC2 calls block (moto's lock; a NAT gateway is waited for): never on the front door's event loop.
    original = hooks.require(stacks, "_runs_on_worker_thread")
    hooks.replace(stacks, "_runs_on_worker_thread", lambda name: name in TYPES or original(name))
    logs.install()
    names.install()
    drift.install()
    drift_systems.install()
    events.install()
    change_sets.install()
    refusals.install()
    schema.install()
