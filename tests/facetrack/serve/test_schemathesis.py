"""Schemathesis against the OpenAPI: made-up requests, every answer as described."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from served import served

ENDLESS = "^/(events|stream.mjpg|ws|ws/camera)$"
"""Streams without end, and WebSockets, which are tested by themselves."""

pytestmark = pytest.mark.slow


def test_made_up_requests_are_answered_as_described(monkeypatch, tmp_path):
    command = shutil.which("schemathesis") or str(Path(sys.executable).with_name("schemathesis"))
    if not Path(command).exists():
        pytest.skip("needs schemathesis")
    with served(monkeypatch) as server:
        server.service.commands._per_s = server.service.commands._burst = 1e6
        words = [
            command, "run", f"http://{server.host}/openapi.json", "--exclude-path-regex", ENDLESS, "--max-examples",
            "20", "--seed", "1", "--no-color", "--generation-database", "none", "--request-timeout", "30",
        ]  # fmt: skip
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=1200, check=False)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert server.camera.alive
        assert json.dumps(server.ask("/api/state")[1])
