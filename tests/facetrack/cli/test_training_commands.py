"""The training commands through the tracker's command line: found by name, and named where their extra is missing."""

import importlib.util

import pytest
import typer
from typer.testing import CliRunner

import facetrack
from facetrack.cli import app, extras, training
from facetrack.errors import MissingExtraError
from places import REPOSITORY

RUNNER = CliRunner()
TRAINING = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs the extra train")


def test_version():
    done = RUNNER.invoke(app, ["--version"])
    assert done.exit_code == 0
    assert done.stdout.strip() == f"facetrack {facetrack.__version__}"


def test_help_lists_every_command_without_loading_the_training_package(monkeypatch):
    monkeypatch.setattr(training, "load", lambda name: pytest.fail(f"loaded {name}"))
    text = RUNNER.invoke(app, ["--help"]).stdout
    for name in ("live", "video", "report", "image", "train", "eval", "data", "label", "export"):
        assert f"\n  {name} " in text


@pytest.mark.parametrize(
    "name", ["data", *(pytest.param(name, marks=TRAINING) for name in ("eval", "export", "label", "train"))]
)
def test_each_training_command_answers_with_its_own_help(name):
    done = RUNNER.invoke(app, [name, "--help"])
    assert done.exit_code == 0
    assert f"facetrack {name}" in done.stdout or f"{name} [OPTIONS]" in done.stdout


@pytest.mark.parametrize("name", ["train", "eval", "label", "export"])
def test_a_missing_extra_is_named(monkeypatch, name):
    found = importlib.util.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda package: None if package == "torch" else found(package))
    done = RUNNER.invoke(app, [name, "--help"])
    assert isinstance(done.exception, MissingExtraError)
    assert "torch" in str(done.exception)
    assert "facetrack[train]" in str(done.exception)


def test_data_is_inspected_without_the_extra(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda package: None)
    assert RUNNER.invoke(app, ["data", "inspect", "--help"]).exit_code == 0


def test_an_unknown_command_is_a_usage_error():
    done = RUNNER.invoke(app, ["nonsense"])
    assert done.exit_code == 2
    assert "No such command 'nonsense'" in done.output


def test_shell_completion_knows_the_training_commands():
    done = RUNNER.invoke(app, [], prog_name="facetrack", env={
        "_FACETRACK_COMPLETE": "complete_bash", "COMP_WORDS": "facetrack tr", "COMP_CWORD": "1",
    })  # fmt: skip
    assert "train" in done.stdout.split()


@pytest.mark.parametrize("group", ["", pytest.param("eval", marks=TRAINING), "data"])
def test_every_command_stands_in_the_docs(group):
    command = training.load(group) if group else typer.main.get_command(app)
    page = (REPOSITORY / "docs" / "commands.md").read_text()
    names = [f"{group} {name}".strip() for name in command.list_commands(None)]
    assert [name for name in names if f"`facetrack {name}" not in page and f"`{name}" not in page] == []
