"""Who makes the call that the current context is serving, where the request itself does not say it."""

from __future__ import annotations

from contextvars import ContextVar

CLOUDFORMATION = "cloudformation.amazonaws.com"

# The access key of the request that the context descends from: CloudFormation acts with its caller's identity.
access_key: ContextVar[str | None] = ContextVar("localcloud_access_key", default=None)
# The AWS service that makes the call on the caller's behalf, if one does.
invoked_by: ContextVar[str | None] = ContextVar("localcloud_invoked_by", default=None)
