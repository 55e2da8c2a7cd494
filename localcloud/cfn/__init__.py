"""CloudFormation's EC2 and load-balancer resource types, provisioned through the local cloud's own EC2.

Sources: CloudFormation Template Reference (each type's page: properties, "Update requires", Ref and Fn::GetAtt),
CloudFormation User Guide ("Resource tags": the three `aws:cloudformation:` tags; "Managing events with EventBridge").
"""

from __future__ import annotations

from types import ModuleType

from .. import hooks
from . import drift, events, logs, names, refusals
from .registry import TYPES, ResourceType


def _update(resource: ResourceType, type_name: str) -> object:
    def update(physical_id: str, old: dict, new: dict, stack: str) -> tuple[str, dict]:
        from .registry import reconcile_tags

        attributes = resource.update(physical_id, old, new)
        if resource.tagged:
            reconcile_tags(resource.tag_target(physical_id), old, new)
        return physical_id, attributes

    update.__name__ = f"update_{type_name.replace('::', '_')}"
    return update


def install(app: ModuleType) -> None:
    """Replace the emulator's EC2 types, which act on a store that nothing else sees, by the ones registered here."""
    del app
    from ministack.services.cloudformation import provisioners, stacks

    from . import endpoints, load_balancers, network, security_groups

    for module in (network, security_groups, endpoints, load_balancers):
        module.register_types()
    handlers = hooks.require(provisioners, "_RESOURCE_HANDLERS")
    replacing = hooks.require(provisioners, "_REPLACING_PROPERTIES")
    tag_properties = hooks.require(provisioners, "_STACK_TAG_PROPERTY")
    for name in [name for name in handlers if name.startswith(("AWS::EC2::", "AWS::ElasticLoadBalancingV2::"))]:
        if name not in TYPES:
            del handlers[name]  # an unknown type fails the stack, rather than making something no one can describe
    for name, resource in TYPES.items():
        handlers[name] = {
            "create": resource.create,
            "update": _update(resource, name),
            "delete": resource.delete_quietly,
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
    events.install()
    refusals.install()
