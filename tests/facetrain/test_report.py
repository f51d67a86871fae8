"""A report's tables on the terminal and in report.md, its numbers in figures.json."""

import io
import json
import sys

import numpy as np
from rich.console import Console

from facetrain.reporting.figures import finite
from facetrain.reporting.markdown import fixed
from facetrain.reporting.report import Report, Table

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


def test_the_output_is_printed_and_saved_where_a_folder_is_given(tmp_path, capsys):
    REPORT.output(None)
    assert "wrote" not in capsys.readouterr().out
    REPORT.output(tmp_path)
    assert "YuNet" in capsys.readouterr().out
    assert (tmp_path / "report.md").is_file()


def test_bold_is_marked_in_the_file_and_shown_on_the_terminal(tmp_path):
    report = Report("Times", [Table("ms", ("method", "ms"), [["own [1]", "**3**"]])], notes=["**own:** [1] is new"])
    out = io.StringIO()
    report.print(Console(file=out, width=80, force_terminal=True, color_system="standard"))
    assert "\x1b[1m3\x1b[0m" in out.getvalue()
    assert "own [1]" in out.getvalue()
    assert "[1] is new" in out.getvalue()
    assert "*" not in out.getvalue()
    report.save(tmp_path)
    assert "| own [1] | **3** |" in (tmp_path / "report.md").read_text()


def test_decimals():
    assert [fixed(value, 2) for value in (1.005, -0.0049, float("nan"), float("inf"))] == ["1.00", "-0.00", "-", "-"]


def test_what_json_cannot_hold():
    assert finite({1: (np.float64("inf"), 2, "x", None, True)}) == {"1": [None, 2, "x", None, True]}
