"""Construction of a tracker and its detector from command-line values."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from facetrack.tracking.settings import tracker_options

if TYPE_CHECKING:
    from facetrack.tracking.gating import TrackerOptions
    from facetrack.tracking.tracker import FaceTracker

FAILED = ("could not be tried", "does not start")
"""Words of `engine.choice.Choice.reason` where an engine that is installed did not work."""

__all__ = ["make_tracker", "tracker_options"]


def make_tracker(
    model: Path | None, options: TrackerOptions, threads: int, detector_px: int = 320,
    detector: str = "own", detector_model: Path | None = None, engine: str = "onnx", provider: str = "cpu",
    expressions: bool = False, blendshapes: bool = False,
) -> FaceTracker:  # fmt: skip
    """Build a tracker from command-line values. What `auto` chose is logged, as a warning where an engine failed."""
    from facetrack.detector.choice import detector_file, make_detector
    from facetrack.detector.search import HINT_SCORE
    from facetrack.engine.choice import AUTO, DEFAULT_NETWORK, check, start_automatically
    from facetrack.modelfile import network_path
    from facetrack.tracking.tracker import FaceTracker

    check(engine, provider)
    detector_model = detector_file(detector, detector_model)  # before `auto` tries engines

    def start(name: str, network: Path) -> FaceTracker:
        found = make_detector(detector, detector_model, threads, detector_px, HINT_SCORE, name, provider)
        return FaceTracker.from_weights(
            network, options, threads, detector_px, name, provider, found, expressions, blendshapes
        )

    if engine != AUTO:
        return start(engine, network_path(model or DEFAULT_NETWORK))
    tracker, choice = start_automatically(model, start, threads, provider)
    if choice.reason:
        file = "" if choice.path is None else f", {choice.path.stem}"
        level = logging.WARNING if any(words in choice.reason for words in FAILED) else logging.INFO
        logging.getLogger(__name__).log(level, "engine: %s%s (%s)", choice.engine, file, choice.reason)
    return tracker
