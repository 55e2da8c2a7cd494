"""Deploying a SAM application through CloudFormation."""

import json
from pathlib import Path

import pytest

from localcloud.deploy import Deployer, DeployError, Sources, load_template, main, require_loopback, zip_binary

from .conftest import package

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Reserved: { Type: Number, Default: 4 }
Globals:
  Function: { Runtime: provided.al2023, Handler: bootstrap, Timeout: 10 }
Resources:
  Topologies:
    Type: AWS::Serverless::LayerVersion
    Properties: { LayerName: topologies, ContentUri: dist/layer, RetentionPolicy: Retain }
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: sts:AssumeRole }]
      Policies:
        - PolicyName: p
          PolicyDocument:
            Version: 2012-10-17
            Statement:
              - { Effect: Allow, Action: "sqs:*", Resource: !GetAtt Queue.Arn }
  Queue:
    Type: AWS::SQS::Queue
    Properties: { QueueName: !Sub "${AWS::StackName}-in", VisibilityTimeout: 60 }
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "${AWS::StackName}-reader"
      CodeUri: dist/reader.zip
      Role: !GetAtt Role.Arn
      Layers: [!Ref Topologies]
      RecursiveLoop: Allow
      ReservedConcurrentExecutions: !Ref Reserved
      Events:
        In:
          Type: SQS
          Properties:
            Queue: !GetAtt Queue.Arn
            BatchSize: 10
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: { MaximumConcurrency: 3 }
Outputs:
  Name: { Value: !Ref Reader }
"""
HANDLER = """
def handle(event, context):
    folder = os.environ["PLUMBLINE_TOPOLOGIES"]
    return {name: open(os.path.join(folder, name, "topology.yaml")).read() for name in os.listdir(folder)}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A template with its binary and its topologies."""
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    import io
    import zipfile

    binaries = tmp_path / "target"
    binaries.mkdir()
    (binaries / "reader").write_bytes(zipfile.ZipFile(io.BytesIO(package(HANDLER))).read("bootstrap"))
    declare(tmp_path, "version: 1")
    return tmp_path


def declare(project: Path, text: str) -> None:
    (project / "topologies" / "three-tier").mkdir(parents=True, exist_ok=True)
    (project / "topologies" / "three-tier" / "topology.yaml").write_text(text)


def sources(project: Path) -> Sources:
    return Sources(project, project / "target", project / "topologies")


def test_a_sam_application_is_deployed_and_updated(cloud, project):
    told: list[str] = []
    deployer = Deployer(cloud.endpoint, tell=told.append)
    outputs = deployer.deploy(project / "template.yaml", "app", sources=sources(project))
    assert outputs == {"Name": "app-reader"}
    assert any("CREATE_COMPLETE AWS::Lambda::Function Reader" in line for line in told)
    assert cloud.invoke("app-reader") == {"three-tier": "version: 1"}

    client = cloud.client("lambda")
    assert client.get_function_concurrency(FunctionName="app-reader")["ReservedConcurrentExecutions"] == 4
    assert client.get_function_recursion_config(FunctionName="app-reader")["RecursiveLoop"] == "Allow"
    [mapping] = client.list_event_source_mappings()["EventSourceMappings"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 3}

    declare(project, "version: 2")
    deployer.deploy(project / "template.yaml", "app", {"Reserved": "0"}, sources(project))
    assert client.get_function_concurrency(FunctionName="app-reader")["ReservedConcurrentExecutions"] == 0
    deployer.deploy(project / "template.yaml", "app", {"Reserved": "5"}, sources(project))
    assert cloud.invoke("app-reader") == {"three-tier": "version: 2"}, "a new layer version means new environments"
    versions = client.list_layer_versions(LayerName="topologies")["LayerVersions"]
    assert [version["Version"] for version in versions] == [2, 1]

    told.clear()
    assert deployer.deploy(project / "template.yaml", "app", {"Reserved": "5"}, sources(project)) == outputs
    assert told == ["app: nothing to change"]
    deployer.delete_stack("app")
    assert client.list_functions()["Functions"] == []


def test_a_failing_stack_says_which_resource_and_why(cloud):
    template = {
        "Resources": {
            "Net": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
            "Sub": {
                "Type": "AWS::EC2::Subnet",
                "Properties": {"VpcId": {"Ref": "Net"}, "CidrBlock": "192.168.0.0/24"},
            },
        }
    }
    with pytest.raises(DeployError, match=r"(?s)CREATE_FAILED AWS::EC2::Subnet Sub: .*192\.168\.0\.0/24"):
        Deployer(cloud.endpoint).deploy(template, "broken")


def test_a_template_past_the_inline_limit_is_deployed(cloud):
    """51,200 bytes inline, 1 MB through S3 (CloudFormation User Guide, "Quotas")."""
    tags = [{"Key": "k", "Value": "x" * 200}]
    resources = {
        f"Q{n}": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"q-{n}", "Tags": tags}} for n in range(200)
    }
    template = {"Resources": resources}
    assert len(json.dumps(template)) > 51_200
    Deployer(cloud.endpoint).deploy(template, "large")
    assert len(cloud.client("sqs").list_queues(MaxResults=1000)["QueueUrls"]) == 200


@pytest.mark.parametrize(
    "endpoint", ["https://ec2.us-east-1.amazonaws.com", "http://10.0.0.5:4566", "http://example.com", "nonsense", ""]
)
def test_only_loopback_is_deployed_to(endpoint, capsys, tmp_path):
    with pytest.raises(DeployError, match="loopback"):
        require_loopback(endpoint)
    (tmp_path / "t.yaml").write_text("Resources: {}")
    assert main(["--endpoint", endpoint, "--template", str(tmp_path / "t.yaml"), "--stack", "s"]) == 1
    assert "loopback" in capsys.readouterr().err


def test_the_hosts_aws_settings_do_not_matter(cloud, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    Deployer(cloud.endpoint).deploy({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}, "clean")


def test_what_is_missing_is_named(cloud, project, tmp_path):
    (project / "target" / "reader").unlink()
    with pytest.raises(DeployError, match=r"target/reader does not exist"):
        Deployer(cloud.endpoint).deploy(project / "template.yaml", "app", sources=sources(project))
    for text in ("- a list", "Resources: [", "x: 1"):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(DeployError, match=r"bad\.yaml"):
            load_template(tmp_path / "bad.yaml")


def test_short_forms_and_dates_are_read_as_cloudformation_reads_them(tmp_path):
    (tmp_path / "t.yaml").write_text(
        'Resources: { A: { Arn: !GetAtt Q.Arn, Name: !Sub "${X}-y", If: !If [C, !Ref A, !Ref B], V: 2012-10-17 } }'
    )
    assert load_template(tmp_path / "t.yaml")["Resources"]["A"] == {
        "Arn": {"Fn::GetAtt": ["Q", "Arn"]},
        "Name": {"Fn::Sub": "${X}-y"},
        "If": {"Fn::If": ["C", {"Ref": "A"}, {"Ref": "B"}]},
        "V": "2012-10-17",
    }


def test_equal_content_gives_equal_packages(tmp_path):
    """A package that did not change does not change the function."""
    (tmp_path / "b").write_bytes(b"binary")
    first = zip_binary(tmp_path / "b")
    (tmp_path / "b").touch()
    assert zip_binary(tmp_path / "b").digest == first.digest
    (tmp_path / "b").write_bytes(b"another")
    assert zip_binary(tmp_path / "b").digest != first.digest
