"""Docstrings as the site shows them: fields are a list, whatever their lines begin with; oracle: written by hand."""

import importlib.util
import sys

import pytest

from places import REPOSITORY

pytest.importorskip("griffe", reason="needs the extra docs")


@pytest.fixture(scope="module")
def fields():
    spec = importlib.util.spec_from_file_location("site_fields", REPOSITORY / "docs" / "_site" / "fields.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (["width: px. fps: of a camera."], ["- **width**: px.", "- **fps**: of a camera."]),
        (["hold_s: how long", "it lasts."], ["- **hold_s**: how long", "    it lasts."]),
        (["hold_s: as in J.", "Behavior 6, 1982). begin: later."],
         ["- **hold_s**: as in J.", "    Behavior 6, 1982).", "- **begin**: later."]),
        (["hz: the rate", "(Smith 2009)."], ["- **hz**: the rate", "    (Smith 2009)."]),
        (["hz: the rate.", "Raises TypeError."], ["- **hz**: the rate.", "", "Raises TypeError."]),
        (["Prose", "with a: colon."], ["Prose", "with a: colon."]),
    ],
)  # fmt: skip
def test_lines_of_fields_become_a_list(fields, lines: list[str], shown: list[str]) -> None:
    assert fields.listed("\n".join(lines)).split("\n") == shown
