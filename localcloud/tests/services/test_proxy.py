"""A proxy in front that rewrites the Host, which callers sign."""

import urllib.error

import pytest
from botocore.exceptions import ClientError

from .conftest import Cloud, statement


@pytest.fixture
def proxied(cloud):
    yield "http://127.0.0.1:9"
    cloud.admin("PUT", "proxy", {"endpoint": None})


def through(cloud: Cloud, endpoint: str, keys):
    """A client that signs for the proxy and reaches the server, as its requests do behind a proxy."""
    client = Cloud(endpoint).client("ec2", keys)

    def forward(request, **_):
        request.url = request.url.replace(endpoint, cloud.endpoint)

    client.meta.events.register("before-send", forward)
    return client


def test_signatures_for_the_proxy_are_good_once_it_is_named(cloud, proxied):
    """SigV4 signs the Host header (IAM User Guide, "Create a signed AWS API request")."""
    keys = cloud.assume("reader", statement("Allow", "ec2:DescribeVpcs"))
    with pytest.raises(ClientError) as refusal:
        through(cloud, proxied, keys).describe_vpcs()
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] in (401, 403)
    cloud.admin("PUT", "proxy", {"endpoint": proxied})
    through(cloud, proxied, keys).describe_vpcs()
    cloud.client("ec2", keys).describe_vpcs()
    with pytest.raises(ClientError):
        through(cloud, "http://127.0.0.1:10", keys).describe_vpcs()


def test_functions_call_through_the_proxy(cloud, proxied):
    cloud.function("where", "def handle(event, context): return os.environ['AWS_ENDPOINT_URL']")
    assert cloud.invoke("where") == cloud.endpoint
    cloud.admin("PUT", "proxy", {"endpoint": proxied})
    assert cloud.invoke("where") == proxied


@pytest.mark.parametrize("endpoint", ["https://127.0.0.1:9", "http://example.com:80", "http://127.0.0.1", 7])
def test_only_a_loopback_proxy_is_taken(cloud, endpoint):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        cloud.admin("PUT", "proxy", {"endpoint": endpoint})
    assert refusal.value.code == 400
