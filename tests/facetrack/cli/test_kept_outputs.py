"""Outputs that must survive: a recording whose source fails, and the inputs themselves."""

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import facetrack.capture
from command_line import assert_one_sentence
from command_line import facetrack as run
from facetrack.cli import app
from facetrack.errors import CameraLostError, OutputError, SourceError
from facetrack.sinks.staged import StagedFile
from facetrack.types import Frame

pytestmark = pytest.mark.net


class Failing:
    """A camera that gives three frames and then nothing."""

    size, fps, live, dropped = (64, 48), 30.0, True, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def close(self):
        """Do nothing."""

    def __iter__(self):
        for index in range(3):
            yield Frame(np.zeros((48, 64, 3), np.uint8), time_s=index / 30, index=index)
        raise SourceError("the camera has sent nothing for 5 s")


def test_what_was_recorded_before_the_source_failed_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(facetrack.capture, "open_source", lambda *_, **__: Failing())
    out = tmp_path / "o.jsonl"
    done = CliRunner().invoke(app, ["live", "--no-window", "--json", str(out), "--engine", "onnx", "--no-reconnect"])
    assert isinstance(done.exception, CameraLostError)
    assert done.exception.exit_code == 3
    assert [line.get("frame") for line in map(json.loads, out.read_text().splitlines())] == [None, 0, 1, 2]


@pytest.mark.parametrize("option", ["--json", "--csv", "--record"])
def test_live_does_not_overwrite_its_own_input(tmp_path, option):
    clip = tmp_path / "in.mp4"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter_fourcc(*"mp4v"), 25, (64, 48))
    for _ in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    before = clip.read_bytes()
    assert_one_sentence(
        run("live", "--camera", "in.mp4", "--no-window", option, "in.mp4", cwd=tmp_path), "input itself"
    )
    assert clip.read_bytes() == before


def test_a_picture_of_the_input_folder_is_no_output(tmp_path):
    (tmp_path / "a.png").write_bytes(b"picture")
    with pytest.raises(OutputError, match="one of the input's pictures"):
        StagedFile(tmp_path / "a.png", source=tmp_path)
    StagedFile(tmp_path / "points.jsonl", source=tmp_path).discard()


def test_image_wants_two_names_for_two_outputs(tmp_path):
    cv2.imwrite(str(tmp_path / "p.png"), np.zeros((48, 64, 3), np.uint8))
    done = run("image", "p.png", "--json", "o.png", "--out", "o.png", cwd=tmp_path)
    assert_one_sentence(done, "two outputs")
    assert not (tmp_path / "o.png").exists()
