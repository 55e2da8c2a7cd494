"""Deploys templates to the local cloud through CloudFormation, as `sam deploy` does to AWS.

`python -m localcloud.deploy --endpoint http://127.0.0.1:4566 --template template.yaml --stack plumbline
--binaries target/debug --topologies topologies --parameter VpcIds='*'` packages what the template names (function
packages from plain binaries, the layer from a folder), uploads it to S3, rewrites the template to point there, and
creates or updates the stack through S3's TemplateURL: the template is past the 51,200 bytes that CloudFormation takes
inline (CloudFormation User Guide, "Quotas"). A rendered network template deploys the same way and names nothing.

It refuses every endpoint that is not loopback, and takes no credentials from the host.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import io
import ipaddress
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-east-1"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
# Property by resource type: what `aws cloudformation package` uploads.
_FUNCTION, _LAYER = "AWS::Serverless::Function", "AWS::Serverless::LayerVersion"
_ARTIFACT = {_FUNCTION: "CodeUri", _LAYER: "ContentUri"}
_FAILED = ("FAILED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25
# ZIP knows no date before 1980; a fixed one makes equal content give equal archives.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class DeployError(Exception):
    """What went wrong, in words for the person who deploys."""


class _Template(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Ref`, `!Sub`, `!GetAtt a.b` …)."""


def _short_form(loader: _Template, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    return {name: value}


_Template.add_multi_constructor("!", _short_form)
# Dates stay text, as CloudFormation keeps them: "2012-10-17" is a policy version.
_Template.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_template(path: Path) -> dict[str, Any]:
    """A template as JSON values; `DeployError` if it is not one."""
    try:
        template = yaml.load(path.read_text(encoding="utf-8"), Loader=_Template)
    except (OSError, yaml.YAMLError) as error:
        raise DeployError(f"{path}: {error}") from error
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise DeployError(f"{path}: a template is a mapping with Resources")
    return template


def require_loopback(endpoint: str) -> str:
    """The endpoint, if it is on this machine; `DeployError` if it is anything else."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if parts.scheme != "http" or not loopback:
        raise DeployError(f"{endpoint!r} is not a local cloud: only http on a loopback address is deployed to")
    return endpoint.rstrip("/")


@functools.cache
def client(service: str, endpoint: str, region: str = REGION) -> Any:
    """A client of the local cloud's account root, with nothing of the host's AWS settings. Kept: making one is slow."""
    nothing = {name: (None, None, os.devnull, None) for name in ("config_file", "credentials_file")}
    session = botocore.session.Session({**nothing, "profile": (None, None, None, None)})
    return boto3.session.Session(botocore_session=session).client(
        service,
        endpoint_url=require_loopback(endpoint),
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 2}, proxies={}, s3={"addressing_style": "path"}),
    )


def _add(archive: zipfile.ZipFile, name: str, content: bytes, mode: int) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.external_attr = mode << 16
    # Stored: a development binary is tens of megabytes, and nothing here goes over a wire.
    archive.writestr(info, content, compress_type=zipfile.ZIP_STORED)


@dataclass(frozen=True)
class Package:
    """An archive by its digest, read only by whoever has to upload it."""

    digest: str
    read: Callable[[], bytes]

    @classmethod
    def of(cls, content: bytes) -> Package:
        """The package with this content."""
        return cls(hashlib.sha256(content).hexdigest(), lambda: content)


def zip_binary(binary: Path) -> Package:
    """A function package with this binary as `bootstrap` (Lambda Developer Guide, "custom runtime").

    Kept beside the binary, in `packages/`: a dozen of tens of megabytes each are made once a build, not once a deploy.
    """
    if not binary.is_file():
        raise DeployError(f"{binary} does not exist: build it first")
    about = binary.stat()
    folder = binary.parent / "packages"
    kept = f"{binary.name}-{about.st_mtime_ns}-{about.st_size}"
    archive, digest = folder / f"{kept}.zip", folder / f"{kept}.sha256"
    if not (archive.is_file() and digest.is_file()):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as made:
            _add(made, "bootstrap", _stripped(binary), 0o755)
        folder.mkdir(exist_ok=True)
        for former in folder.glob(f"{binary.name}-[0-9]*"):
            if not former.name.startswith(kept):
                former.unlink(missing_ok=True)
        _write(archive, buffer.getvalue())
        _write(digest, hashlib.sha256(buffer.getvalue()).hexdigest().encode())
    return Package(digest.read_text(), archive.read_bytes)


def _write(path: Path, content: bytes) -> None:
    """The whole file at once: two may deploy at the same time."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)


def _stripped(binary: Path) -> bytes:
    """The binary without its symbols, if there is a tool for it: half the bytes to upload, keep and extract."""
    tool = shutil.which("strip")
    content = binary.read_bytes()
    if tool is None or not content.startswith(b"\x7fELF"):
        return content
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "bootstrap")
        done = subprocess.run([tool, "-o", str(target), str(binary)], capture_output=True, check=False)
        return target.read_bytes() if done.returncode == 0 else content


