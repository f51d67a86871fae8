"""Training task of the detector, from tiny generated packs to an exported network that the tracker runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from made_packs import detector_packs

torch = pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("onnx", reason="needs the extra 'train'")

from facetrack.detector import CnnDetector, DetectorOptions  # noqa: E402
from facetrack.engine.onnx import OnnxEngine  # noqa: E402
from facetrack.errors import DataError  # noqa: E402
from facetrain.models.detector import DetectorNet, decode  # noqa: E402
from facetrain.tasks.detector import DetectorRecipe, read_sources, train_detector  # noqa: E402
from facetrain.training import recipe as recipes  # noqa: E402

SMALL = [
    'teacher=""', "validation_share=0.3", "validation_scenes=8", "network.stem=8", "network.widths=[8, 16, 16, 16]",
    "network.depths=[0, 1, 1, 1]", "network.neck=16", "scenes.scenes_per_epoch=8", "scenes.side_px=128",
    "fit.epochs=1", "fit.batch=4", "fit.workers=0",
    "scenes.shares={helen_train=0.4, ytfaces_train=0.4, expressions=0.2}",
]  # fmt: skip


def recipe(*changes: str) -> DetectorRecipe:
    return recipes.load(DetectorRecipe, recipes.FOLDER / "detector.toml", [*SMALL, *changes])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    people = [f"Person{chr(65 + i)}" for i in range(12)]
    expressions = [f"Some_One{i}.jpg" for i in range(4)]
    return detector_packs(tmp_path / "data", people, expressions, 6, 80, "20,20,60,70")


def test_from_packs_to_an_exported_network(data: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    figures = train_detector(data, tmp_path / "run", recipe())
    torch.set_num_threads(before)
    assert set(figures) == {"ap", "recall"}
    path = tmp_path / "run" / "model.onnx"
    assert (tmp_path / "run" / "predictions.png").is_file()
    engine = OnnxEngine(path)
    assert engine.spec.kind == "detector"
    assert engine.spec.stride == 32
    assert "research" in engine.spec.terms
    assert max(engine.spec.parity.values()) < 1e-3
    for size in ((96, 160, 3), (240, 320, 3)):  # any size, not only the one that it was exported with
        CnnDetector(engine, DetectorOptions(threshold=0.01))(np.zeros(size, np.uint8))


def test_runtime_and_training_decode_alike(data: Path, tmp_path: Path) -> None:
    """The tracker's decoding in NumPy equals facetrain's in torch, on the exported network."""
    train_detector(data, tmp_path / "run", recipe())
    path = tmp_path / "run" / "model.onnx"
    net = DetectorNet(recipe().network).eval()
    from safetensors.torch import load_file

    net.load_state_dict(load_file(tmp_path / "run" / "model.safetensors"))
    image = np.random.default_rng(1).integers(0, 256, (128, 192, 3), dtype=np.uint8)
    with torch.inference_mode():
        decoded = decode(net(torch.from_numpy(image)[None]))
    best = int(decoded.logits[0].argmax())
    score = float(decoded.logits[0, best].sigmoid())
    ours = CnnDetector(OnnxEngine(path), DetectorOptions(threshold=score * 0.999))(image)
    np.testing.assert_allclose(ours.scores[0], score, atol=1e-4)
    np.testing.assert_allclose(ours.boxes[0], decoded.boxes[0, best].numpy(), atol=0.05)
    assert ours.keypoints is not None
    np.testing.assert_allclose(ours.keypoints[0], decoded.keypoints[0, best].numpy(), atol=0.05)


def test_training_and_validation_share_no_person(data: Path) -> None:
    kept, held_out = read_sources(data, recipe())
    for name in ("faces", "crowds", "empties"):
        assert not {p.group for p in getattr(kept, name)} & {p.group for p in getattr(held_out, name)}
    assert {p.source for p in kept.faces} <= {"helen_train", "ytfaces_train", "expressions"}


def test_a_missing_teacher_is_named(data: Path) -> None:
    with pytest.raises(DataError, match="elsewhere"):
        read_sources(data, recipe('teacher="elsewhere.onnx"'))


def test_a_second_run_starts_from_the_first_and_mines_its_false_alarms(data: Path, tmp_path: Path) -> None:
    train_detector(data, tmp_path / "one", recipe())
    start = tmp_path / "one" / "model.safetensors"
    figures = train_detector(data, tmp_path / "two", recipe(f'start="{start}"', "scenes.hard_cell=0.5"))
    assert set(figures) == {"ap", "recall"}
