"""How often one chain of requests has been through each function: the base of recursive-loop detection.

Lambda counts invocations in the `Lineage` field of the X-Ray trace header, which needs no active tracing. The runtime
hands the header to the function (`Lambda-Runtime-Trace-Id`, then `_X_AMZN_TRACE_ID`), a supported SDK puts it on every
call (`X-Amzn-Trace-Id`), and SQS, SNS and Lambda carry it on. EventBridge does not: a loop through it goes unseen.
After about 16 invocations of one function in one chain, Lambda stops the next.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html and the AWS Compute Blog, "Detecting and
stopping recursive loops in AWS Lambda functions". AWS says "approximately 16"; here it is exactly 16. The fields of
`Lineage` are not documented; here they are `<hash of the function's ARN>:<count>`, joined by `|`.
"""

from __future__ import annotations

import contextvars
import hashlib
import re
import secrets
import time

MAX_INVOCATIONS = 16
HEADER = "x-amzn-trace-id"

# The trace header of the request or message being handled; empty when there is none.
current: contextvars.ContextVar[str] = contextvars.ContextVar("localcloud_trace_header", default="")


def _fields(header: str) -> dict[str, str]:
    return dict(part.strip().split("=", 1) for part in header.split(";") if "=" in part)


def _key(function_arn: str) -> str:
    # A chain is counted per function: versions and aliases of it count together.
    unqualified = ":".join(function_arn.split(":")[:7])
    return hashlib.sha256(unqualified.encode()).hexdigest()[:8]


def _counts(header: str) -> dict[str, int]:
    found = re.findall(r"([0-9a-f]{8}):(\d{1,6})(?:\||$)", _fields(header).get("Lineage", ""))
    return {key: int(count) for key, count in found}


def invocations(header: str, function_arn: str) -> int:
    """How often the function has run in the chain that this header belongs to."""
    return _counts(header).get(_key(function_arn), 0)


def invoked(header: str, function_arn: str) -> str:
    """The header that an invocation of the function is given: the chain's, with one more invocation counted."""
    fields = _fields(header)
    counts = _counts(header)
    counts[_key(function_arn)] = counts.get(_key(function_arn), 0) + 1
    root = fields.get("Root") or f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    lineage = "|".join(f"{key}:{count}" for key, count in counts.items())
    sampled = fields.get("Sampled", "0")
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled={sampled};Lineage={lineage}"


def exhausted(header: str, function_arn: str, recursive_loop: str | None) -> bool:
    """Whether Lambda stops the next invocation; `recursive_loop` is the function's setting, `Terminate` by default."""
    return recursive_loop != "Allow" and invocations(header, function_arn) >= MAX_INVOCATIONS
