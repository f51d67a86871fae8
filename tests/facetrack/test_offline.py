"""Tracking tells nobody: no internet socket, and nothing written but its outputs and its own cache."""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec

import cv2
import numpy as np
import pytest

from places import REPOSITORY

WRITES = re.compile(
    r'"([^"]+)", (?:[A-Z_|]*(?:O_WRONLY|O_RDWR|O_CREAT)|0[0-7]+\))|(?:unlink|rename|mkdir)\w*\((?:.*?)"([^"]+)"'
)


@pytest.mark.net
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("engine", ["onnx", "openvino", "torch"])
def test_an_engine_opens_no_socket_and_writes_only_its_outputs(tmp_path, engine):
    if find_spec(engine.replace("onnx", "onnxruntime")) is None:
        pytest.skip(f"{engine} is not installed")
    writer = cv2.VideoWriter(str(tmp_path / "in.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 25, (320, 240))
    for shade in range(12):
        writer.write(np.full((240, 320, 3), 20 * shade, np.uint8))
    writer.release()
    places = {"HOME": tmp_path / "home", "XDG_CACHE_HOME": tmp_path / "home" / "cache", "TMPDIR": tmp_path / "tmp"}
    for place in places.values():
        place.mkdir()
    command = [sys.executable, "-m", "facetrack", "video", "in.mp4", "--json", "o.jsonl", "--engine", engine]
    calls = "trace=socket,open,openat,creat,mkdir,rename,unlink"
    done = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-o", "trace", "-e", calls, *command],
        cwd=tmp_path, env=os.environ | {k: str(v) for k, v in places.items()} | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "trace").read_text().splitlines()
    assert [line for line in lines if "AF_INET" in line] == []
    succeeded = [line for line in lines if not re.search(r"= -1 E\w+", line)]
    written = {found[1] or found[2] for line in succeeded if (found := WRITES.search(line))}
    own = re.compile(rf"(\./)?(o|\.o\.[0-9a-f]{{8}})\.jsonl|{tmp_path}/(o|\.o\.[0-9a-f]{{8}})\.jsonl")
    others = {
        path for path in written
        if not own.fullmatch(path) and not path.startswith((f"{tmp_path}/home/cache/facetrack/", "/dev/", "/proc/"))
    }  # fmt: skip
    assert others == set()
    assert any(own.fullmatch(path) for path in written)  # the trace does show what is written
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["cache"]


def test_libraries_with_telemetry_are_imported_in_one_place_each():
    """Where their telemetry is switched off first: `need_onnxruntime`, `need_openvino`."""
    found = {}
    for path in [*(REPOSITORY / "tracker").rglob("*.py"), *(REPOSITORY / "train").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if name in ("onnxruntime", "openvino"):
                    found.setdefault(name, []).append(path.name)
    assert found == {"onnxruntime": ["onnx.py"], "openvino": ["openvino.py"]}
