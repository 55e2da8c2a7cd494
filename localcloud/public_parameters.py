"""The public parameters of Systems Manager that templates read image ids from.

Sources: Systems Manager User Guide, "Calling AMI public parameters" (/aws/service/ami-amazon-linux-latest/…); ECS
Developer Guide, "Retrieving Amazon ECS-optimized Linux AMI metadata". The ids are made up: nobody here boots an
image.
"""

from __future__ import annotations

import hashlib
from types import ModuleType

from . import hooks

_NAMES = (
    *(
        f"/aws/service/ami-amazon-linux-latest/{image}-{architecture}"
        for image in ("al2023-ami-kernel-default", "al2023-ami-kernel-6.1", "al2023-ami-minimal-kernel-default")
        for architecture in ("x86_64", "arm64")
    ),
    "/aws/service/ami-amazon-linux-latest/amzn2-ami-kernel-5.10-hvm-arm64-gp2",
    "/aws/service/ami-amazon-linux-latest/amzn2-ami-kernel-5.10-hvm-x86_64-gp2",
    "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
    "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id",
)


def install(app: ModuleType) -> None:
    """Add what the emulator lacks."""
    del app
    from ministack.services import ssm

    known = hooks.require(ssm, "_PUBLIC_AMI_PARAMETERS")
    for name in _NAMES:
        known.setdefault(name, f"ami-{hashlib.sha256(name.encode()).hexdigest()[:17]}")