def zip_folder(folder: Path, prefix: str = "", names: str = "**/*") -> bytes:
    """The files of a folder that match, under `prefix`."""
    if not folder.is_dir():
        raise DeployError(f"{folder} is not a folder")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.glob(names)):
            if path.is_file():
                _add(archive, prefix + path.relative_to(folder).as_posix(), path.read_bytes(), 0o644)
    return buffer.getvalue()


@dataclass(frozen=True)
class Sources:
    """Where the packages of a template come from."""

    # The folder that the template's paths are relative to.
    root: Path = Path()
    # With it, a function's package is made of the binary of that name here: `dist/sweep.zip` -> `<binaries>/sweep`.
    binaries: Path | None = None
    # With it, the layer is made of `<topologies>/<name>/topology.yaml`.
    topologies: Path | None = None
    # Logical id -> binary, where the names differ.
    functions: dict[str, Path] = field(default_factory=dict)

    def package(self, logical_id: str, resource: dict[str, Any]) -> Package:
        """The archive for one resource."""
        kind = resource["Type"]
        path = self.root / str(resource["Properties"][_ARTIFACT[kind]])
        if kind == _LAYER and self.topologies is not None:
            return Package.of(zip_folder(self.topologies, "topologies/", "*/topology.yaml"))
        if kind == _FUNCTION and logical_id in self.functions:
            return zip_binary(self.functions[logical_id])
        if kind == _FUNCTION and self.binaries is not None:
            build = (resource.get("Metadata") or {}).get("BuildProperties") or {}
            return zip_binary(self.binaries / (build.get("Binary") or path.stem))
        if path.is_dir():
            return Package.of(zip_folder(path))
        if path.suffix == ".zip" and path.is_file():
            return Package.of(path.read_bytes())
        raise DeployError(f"{logical_id}: {path} does not exist; give --binaries and --topologies, or build it")


def package(template: dict[str, Any], sources: Sources, upload: Callable[[str, Package], None], bucket: str) -> None:
    """Upload what the template names, once for equal content, and point the template there (in place)."""
    uploaded: set[str] = set()
    packages: dict[tuple[str, str], Package] = {}
    for logical_id, resource in template["Resources"].items():
        artifact = _ARTIFACT.get(resource.get("Type", ""))
        location = resource.get("Properties", {}).get(artifact) if artifact else None
        if not isinstance(location, str) or location.startswith("s3://"):
            continue
        source = (resource["Type"], location if logical_id not in sources.functions else logical_id)
        if source not in packages:
            packages[source] = sources.package(logical_id, resource)
        made = packages[source]
        key = f"packages/{made.digest}.zip"
        if key not in uploaded:
            upload(key, made)
            uploaded.add(key)
        resource["Properties"][artifact] = {"Bucket": bucket, "Key": key}


def _quiet(_: str) -> None:
    return None


