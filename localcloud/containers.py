"""Services of ECS: deployments that replace tasks, and the interfaces that tasks have.

Sources: Amazon ECS API Reference, UpdateService (networkConfiguration: "This parameter triggers a new service
deployment"; "For services using the blue/green (CODE_DEPLOY) deployment controller, only the desired count, … can be
updated using this API"), Deployment (rolloutState) and Attachment; Amazon ECS Developer Guide, "Task networking": each
task of the `awsvpc` mode has an interface, described as the ARN of its attachment, and a public address if
`assignPublicIp` is ENABLED.
"""

from __future__ import annotations

import copy
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

from . import bridge, hooks
from .databases import backends_of

# What of an update starts another deployment.
_DEPLOYS = frozenset({"network_configuration", "task_definition", "platform_version", "force_new_deployment"})
# What a CODE_DEPLOY or EXTERNAL service takes from nobody but its controller.
_NETWORK = frozenset({"network_configuration", "task_definition", "platform_version"})


@dataclass
class Settings:
    """How long things take, in seconds."""

    # From the start of a deployment until its tasks have replaced those before.
    rollout: float = 0.0

    def update(self, values: Mapping[str, Any]) -> None:
        """Change some settings, all or nothing; `ValueError` says what is wrong."""
        if unknown := sorted(set(values) - {"rollout"}):
            raise ValueError(f"unknown setting {', '.join(unknown)}: known is rollout")
        value = values.get("rollout", self.rollout)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e6:
            raise ValueError("rollout is a number of seconds, 0 or more")
        self.rollout = value

    def as_dict(self) -> dict[str, Any]:
        """The settings in the form that `update` takes."""
        return asdict(self)

    def reset(self) -> None:
        """Back to what they are at the start."""
        self.rollout = 0.0


settings = Settings()


def _ecs(account: str, region: str) -> Iterator[Any]:
    from moto.ecs.models import ecs_backends

    return backends_of(ecs_backends, account, region)


def _deploy(service: Any) -> None:
    """Begin a deployment of what the service is now."""
    service.__dict__["rolled_out_at"] = time.time() + settings.rollout
    now = time.time()
    for earlier in service.deployments:
        earlier["status"] = "ACTIVE"
    pattern = service.deployments[0] if service.deployments else {}
    service.deployments.insert(
        0,
        {
            **copy.deepcopy(pattern),
            "id": f"ecs-svc/{uuid.uuid4().int % 10**19:019d}",
            "status": "PRIMARY",
            "rolloutState": "IN_PROGRESS",
            "networkConfiguration": copy.deepcopy(service.network_configuration) or None,
            "taskDefinition": service.task_definition,
            "createdAt": now,
            "updatedAt": now,
        },
    )


def _roll_out(service: Any) -> None:
    """The tasks of the newest deployment run, and no others."""
    service.__dict__.pop("rolled_out_at", None)
    service.running_count, service.pending_count = service.desired_count or 0, 0
    del service.deployments[1:]
    for deployment in service.deployments:
        deployment.update(
            rolloutState="COMPLETED",
            runningCount=service.running_count,
            pendingCount=0,
            desiredCount=service.running_count,
        )
    service.__dict__["network_of_tasks"] = copy.deepcopy(service.network_configuration)
    service.__dict__["tasks_are_new"] = True


def _bring_about(backend: Any, now: float | None = None) -> int:
    """End the deployments that are due."""
    ended = 0
    for service in backend.services.values():
        due = service.__dict__.get("rolled_out_at")
        if due is not None and service.status == "ACTIVE" and (now is None or due <= now):
            _roll_out(service)
            ended += 1
    return ended


def end_transitions() -> int:
    """End every deployment now; returns how many."""
    from moto.ecs.models import ecs_backends

    with bridge.lock:
        accounts = [regions for _, regions in list(ecs_backends.items())]
        return sum(_bring_about(backend) for regions in accounts for _, backend in list(regions.items()))


