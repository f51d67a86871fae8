"""The figures that README and cards state, measured again where the labelled faces and clips are at hand."""

import numpy as np
import pytest

from facetrack.capture import open_video
from facetrack.detector.cnn import bundled_detector
from facetrack.engine.onnx import OnnxEngine
from facetrack.landmarker import Landmarker
from facetrack.modelfile import bundled_path
from facetrack.tracking.tracker import FaceTracker
from places import DATA

ONE_PERSON = (
    "glasses_d9", "grin_d0", "mouth_d18", "podium_kh", "squeeze_d3", "talk_d10", "turn_s18", "turn_s32",
)  # fmt: skip

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def helen():
    from facetrain.evaluation.landmarks import measure
    from facetrain.formats.open import read_labelled

    landmarker = Landmarker(OnnxEngine(bundled_path("landmarks68")))
    return measure.measure(landmarker, bundled_detector(), read_labelled(DATA / "helen_test").samples)


def test_helen_330_through_the_own_detector(helen):
    assert helen.missed == []
    assert len(helen.samples) == 330
    assert helen.nme.mean() <= 4.3


def test_sigma_tells_the_error_on_helen_330(helen):
    """Faces that the network is less sure of have larger errors, and two sigma cover most of them."""
    error = np.abs(helen.predicted - helen.truth)
    assert (error <= 2 * helen.sigma[:, :, None]).mean() > 0.85
    sigma = helen.sigma.mean(axis=1) / np.ptp(helen.truth, axis=1).max(axis=1)
    assert np.corrcoef(sigma, helen.nme)[0, 1] > 0.3


@pytest.mark.parametrize("name", ONE_PERSON)
def test_a_clip_of_one_person(name):
    tracker = FaceTracker.from_weights()
    with open_video(DATA / "videos" / f"{name}.mp4") as source:
        ids = [[face.track_id for face in tracker.update(frame)] for frame in source]
    assert sum(1 in frame for frame in ids) >= 0.97 * len(ids)
    assert {i for frame in ids for i in frame} == {1}


def test_no_face_is_seen_where_there_is_none():
    """At most one picture in twenty of those without faces, and no track that stays."""
    from facetrack.types import Frame
    from facetrain.formats.packs import read_negatives

    tracker, seen = FaceTracker.from_weights(), []
    for picture in read_negatives(DATA)[::4]:
        tracker.reset()
        seen.append(bool(tracker.update(Frame(picture, time_s=0.0, index=0))))
    assert np.mean(seen) <= 0.05
