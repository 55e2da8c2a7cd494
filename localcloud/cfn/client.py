"""boto3 clients whose requests never leave the process.

CloudFormation provisions with the caller's identity and from inside: the call goes straight to the bridge, CloudTrail
records it as made by the caller and `invokedBy` CloudFormation (CloudTrail User Guide, userIdentity `invokedBy`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from .. import bridge
from ..caller import CLOUDFORMATION, access_key, invoked_by
from ..cloudtrail import recorder

_EVENT_SOURCE = {"elbv2": "elasticloadbalancing"}


class _Raw:
    """What botocore reads an answer's body from."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.body


def _send(service: str, request: Any, **_: Any) -> Any:
    from botocore.awsrequest import AWSResponse
    from ministack.core.responses import get_account_id, get_region

    account, region = get_account_id(), get_region()
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
    }
    body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
    token = invoked_by.set(CLOUDFORMATION)
    try:
        if service == "ec2":
            response = bridge.ec2("POST", "/", headers, body, {}, account, region)
        else:
            response = bridge.call_moto("POST", "/", headers, body, {}, account)
        key = access_key.get() or account
        recorder.record(_EVENT_SOURCE.get(service, service), headers, body, {}, key, response)
    finally:
        invoked_by.reset(token)
    status, answer_headers, answer = response
    return AWSResponse(request.url, status, dict(answer_headers), _Raw(answer))


@functools.cache
def _client(service: str, region: str) -> Any:
    import boto3
    from botocore.config import Config

    client = boto3.session.Session().client(
        service,
        endpoint_url="http://127.0.0.1:1",  # never connected to
        region_name=region,
        aws_access_key_id="localcloud",
        aws_secret_access_key="localcloud",
        config=Config(retries={"total_max_attempts": 1}, user_agent=CLOUDFORMATION),
    )
    client.meta.events.register("before-send", functools.partial(_send, service))
    return client


def client(service: str = "ec2") -> Any:
    """A client for the account and Region of the stack that is being worked on."""
    from ministack.core.responses import get_region

    return _client(service, get_region())
