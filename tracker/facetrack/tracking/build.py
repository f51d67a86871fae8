"""Construction of a tracker and its detector from command-line values."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from facetrack.detector.choice import make_detector
from facetrack.tracking.settings import tracker_options

if TYPE_CHECKING:
    from facetrack.tracking.gating import TrackerOptions
    from facetrack.tracking.tracker import FaceTracker

FAILED = ("could not be tried", "does not start")
"""Words of `engine.choice.Choice.reason` where an engine that is installed did not work."""

__all__ = ["make_detector", "make_tracker", "tracker_options"]


def make_tracker(
    model: Path | None, options: TrackerOptions, threads: int, detector_px: int = 320,
    detector: str = "own", detector_model: Path | None = None, engine: str = "onnx", provider: str = "cpu",
    expressions: bool = False,
) -> FaceTracker:  # fmt: skip
    """Build a tracker from command-line values. What `auto` chose is logged, as a warning where an engine failed."""
    from facetrack.detector.search import HINT_SCORE
    from facetrack.engine.choice import AUTO, DEFAULT_NETWORK, check, default_alternatives, start_with_fallback
    from facetrack.modelfile import network_path
    from facetrack.tracking.tracker import FaceTracker

    check(engine, provider)
    path = network_path(model or DEFAULT_NETWORK)
    chosen = None
    if detector != "own" or detector_model is not None:
        chosen = make_detector(detector, detector_model, threads, detector_px, HINT_SCORE)

    def start(name: str, network: Path) -> FaceTracker:
        return FaceTracker.from_weights(network, options, threads, detector_px, name, provider, chosen, expressions)

    if engine != AUTO:
        return start(engine, path)
    # Decided for the landmark network, which runs in every frame.
    alternatives = default_alternatives() if model is None else []
    tracker, choice = start_with_fallback(path, start, threads, provider, alternatives)
    if choice.reason:
        file = "" if choice.path is None else f", {choice.path.stem}"
        level = logging.WARNING if any(words in choice.reason for words in FAILED) else logging.INFO
        logging.getLogger(__name__).log(level, "engine: %s%s (%s)", choice.engine, file, choice.reason)
    return tracker
