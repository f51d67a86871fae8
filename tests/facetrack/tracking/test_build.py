"""Building of a tracker: every network runs in the engine that was asked for, and `auto` is decided once."""

from pathlib import Path

import pytest

from facetrack.engine import choice
from facetrack.engine.choice import Choice
from facetrack.modelfile import bundled_path
from facetrack.tracking.build import make_tracker, tracker_options
from facetrack.tracking.tracker import FaceTracker

pytestmark = pytest.mark.net


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Networks that are opened, with their engine and provider; all run in ONNX Runtime on the CPU."""
    found, real = [], choice.open_engine

    def open_engine(path: Path, engine: str = "onnx", threads: int = 1, provider: str = "cpu"):
        found.append((Path(path).stem, engine, provider))
        return real(path, "onnx", threads)

    monkeypatch.setattr(choice, "open_engine", open_engine)
    return found


@pytest.mark.parametrize(("engine", "provider"), [("openvino", "cpu"), ("onnx", "cuda")])
def test_a_detectors_own_file_obeys_engine_and_provider(opened, engine: str, provider: str) -> None:
    file = bundled_path("detector")
    make_tracker(None, tracker_options(), 1, detector_model=file, engine=engine, provider=provider)
    assert ("detector", engine, provider) in opened
    assert {(used, on) for _, used, on in opened} == {(engine, provider)}


def test_auto_is_decided_once_for_all_networks(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(choice, "choose", lambda path, *_, **__: asked.append(path.stem) or Choice("openvino"))
    FaceTracker.from_weights(engine="auto")
    assert asked == ["landmarks68"]
    assert {used for _, used, _ in opened} == {"openvino"}
