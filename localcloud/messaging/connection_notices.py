"""Notices of PrivateLink connections, published by `vpce.amazonaws.com` to the topic that the provider named.

Source: PrivateLink guide, "Receive alerts for endpoint service events": without a statement in the topic's policy that
lets the service publish, with the endpoint service as aws:SourceArn, nothing arrives, and nobody is told.
"""

from __future__ import annotations

import json
import logging
from types import ModuleType

from .. import hooks
from ..ec2 import connection_notifications

log = logging.getLogger("localcloud.privatelink")
PRINCIPAL = "vpce.amazonaws.com"


def _publish(account: str, region: str, source_arn: str, topic_arn: str, message: dict[str, str]) -> None:
    from ministack.core.responses import request_scope
    from ministack.services import sns

    with request_scope(account, region):
        if not sns.topic_policy_allows(topic_arn, PRINCIPAL, source_arn, account):
            log.warning("the topic %s does not let %s in for %s", topic_arn, PRINCIPAL, source_arn)
            return
        subject = f"AWS PrivateLink: {message['event']}"
        sns.publish_internal(topic_arn, json.dumps(message), subject)


def install(app: ModuleType) -> None:
    """Carry the notifications to SNS."""
    del app
    from ministack.services import sns

    hooks.require_parameters(sns.topic_policy_allows, "topic_arn", "service", "source_arn", "source_account")
    hooks.require_parameters(sns.publish_internal, "topic_arn", "message", "subject")
    connection_notifications.publishers.append(_publish)
