"""How events are delivered: late, lost, twice, out of order. Source: CloudTrail through EventBridge is "best effort";
EventBridge delivers "at least once" and in no order (EventBridge User Guide)."""

from __future__ import annotations

import json
import threading

import pytest

from localcloud.cloudtrail import delivery
from localcloud.cloudtrail.settings import Delivery, Settings, settings


class FakeBus:
    """Stands for the emulator's bus; notes what it is given."""

    def __init__(self):
        self.arrived, self.changed = [], threading.Condition()

    def put(self, data, allow_aws_source=False):
        with self.changed:
            self.arrived.append(json.loads(data["Entries"][0]["Detail"])["eventName"])
            assert allow_aws_source
            self.changed.notify()

    def wait_for(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.arrived) >= count, timeout=10), self.arrived
            return list(self.arrived)


@pytest.fixture
def bus(monkeypatch):
    from ministack.services import eventbridge

    fake = FakeBus()
    monkeypatch.setattr(eventbridge, "_put_events", fake.put)
    settings.reset()
    yield fake
    settings.reset()
    delivery.clear()


def call(name):
    delivery.send_api_call("aws.ec2", name, {"eventName": name})


def test_every_event_once(bus):
    """The default: all, once."""
    for number in range(5):
        call(f"E{number}")
    assert sorted(bus.wait_for(5)) == [f"E{number}" for number in range(5)]


def test_an_event_of_aws_may_come_later(bus):
    """What AWS itself announces comes once, at once or after a time."""
    for name, after in [("second", 0.2), ("first", 0.0)]:
        delivery.send("aws.cloudformation", "Status Change", {"eventName": name}, after=after)
    assert bus.wait_for(2) == ["first", "second"]


def test_duplicates(bus):
    """`duplicates` extra copies."""
    settings.update({"duplicates": 2, "delay": 0})
    call("E")
    assert bus.wait_for(3) == ["E", "E", "E"]


def test_loss_of_one_kind_of_event(bus):
    """Settings of one event name: the others arrive."""
    settings.update({"per_event": {"RevokeSecurityGroupIngress": {"loss": 1}}, "delay": 0})
    call("RevokeSecurityGroupIngress")
    assert delivery.in_flight() == 0
    call("AuthorizeSecurityGroupIngress")
    assert bus.wait_for(1) == ["AuthorizeSecurityGroupIngress"]


def test_delay_is_drawn_from_a_range():
    """Between the two ends, evenly."""
    how = Delivery().changed({"delay": [2, 3]})
    draws = [delivery._times(how)[0] for _ in range(50)]
    assert all(2 <= one <= 3 for one in draws)
    assert len(set(draws)) > 1


def test_overtaken_events_come_later():
    """`reorder` is the share that `reorder_by` is added to."""
    how = Delivery().changed({"delay": 1, "reorder": 1, "reorder_by": 5})
    assert delivery._times(how) == [6.0]


def test_in_flight_and_paused(bus):
    """While paused events are held, and go out in the order that is asked for."""
    settings.update({"paused": True, "delay": 0})
    for name in ("first", "second", "third"):
        call(name)
    assert (delivery.in_flight(), delivery.held()) == (0, 3)
    assert delivery.release("reverse") == 3
    assert bus.wait_for(3) == ["third", "second", "first"]
    assert delivery.held() == 0


def test_in_flight_counts_what_is_not_there_yet(bus):
    """An event is in flight from the call to the bus."""
    settings.update({"delay": 3600})
    call("late")
    assert delivery.in_flight() == 1
    delivery.clear()
    assert delivery.in_flight() == 0


@pytest.mark.parametrize(
    "values",
    [
        {"dely": 1},
        {"delay": [3, 2]},
        {"delay": -1},
        {"delay": "soon"},
        {"loss": 2},
        {"reorder": -0.1},
        {"duplicates": True},
        {"paused": "yes"},
        {"per_event": {"E": {"loss": 7}}},
        {"per_event": ["E"]},
    ],
)
def test_wrong_settings_change_nothing(values):
    """`Settings.update` is all or nothing and says what is wrong."""
    own = Settings()
    before = own.as_dict()
    with pytest.raises(ValueError, match=r"\w"):
        own.update({"duplicates": 3, **values})
    assert own.as_dict() == before


def test_settings_round_trip():
    """`as_dict` is what `update` takes."""
    own = Settings()
    own.update({"delay": [0.1, 0.2], "loss": 0.5, "per_event": {"E": {"duplicates": 1}}, "seed": 7})
    other = Settings()
    other.update(own.as_dict())
    assert other.as_dict() == own.as_dict()
    assert other.for_event("E").duplicates == 1
    assert other.for_event("E").loss == 0.5
