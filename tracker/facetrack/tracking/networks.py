"""Opening of the networks that a tracker is built from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from facetrack.landmarker import Landmarker
from facetrack.tracking.eyes import bundled_eyes

if TYPE_CHECKING:
    from facetrack.appearance import Appearance
    from facetrack.detector import Detector
    from facetrack.expression import Expressions
    from facetrack.eyes import EyeReader
    from facetrack.tracking.gating import TrackerOptions


def open_networks(
    landmarks: str | Path | None, options: TrackerOptions | None, threads: int, detector_px: int, engine: str | None,
    provider: str, detector: Detector | None, expressions: bool,
) -> tuple[Detector, Landmarker, TrackerOptions | None, Appearance, Expressions | None, EyeReader | None]:  # fmt: skip
    """Open what `FaceTracker` is built from, in the order of its parameters; see `FaceTracker.from_weights`."""
    from facetrack.appearance import Appearance
    from facetrack.detector.cnn import bundled_detector
    from facetrack.detector.search import HINT_SCORE
    from facetrack.engine.choice import landmark_network, open_engine
    from facetrack.modelfile import bundled_path

    path, engine = landmark_network(landmarks, engine, threads, provider)
    landmarker = Landmarker(open_engine(path, engine, threads, provider))
    appearance = Appearance(open_engine(bundled_path("appearance"), engine, threads, provider))
    eyes = bundled_eyes(open_engine, engine, threads, provider)
    detector = detector or bundled_detector(threads, detector_px, engine, provider, HINT_SCORE)
    if not expressions:
        return detector, landmarker, options, appearance, None, eyes
    from facetrack.expression import Expression, Expressions

    network = Expressions(Expression(open_engine(bundled_path("expression"), engine, threads, provider)))
    return detector, landmarker, options, appearance, network, eyes