def _interfaces(account: str, region: str) -> None:
    """Each task of a service with its interface; those of tasks that are gone are gone."""
    from moto.ec2.models import ec2_backends

    from .ec2 import interfaces

    for backend in _ecs(account, region):
        _bring_about(backend, time.time())
        ec2 = ec2_backends[account][region]
        prefix = f"arn:aws:ecs:{region}:{account}:attachment/"
        there = {subnet.id for subnet in ec2.describe_subnets()}
        kept = set()
        for service in backend.services.values():
            network = (service.__dict__.get("network_of_tasks") or {}).get("awsvpcConfiguration") or {}
            subnets = [subnet for subnet in network.get("subnets", []) if subnet in there]
            runs = service.status == "ACTIVE" and subnets
            held = [one for one in service.__dict__.get("interface_ids", []) if one in ec2.enis]
            wanted = service.running_count if runs else 0
            if service.__dict__.pop("tasks_are_new", False) or len(held) != wanted:
                groups = network.get("securityGroups") or []
                made = []
                for at in range(wanted):
                    one = interfaces.make(ec2, subnets[at % len(subnets)], groups, f"{prefix}{uuid.uuid4()}")
                    interfaces.open_or_close(one, network.get("assignPublicIp") == "ENABLED")
                    made.append(one.id)
                held = made
            service.__dict__["interface_ids"] = held
            kept.update(held)
        for attachment in (one for task in _tasks(backend) for one in task.attachments):
            found = next((it["value"] for it in attachment["details"] if it["name"] == "networkInterfaceId"), None)
            kept.add(found)
        for interface in [one for one in ec2.enis.values() if one.description.startswith(prefix)]:
            if interface.id not in kept:
                ec2.delete_network_interface(interface.id)


def _tasks(backend: Any) -> Iterator[Any]:
    for tasks in backend.tasks.values():
        yield from (task for task in tasks.values() if task.desired_status != "STOPPED")


def _create_service(original: Any) -> Any:
    def create_service(self: Any, *args: Any, **kwargs: Any) -> Any:
        service = original(self, *args, **kwargs)
        # An own list: what moto put there describes a deployment that never ends.
        service.deployments[1:] = []
        service.__dict__["rolled_out_at"] = time.time() + settings.rollout
        _bring_about(self, time.time())
        return service

    return create_service


def _update_service(original: Any) -> Any:
    def update_service(self: Any, service_properties: dict[str, Any]) -> Any:
        from moto.ecs.exceptions import InvalidParameterException

        changes = {name for name, value in service_properties.items() if value not in (None, False)}
        known = self.services.get(_key(self, service_properties))
        controller = known.deployment_controller.get("type", "ECS") if known is not None else "ECS"
        if controller != "ECS" and changes & _NETWORK:
            raise InvalidParameterException(
                f"Unable to update network parameters on services with a {controller} deployment controller."
            )
        before = copy.deepcopy(known.network_configuration) if known is not None else None
        service = original(self, service_properties)
        same = changes & _DEPLOYS == {"network_configuration"} and service.network_configuration == before
        if changes & _DEPLOYS and controller == "ECS" and not same:
            _deploy(service)
        elif "desired_count" in changes:
            service.__dict__.setdefault("rolled_out_at", time.time() + settings.rollout)
        _bring_about(self, time.time())
        return service

    return update_service


def _key(backend: Any, properties: Mapping[str, Any]) -> str:
    cluster = str(properties.get("cluster") or "default").rsplit("/", 1)[-1]
    return f"{cluster}:{str(properties.get('service', '')).rsplit('/', 1)[-1]}"


def _describe_services(original: Any) -> Any:
    def describe_services(self: Any, *args: Any, **kwargs: Any) -> Any:
        _bring_about(self, time.time())
        return original(self, *args, **kwargs)

    return describe_services


def _task(original: Any) -> Any:
    def start(self: Any, *args: Any, **kwargs: Any) -> None:
        """A task's interface, as its attachment describes it."""
        original(self, *args, **kwargs)
        from moto.ec2.models import ec2_backends

        from .ec2 import interfaces

        ec2 = ec2_backends[self._account_id][self.region_name]
        for attachment in self.attachments:
            details = {one["name"]: one["value"] for one in attachment["details"]}
            interface = ec2.enis[details["networkInterfaceId"]]
            interface.description = f"arn:aws:ecs:{self.region_name}:{self._account_id}:attachment/{attachment['id']}"
            network = self.network_configuration["awsvpcConfiguration"]
            interfaces.open_or_close(interface, network.get("assignPublicIp") == "ENABLED")

    return start


def install(app: ModuleType) -> None:
    """Patch moto's ECS, and let EC2 know the interfaces."""
    del app
    from moto.ecs.models import EC2ContainerServiceBackend, Task

    backend = EC2ContainerServiceBackend
    hooks.require_parameters(backend.update_service, "service_properties")
    hooks.replace(backend, "create_service", _create_service(hooks.require(backend, "create_service")))
    hooks.replace(backend, "update_service", _update_service(hooks.require(backend, "update_service")))
    hooks.replace(backend, "describe_services", _describe_services(hooks.require(backend, "describe_services")))
    hooks.replace(Task, "__init__", _task(hooks.require(Task, "__init__")))
    bridge.before_each_ec2_call.append(_interfaces)
