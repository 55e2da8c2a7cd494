"""The server itself: loopback only, ready when it says so, and only with the emulators that it was written against."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import urllib.request
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from localcloud import hooks
from localcloud.control import http
from localcloud.control.refusal import Refused

from .conftest import REPOSITORY, make_client, start, stop


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "localcloud", *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )


def test_it_listens_on_the_loopback_interface_only(endpoint):
    """Anything but 127.0.0.1 is refused; nothing listens elsewhere."""
    url = urlsplit(endpoint)
    assert url.hostname == "127.0.0.1"
    with socket.socket() as other:
        assert other.connect_ex(("127.0.0.2", url.port)) != 0
    for host in ("0.0.0.0", "::", "localhost"):
        refusal = run("--host", host)
        assert refusal.returncode == 2
        assert "127.0.0.1 only" in refusal.stderr


def test_a_port_in_use(endpoint):
    """A clear message and no second server."""
    refusal = run("--port", str(urlsplit(endpoint).port))
    assert refusal.returncode == 1
    assert "cannot listen" in refusal.stderr
    assert refusal.stdout == ""


def test_it_stops_when_asked(account):
    """SIGTERM ends it cleanly, and the port is free again."""
    process, endpoint = start()
    assert make_client(endpoint, "sts", account).get_caller_identity()["Account"] == account
    assert stop(process) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", urlsplit(endpoint).port)) != 0


def test_schedules_can_be_left_to_whoever_asks():
    """`--schedules-by-hand` reaches the bus."""
    process, endpoint = start("--schedules-by-hand")
    with urllib.request.urlopen(f"{endpoint}/_localcloud/ready") as answer:
        assert json.load(answer)["schedules_by_hand"] is True
    assert stop(process) == 0


def test_what_does_not_end_is_not_restored_over(monkeypatch):
    """A function of the old state would act on the new one."""
    monkeypatch.setattr(http, "_SETTLE_SECONDS", 0.05)
    monkeypatch.setattr(http.idle, "invocations", lambda: 1)
    with pytest.raises(Refused, match="does not end") as refused:
        asyncio.run(http._stop_everything())
    assert refused.value.status == 409


def test_other_versions_are_refused(monkeypatch):
    """The fixes reach into private parts: exact versions or none."""
    hooks.assert_versions()
    monkeypatch.setattr(hooks.metadata, "version", lambda name: "0.0.1")
    with pytest.raises(hooks.WrongVersion, match=r"0\.0\.1 is installed"):
        hooks.assert_versions()


def test_a_missing_hook_is_an_error():
    """A patch of something that is not there never passes silently."""
    owner = SimpleNamespace(there=1)
    assert hooks.replace(owner, "there", 2) == 1
    assert owner.there == 2
    with pytest.raises(hooks.HookMissing, match="gone"):
        hooks.replace(owner, "gone", 1)
    with pytest.raises(hooks.HookMissing, match="colour"):
        hooks.require_parameters(run, "arguments", "colour")


def test_every_direct_requirement_is_pinned():
    """requirements.in pins exactly, requirements.txt has the same versions with hashes."""
    wanted = hooks.pinned_versions()
    assert set(hooks.PINNED) < set(wanted)
    locked = (REPOSITORY / "localcloud" / "requirements.txt").read_text(encoding="utf-8")
    for name, version in wanted.items():
        assert f"\n{name}=={version} " in f"\n{locked}".replace("[server]", "")
