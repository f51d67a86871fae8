"""`facetrack doctor`: every check says what there is, and how to mend what is not."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from facetrack.cli import app, doctor
from facetrack.cli.doctor import EXTRAS, OK, OPTIONAL
from places import REPOSITORY


@pytest.mark.net
def test_here_nothing_is_broken_and_every_fault_has_a_remedy() -> None:
    done = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    for word in ("camera", "display", "video decoding", "engine onnx", "GPU", "extra train", "cache", "telemetry"):
        assert word in done.output
    results = [result for check in doctor.CHECKS for result in doctor._run(check)]
    assert all(result.remedy for result in results if result.state != OK)


def test_a_check_that_fails_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def check_moon() -> list[doctor.Check]:
        raise RuntimeError("it is made of cheese\nreally")

    monkeypatch.setattr(doctor, "CHECKS", (check_moon,))
    done = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "300"})
    assert done.exit_code == 1
    assert "moon" in done.output
    assert "made of cheese" in done.output
    assert "really" not in done.output


def test_a_remedy_is_copied_whole_from_a_file_and_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    remedies = [f"python -m pip install 'facetrack[{extra}]'" for extra in EXTRAS]
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    monkeypatch.setattr(doctor, "CHECKS", (doctor.check_extras,))
    done = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "80"})
    assert all(remedy in done.output for remedy in remedies)
    terminal = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "60", "FORCE_COLOR": "1", "TERM": "xterm"})
    assert "\u2026" not in terminal.output
    assert max(len(line) for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.output).splitlines()) <= 60


def test_a_missing_codec_display_and_extra_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_has_codec", lambda av, name, mode: name not in ("av1", "libx264"))
    decoding, encoding = doctor.check_codecs()
    assert (decoding.state, decoding.found) == (OPTIONAL, "no av1")
    assert "no H.264" in encoding.found
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert {result.state for result in doctor.check_extras()} == {OPTIONAL}
    assert doctor.check_telemetry()[0].state == OK
    if sys.platform.startswith("linux"):
        monkeypatch.delenv("DISPLAY", raising=False)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        assert "DISPLAY is not set" in doctor.check_display()[0].found


def test_every_extra_for_users_is_checked() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS) == set(project["optional-dependencies"]) - {"dev", "apps-dev", "docs"}


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    result = doctor._write_check("cache", tmp_path / "missing", "make it")
    assert (result.state, result.remedy) == (OPTIONAL, "make it")
    assert str(tmp_path) in result.found
    assert doctor._write_check("cache", tmp_path, "make it").state == OK
    assert list(tmp_path.iterdir()) == []
