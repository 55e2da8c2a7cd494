"""ARC zonal shift: what an observer of autoshifts sees."""

import json
import urllib.error

import pytest
from botocore.exceptions import ClientError

from .conftest import ACCOUNT, REGION, statement


def shift(cloud, *zones):
    return cloud.admin("PUT", "autoshifts", {"away": list(zones), "region": REGION})


def test_an_autoshift_is_active_until_it_is_completed(cloud):
    """ListAutoshifts: items with awayFrom and a status, which is also a filter."""
    client = cloud.client("arc-zonal-shift")
    assert client.list_autoshifts()["items"] == []
    assert shift(cloud, "use1-az1", "use1-az2") == {"away": ["use1-az1", "use1-az2"]}
    assert shift(cloud, "use1-az2") == {"away": ["use1-az2"]}
    [active] = client.list_autoshifts(status="ACTIVE")["items"]
    assert (active["awayFrom"], active["status"]) == ("use1-az2", "ACTIVE") and "endTime" not in active
    [over] = client.list_autoshifts(status="COMPLETED")["items"]
    assert over["awayFrom"] == "use1-az1" and over["startTime"] <= over["endTime"]


def test_pages(cloud):
    shift(cloud, *(f"use1-az{number}" for number in range(1, 6)))
    pages = cloud.client("arc-zonal-shift").get_paginator("list_autoshifts").paginate(PaginationConfig={"PageSize": 2})
    sizes = [len(page["items"]) for page in pages]
    assert sizes == [2, 2, 1]


def test_each_change_is_announced(cloud):
    """EventBridge Events Reference: "Autoshift In Progress" and "Autoshift Completed" name the zone."""
    url, arn = cloud.queue("shifts", ["events.amazonaws.com"])
    events = cloud.client("events")
    events.put_rule(Name="shifts", EventPattern=json.dumps({"source": ["aws.arc-zonal-shift"]}))
    events.put_targets(Rule="shifts", Targets=[{"Id": "t", "Arn": arn}])
    shift(cloud, "use1-az1")
    shift(cloud)
    cloud.settle()
    told = [json.loads(message["Body"]) for message in cloud.messages(url)]
    assert {(event["detail-type"], event["detail"]["metadata"]["awayFrom"], event["account"]) for event in told} == {
        ("Autoshift In Progress", "use1-az1", ACCOUNT),
        ("Autoshift Completed", "use1-az1", ACCOUNT),
    }


def test_the_policies_are_asked(cloud):
    """Service Authorization Reference: arc-zonal-shift:ListAutoshifts."""
    allowed = cloud.assume("observer", statement("Allow", "arc-zonal-shift:ListAutoshifts"))
    since = cloud.admin("GET", "ready")["calls"]
    cloud.client("arc-zonal-shift", allowed).list_autoshifts()
    [call] = cloud.admin("GET", "calls", since=since)["calls"]
    assert (call["service"], call["action"], call["read_only"]) == ("arc-zonal-shift", "ListAutoshifts", True)
    with pytest.raises(ClientError) as refusal:
        cloud.client("arc-zonal-shift", cloud.assume("stranger")).list_autoshifts()
    assert refusal.value.response["Error"]["Code"] == "AccessDeniedException"


def test_shifts_are_part_of_a_snapshot_and_end_with_a_reset(cloud):
    shift(cloud, "use1-az1")
    cloud.admin("POST", "snapshot", {"name": "shifted"})
    shift(cloud)
    cloud.admin("POST", "restore", {"name": "shifted"})
    assert len(cloud.client("arc-zonal-shift").list_autoshifts(status="ACTIVE")["items"]) == 1
    cloud.admin("POST", "reset", {})
    assert cloud.client("arc-zonal-shift").list_autoshifts()["items"] == []


@pytest.mark.parametrize("body", [{}, {"away": "use1-az1"}, {"away": ["us-east-1a"]}, {"away": [], "colour": "red"}])
def test_wrong_requests_are_told_what_is_wrong(cloud, body):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        cloud.admin("PUT", "autoshifts", body)
    assert refusal.value.code == 400
