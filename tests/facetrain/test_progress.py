"""Lines of a run: on standard error at once, and in its folder as soon as there is one."""

from pathlib import Path

import pytest

from facetrain.reporting.progress import logged_to, say, say_once, step


def test_lines_wait_for_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    with logged_to(folder, {"recipe.toml": "task = 1\n"}):
        say("first")
        assert not folder.exists()
        folder.mkdir()
        say_once("second [not markup]")
        say_once("second [not markup]")
        assert (folder / "log.txt").read_text() == "first\nsecond [not markup]\n"
    assert (folder / "recipe.toml").read_text() == "task = 1\n"
    assert capsys.readouterr().err == "first\nsecond [not markup]\n"
    with logged_to(folder):  # a resumed run goes on in the same file
        say("third")
    assert (folder / "log.txt").read_text().endswith("\nthird\n")


def test_a_run_that_makes_no_folder_leaves_none(tmp_path: Path) -> None:
    with logged_to(tmp_path / "run", {"recipe.toml": ""}):
        say("no data")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_without_a_word_has_its_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), logged_to(tmp_path / "run", {"recipe.toml": "task = 1\n"}):
        say("first")
        (tmp_path / "run").mkdir()
        raise ValueError("no")
    assert (tmp_path / "run" / "recipe.toml").read_text() == "task = 1\n"
    assert (tmp_path / "run" / "log.txt").read_text() == "first\n"


def test_a_step_is_said_before_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    with step("reading faces"):
        assert capsys.readouterr().err == "reading faces ..\n"
    assert capsys.readouterr().err == "reading faces: 0 s\n"
