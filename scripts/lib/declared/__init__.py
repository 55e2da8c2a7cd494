"""What the topology documents declare, read without Plumbline, and compared with what AWS says.

The demo's last word must not be Plumbline's own, so this reader shares no code with it: PyYAML, the forms that the
reference topologies use, and the Describe calls of EC2, Elastic Load Balancing, CloudWatch Logs, RDS and ECS.
"""

from __future__ import annotations

from . import endpoints, exposure, flow_logs, groups, nat, privatelink, routes
from .documents import Cloud, Difference, Topology, Unreadable, Verdict, load, load_all, vpc_ids

__all__ = [
    "CONTROLS",
    "Cloud",
    "Difference",
    "Topology",
    "Unreadable",
    "Verdict",
    "compare",
    "load",
    "load_all",
    "vpc_ids",
]

# Every control that has a reader, by its name in Plumbline.
CONTROLS = {
    "security-groups": groups.compare,
    "flow-logs": flow_logs.compare,
    "nat": nat.compare,
    "privatelink": privatelink.compare,
    "routes": routes.compare,
    "exposure": exposure.compare,
    "endpoints": endpoints.compare,
}


def compare(cloud: Cloud, topology: Topology, controls: tuple[str, ...] = tuple(CONTROLS)) -> list[Verdict]:
    """What each control's reader found, in the order of `controls`."""
    vpcs = vpc_ids(cloud.ec2, topology)
    absent = [vpc for vpc in topology.vpcs if vpc not in vpcs]
    missing = [Difference(topology.id, vpc, "network", "-", "the VPC does not exist") for vpc in absent]
    verdicts = [CONTROLS[control](cloud, topology, vpcs) for control in controls]
    if missing:
        verdicts.append(Verdict("network", len(topology.vpcs), missing))
    return verdicts