@dataclass
class Deployer:
    """Deploys stacks to one local cloud."""

    endpoint: str
    region: str = REGION
    tell: Callable[[str], None] = _quiet
    # One a Region, unless told: a bucket is in one Region, and its name is nobody else's.
    bucket: str = ""
    timeout: float = 120.0

    def __post_init__(self) -> None:
        """Refuse what is not loopback before anything is done."""
        self.bucket = self.bucket or f"localcloud-deployments-{self.region}"
        self.s3 = client("s3", self.endpoint, self.region)
        self.cloudformation = client("cloudformation", self.endpoint, self.region)

    def deploy(
        self,
        template: Path | dict[str, Any],
        stack: str,
        parameters: dict[str, str] | None = None,
        sources: Sources | None = None,
    ) -> dict[str, str]:
        """Create or update a stack and wait for it; returns its outputs."""
        if isinstance(template, Path):
            root = template.parent
            template = load_template(template)
            sources = sources or Sources(root)
        body = json.loads(json.dumps(template))
        self._bucket()
        package(body, sources or Sources(), self._upload_once, self.bucket)
        return self.create_stack(body, stack, parameters or {})

    def create_stack(self, template: dict[str, Any], stack: str, parameters: dict[str, str]) -> dict[str, str]:
        """Create or update a stack of a template that names no local files."""
        self._bucket()
        text = json.dumps(template, indent=1).encode()
        key = f"templates/{stack}-{hashlib.sha256(text).hexdigest()[:16]}.json"
        self._upload(key, text)
        request = {
            "StackName": stack,
            "TemplateURL": f"{self.endpoint}/{self.bucket}/{key}",
            "Capabilities": CAPABILITIES,
            "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        }
        known = self._status(stack)
        seen = {event["EventId"] for event in self._events(stack)} if known else set()
        try:
            if known and known != "DELETE_COMPLETE":
                self.cloudformation.update_stack(**request)
            else:
                self.cloudformation.create_stack(**request, OnFailure="DO_NOTHING")
        except ClientError as error:
            message = error.response["Error"]["Message"]
            if "No updates are to be performed" in message:
                self.tell(f"{stack}: nothing to change")
                return self._outputs(stack)
            raise DeployError(f"{stack}: {message}") from error
        return self._wait(stack, seen)

    def delete_stack(self, stack: str) -> None:
        """Delete a stack and wait until it is gone."""
        self.cloudformation.delete_stack(StackName=stack)
        end, pause = time.monotonic() + self.timeout, _FIRST_PAUSE
        while (status := self._status(stack)) not in (None, "DELETE_COMPLETE"):
            if status == "DELETE_FAILED" or time.monotonic() > end:
                failed = [event for event in self._events(stack) if event["ResourceStatus"] == "DELETE_FAILED"]
                reasons = [f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason', '')}" for one in failed]
                raise DeployError(f"{stack}: not deleted ({status})\n  " + "\n  ".join(reasons))
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _bucket(self) -> None:
        try:
            # S3 API Reference, CreateBucket: every Region but us-east-1 is named.
            named = {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
            self.s3.create_bucket(Bucket=self.bucket, **({} if self.region == "us-east-1" else named))
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise

    def _upload(self, key: str, content: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)

    def _upload_once(self, key: str, made: Package) -> None:
        """Upload what its key tells apart, unless it is there, as `aws cloudformation package` does."""
        try:
            self.s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            self._upload(key, made.read())

    def _status(self, stack: str) -> str | None:
        try:
            return str(self.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
        except ClientError:
            return None

    def _events(self, stack: str) -> Iterator[dict[str, Any]]:
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
        for page in pages:
            yield from page["StackEvents"]

    def _outputs(self, stack: str) -> dict[str, str]:
        [found] = self.cloudformation.describe_stacks(StackName=stack)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def _wait(self, stack: str, seen: set[str]) -> dict[str, str]:
        end, pause = time.monotonic() + self.timeout, _FIRST_PAUSE
        failures: list[str] = []
        while True:
            status = self._status(stack) or "UNKNOWN"
            for event in reversed(list(self._events(stack))):
                if event["EventId"] in seen:
                    continue
                seen.add(event["EventId"])
                line = f"{event['ResourceStatus']} {event.get('ResourceType', '')} {event['LogicalResourceId']}"
                reason = event.get("ResourceStatusReason", "")
                self.tell(f"{stack}: {line}{': ' + reason if reason else ''}")
                if event["ResourceStatus"].endswith("FAILED"):
                    failures.append(f"{line}: {reason}")
            if status.endswith(("_COMPLETE", "_FAILED")) and not status.endswith("CLEANUP_IN_PROGRESS"):
                break
            if time.monotonic() > end:
                raise DeployError(f"{stack}: still {status} after {self.timeout:.0f} s")
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            details = "\n  ".join(failures) or "no resource says why"
            raise DeployError(f"{stack}: {status}\n  {details}")
        return self._outputs(stack)


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 if the deployment failed."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.deploy", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--endpoint", required=True, help="of the local cloud, on loopback")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--template", type=Path)
    what.add_argument("--delete", action="store_true", help="delete the stack instead")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--region", default=REGION)
    parser.add_argument("--binaries", type=Path, help="folder of the functions' binaries, such as target/debug")
    parser.add_argument("--topologies", type=Path, help="folder of <name>/topology.yaml for the layer")
    parser.add_argument("--function", action="append", default=[], type=_pair, metavar="LOGICALID=BINARY")
    parser.add_argument("--parameter", action="append", default=[], type=_pair, metavar="NAME=VALUE")
    parser.add_argument("--timeout", type=float, default=120.0)
    parser.add_argument("--quiet", action="store_true", help="no progress, only the outputs")
    given = parser.parse_args(arguments)
    functions = {name: Path(value) for name, value in given.function}
    tell = _quiet if given.quiet else lambda line: print(line, file=sys.stderr, flush=True)
    try:
        deployer = Deployer(given.endpoint, given.region, tell, timeout=given.timeout)
        if given.delete:
            deployer.delete_stack(given.stack)
            return 0
        sources = Sources(given.template.parent, given.binaries, given.topologies, functions)
        outputs = deployer.deploy(given.template, given.stack, dict(given.parameter), sources)
    except DeployError as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 1
    print(json.dumps(outputs, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
