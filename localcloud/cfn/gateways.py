"""VPC links of API Gateway: of REST APIs to a Network Load Balancer, of HTTP APIs into subnets.

Sources: Template Reference, AWS::ApiGateway::VpcLink and AWS::ApiGatewayV2::VpcLink; API Gateway Developer Guide,
"Set up API Gateway private integrations" (a link to a load balancer is an endpoint service of it, with a connection
that exists before one asks) and "Work with VPC links for HTTP APIs" (network interfaces in the subnets, with the
groups). The links themselves are records: no API shows them. What their interfaces say of themselves is not
documented.
"""

from __future__ import annotations

from typing import Any

from . import records
from .registry import Created, Properties, ResourceType, register

_REST, _HTTP = "AWS::ApiGateway::VpcLink", "AWS::ApiGatewayV2::VpcLink"
_SERVICE = "localcloud:service"


def _ec2() -> Any:
    from ministack.core.responses import get_account_id, get_region
    from moto.ec2.models import ec2_backends

    return ec2_backends[get_account_id()][get_region()]


def _create_rest(logical_id: str, properties: Properties, stack: str) -> Created:
    from ministack.core.responses import get_account_id, get_region

    from ..ec2 import endpoint_services

    del logical_id, stack
    link = records.hexadecimal(6)
    [balancer] = properties["TargetArns"]
    made = endpoint_services.vpc_link(get_account_id(), get_region(), balancer)
    records.create(_REST, link, {**properties, _SERVICE: made["service"]})
    return link, {"VpcLinkId": link}


def _delete_rest(link: str, properties: Properties) -> None:
    from ..ec2 import endpoint_services

    del properties
    record = records.state.records.pop(records.key(_REST, link), None)
    if record:
        endpoint_services.remove_vpc_link(_ec2(), record[_SERVICE])


def _create_http(logical_id: str, properties: Properties, stack: str) -> Created:
    from .. import bridge
    from ..ec2 import service_interfaces

    del logical_id, stack
    link = records.hexadecimal(6)
    with bridge.lock:
        service_interfaces.keep(
            _ec2(),
            _owner(link),
            properties["SubnetIds"],
            properties.get("SecurityGroupIds") or [],
            requester="amazon-apigateway",
            description=f"VPC link {link}",
            kind="api_gateway_managed",
        )
    records.create(_HTTP, link, properties)
    return link, {"VpcLinkId": link}


def _owner(link: str) -> str:
    from ministack.core.responses import get_region

    return f"arn:aws:apigateway:{get_region()}::/vpclinks/{link}"


def _delete_http(link: str, properties: Properties) -> None:
    from .. import bridge
    from ..ec2 import service_interfaces

    del properties
    with bridge.lock:
        service_interfaces.release(_ec2(), _owner(link))
    records.state.records.pop(records.key(_HTTP, link), None)


def _update(resource_type: str) -> Any:
    def update(link: str, old: Properties, new: Properties) -> dict[str, Any]:
        del old
        record = records.state.records[records.key(resource_type, link)]
        record.update(new)
        return {"VpcLinkId": link}

    return update


def register_types() -> None:
    """Register the types of this file."""
    register(_REST, ResourceType(_create_rest, _delete_rest, _update(_REST), tagged=False))
    register(_HTTP, ResourceType(_create_http, _delete_http, _update(_HTTP), tagged=False))
