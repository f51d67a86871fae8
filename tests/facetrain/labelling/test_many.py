"""Several videos labelled as a batch: a pack each, the same as alone; what is done is not done again."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from facetrack.batch.inputs import Video
from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
from facetrack.errors import DataError
from facetrack.types.closing import ClosesItself
from facetrain.cli import label as label_command
from facetrain.formats.reading import ReadResult
from facetrain.labelling import many
from facetrain.labelling.teacher import TeacherOptions
from small_clips import write_pictures


def label(*arguments: object, teacher: str = "bundled"):
    app = typer.Typer()
    app.command()(label_command.label)
    return CliRunner().invoke(app, [*map(str, arguments), "--teacher", teacher, "--every", "2"])


def arrays(pack: Path) -> dict[str, object]:
    with np.load(pack) as found:
        return {name: found[name].tolist() for name in found}


@pytest.mark.net
def test_each_video_becomes_a_pack_and_a_rerun_does_what_failed(tmp_path: Path) -> None:
    pictures = [frame.image for frame, _ in SyntheticClip(ClipOptions(duration_s=0.3, fps=10))]
    write_pictures(tmp_path / "a.mp4", pictures)
    (tmp_path / "b.mp4").write_text("a text file")
    assert label(tmp_path / "a.mp4", "--out", tmp_path / "alone").exit_code == 0
    several = (tmp_path / "[ab].mp4", "--out", tmp_path / "packs", "--workers", 1)
    assert label(*several).exit_code == 1
    assert arrays(tmp_path / "packs" / "a.npz") == arrays(tmp_path / "alone.npz")
    assert (tmp_path / "packs" / "a.zip").read_bytes()[:2] == b"PK"
    write_pictures(tmp_path / "b.mp4", pictures[:1])
    assert label(*several).exit_code == 0
    lines = [json.loads(line) for line in (tmp_path / "packs" / "manifest.jsonl").read_text().splitlines()]
    assert [(line["name"], line["status"]) for line in lines[:2] if line["name"] == "b"] == [("b", "failed")]
    assert sorted((line["name"], line["status"], line["faces"]) for line in lines if line["status"] == "done") == [
        ("a", "done", 2), ("b", "done", 1)
    ]  # fmt: skip


def test_what_a_video_leaves_out_is_passed_on_to_its_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(many, "write_pack", lambda samples, stem: None)
    found = ReadResult([], ["a.mp4: 2 left out: blurred"])
    line = many._write(lambda path: found, Video(tmp_path / "a.mp4", "a"), tmp_path / "a")
    assert line == {"faces": 0, "problems": ("a.mp4: 2 left out: blurred",)}


def test_the_mesh_is_closed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Mesh(ClosesItself):
        def __init__(self, model: Path) -> None: ...

        def close(self) -> None:
            closed.append(self)

    monkeypatch.setattr(many, "MediaPipeMesh", Mesh)
    work = many.Labelling(many.MEDIAPIPE, Path("mesh.task"), TeacherOptions(), 0.1)
    with work.teacher_of_files():
        assert not closed
    assert len(closed) == 1
    do = work.open()
    gc.collect()
    assert len(closed) == 1
    del do
    gc.collect()
    assert len(closed) == 2


def test_the_ensemble_labels_one_pack_at_a_time(tmp_path: Path) -> None:
    assert isinstance(label("a", "b", "--out", tmp_path / "x", teacher="ensemble").exception, DataError)
