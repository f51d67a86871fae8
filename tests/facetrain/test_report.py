"""A report's tables on the terminal and in report.md, its numbers in figures.json."""

import io
import json
import sys

import numpy as np
from rich.console import Console

from facetrain.reporting.report import Report, Table, finite

TABLE = Table("recall", ("detector", "40 px"), [["own", ".94"], ["YuNet", ".92"]])
REPORT = Report(
    "Detectors",
    [TABLE],
    {"own": {"recall": np.float32(0.5), "missed": float("nan")}, "sizes": np.arange(2)},
    ["Time is processor time."],
    {"40 px": "recall at 40 px"},
    {"recall.png": lambda path: path.write_bytes(b"png")},
    [Table("misses", ("name",), [])],
)


def test_the_terminal_shows_tables_and_notes_but_no_details():
    out = io.StringIO()
    REPORT.print(Console(file=out, width=80))
    text = out.getvalue()
    assert "YuNet" in text
    assert "Time is processor time." in text
    assert "misses" not in text


def test_the_folder_holds_everything(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["facetrack", "eval", "detector", "--data", "my data"])
    folder = tmp_path / "new" / "folder"
    assert REPORT.save(folder) == ["report.md", "figures.json", "recall.png"]
    text = (folder / "report.md").read_text()
    assert text.startswith("# Detectors\n")
    assert "facetrack eval detector --data 'my data'" in text
    assert "| own | .94 |" in text
    assert "## Misses\n\nNone." in text
    assert "| 40 px | recall at 40 px |" in text
    assert "![recall](recall.png)" in text
    assert json.loads((folder / "figures.json").read_text()) == {
        "own": {"recall": 0.5, "missed": None},
        "sizes": [0, 1],
    }


def test_what_json_cannot_hold():
    assert finite({1: (np.float64("inf"), 2, "x", None, True)}) == {"1": [None, 2, "x", None, True]}
