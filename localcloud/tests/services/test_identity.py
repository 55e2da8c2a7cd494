"""Who a caller is."""

import json

from .conftest import ACCOUNT


def test_root_user_and_role_session_are_told_apart(cloud):
    """STS GetCallerIdentity: the ARN of the root, a user, an assumed-role session (IAM User Guide, "IAM ARNs")."""
    iam = cloud.client("iam")
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    alice = (key["AccessKeyId"], key["SecretAccessKey"], None)
    session = cloud.assume("operator", session="night-shift")

    def who(*keys):
        return cloud.client("sts", *keys).get_caller_identity()["Arn"]

    assert who() == f"arn:aws:iam::{ACCOUNT}:root"
    assert who(("111122223333", "any", None)) == "arn:aws:iam::111122223333:root"
    assert who(alice) == f"arn:aws:iam::{ACCOUNT}:user/alice"
    assert who(session) == f"arn:aws:sts::{ACCOUNT}:assumed-role/operator/night-shift"


def test_a_function_acts_as_its_role(cloud):
    """Lambda execution role: the session is named after the function (Lambda Developer Guide, "execution role")."""
    cloud.function("whoami", "def handle(event, context): return client('sts').get_caller_identity()['Arn']")
    assert cloud.invoke("whoami") == f"arn:aws:sts::{ACCOUNT}:assumed-role/whoami-role/whoami"


def test_the_journal_names_the_caller_and_what_was_asked(cloud):
    keys = cloud.assume("reader", {"Effect": "Allow", "Action": "ec2:DescribeVpcs", "Resource": "*"})
    since = cloud.admin("GET", "ready")["calls"]
    cloud.client("ec2", keys).describe_vpcs()
    [call] = cloud.admin("GET", "calls", since=since)["calls"]
    assert (call["service"], call["action"], call["read_only"], call["allowed"]) == ("ec2", "DescribeVpcs", True, True)
    assert call["caller"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/tester"
    assert call["decisions"] == [{"action": "ec2:DescribeVpcs", "resource": "*", "allowed": True}]
    assert json.dumps(call)
