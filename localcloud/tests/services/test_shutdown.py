"""What is left behind: nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, Cloud, until


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_leaves_no_process_and_no_file(stop):
    process = subprocess.Popen(
        [sys.executable, "-m", "localcloud"],
        cwd=os.environ.get("LOCALCLOUD_ROOT", ROOT),
        stdout=subprocess.PIPE,
        text=True,
    )
    cloud = Cloud(json.loads(process.stdout.readline())["endpoint"])
    cloud.function("pid", "def handle(event, context): return [os.getpid(), os.getcwd()]")
    pid, package = cloud.invoke("pid")
    logs = Path(cloud.admin("GET", "ready")["logs"])
    assert logs.is_dir() and Path(package).is_dir()
    process.send_signal(stop)
    process.wait(20)
    until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())
    assert not logs.exists() and not Path(package).exists()
