"""Run of the command line in a separate process, and the required form of its error messages."""

import os
import re
import subprocess
import sys


def facetrack(*arguments, cwd, **environment):
    """Run the command line in a separate process."""
    return subprocess.run(
        [sys.executable, "-m", "facetrack", *map(str, arguments)],
        cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


PROGRESS = re.compile(r"engine: |loading torch|reading .* \.\.$|[\w-]+, from .* into ")


def assert_one_sentence(done, *words):
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    # The chosen engine is printed before a camera is opened, what a training prepares before it reads its data.
    message = "\n".join(line for line in done.stderr.splitlines() if not PROGRESS.match(line)).strip()
    assert message.startswith("facetrack: ")
    assert "\n" not in message
    for word in words:
        assert word in message
