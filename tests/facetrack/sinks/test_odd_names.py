"""Names that are not UTF-8, and a standard output that is closed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facetrack.errors import OutputError
from facetrack.report import ReportSink
from facetrack.sinks import CsvSink, JsonLinesSink
from facetrack.sinks.header import source_name
from facetrack.types import Frame

ODD = os.fsdecode(b"\xe9t\xe9.mp4")
"""Latin-1 on a disk that is read as UTF-8."""
FRAME = Frame(np.zeros((4, 4, 3), np.uint8), time_s=0.0, index=0, name=os.fsdecode(b"bild\xfc.png"))


def test_a_source_is_named_by_what_can_be_written() -> None:
    assert source_name(ODD) == "\ufffdt\ufffd.mp4"
    assert source_name(Path("/films") / "a.mp4") == "a.mp4"


@pytest.mark.parametrize("kind", ["report", "csv", "jsonl"])
def test_records_of_odd_names_are_written(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "a.mp4" if sys.platform == "darwin" else tmp_path / ODD  # macOS has no such names
    if kind == "report":
        sink: ReportSink | CsvSink | JsonLinesSink = ReportSink(tmp_path / "a.html", source=source, csv_name=ODD)
    elif kind == "csv":
        sink = CsvSink(tmp_path / "a.csv", source=source)
    else:
        sink = JsonLinesSink(str(tmp_path / "a.jsonl"), source=source)
    with sink:
        sink.write(FRAME, ())
    (written,) = tmp_path.glob("a.*")
    written.read_text(encoding="utf-8")  # raises where it is not


def test_a_closed_standard_output_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OutputError, match="Standard output is closed"):
        JsonLinesSink("-")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_python_gives_none_for_a_closed_standard_output() -> None:
    code = f"{sys.executable} -c 'import sys; sys.exit(sys.stdout is not None)' >&-"
    assert subprocess.run(code, shell=True, check=False).returncode == 0
