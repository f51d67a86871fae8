"""How programs open a tracker and give it a source: by names, paths and numbers."""

from __future__ import annotations

from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from facetrack.landmarker import Landmarker
from facetrack.tracking.eyes import bundled_eyes
from facetrack.tracking.settings import chosen_options

if TYPE_CHECKING:
    from facetrack.detector import Detector
    from facetrack.loops.results import Results, TrackSource
    from facetrack.tracking.gating import TrackerOptions


class Opens:
    """Base of `FaceTracker` with the calls that open networks and sources."""

    @classmethod
    def from_weights(
        cls, landmarks: str | Path | None = None, options: TrackerOptions | None = None, threads: int = 1,
        detector_px: int = 320, engine: str | None = None, provider: str = "cpu",
        detector: Detector | str | None = None, expressions: bool = False, blendshapes: bool = False,
        **settings: Any,
    ) -> Self:  # fmt: skip
        """Build a tracker on the bundled networks.

        landmarks: path of another landmark network, or a bundled one's name.
        detector_px: the detector sees the frame reduced to this longer side; faces under about 16 px in there are
            missed, and twice the size costs four times the time.
        engine, provider: what runs them, see `engine.choice.landmark_network`; auto decides once for all networks.
        detector: own, yunet, mediapipe or one that is open.
        expressions, blendshapes: also classify expressions, tell ARKit's blendshapes; their networks are opened only
            then.
        settings: what `options` holds, one by one: max_faces=1, smoothing="high", fov_deg=70, profile="me.json",
            target_zone="driver" (see `tracking.settings`).
        Raises ModelFileError where a file is not what it should be, MissingExtraError where the engine is not there.
        """
        from facetrack.engine.choice import AUTO, start_automatically

        options = chosen_options(options, settings)
        if engine == AUTO:

            def start(name: str, file: Path) -> Any:
                return cls.from_weights(
                    file, options, threads, detector_px, name, provider, detector, expressions, blendshapes
                )

            return start_automatically(landmarks, start, threads, provider)[0]
        parts = open_parts(landmarks, threads, detector_px, engine, provider, detector, expressions, blendshapes)
        return cls(options=options, **parts)  # type: ignore[call-arg]  # a FaceTracker's

    def track(
        self, source: TrackSource, *, width: int | None = None, height: int | None = None, fps: float | None = None
    ) -> Results:
        """Follow a video, camera, stream or anything that yields frames, and yield a `Result` for each frame.

        source: as for `open_source`, or a source that is open. width, height (px), fps: asked of a camera.
        Each call begins anew, as after `reset`. Raises FacetrackError at once where the source cannot be opened.
        """
        from facetrack.loops.results import Results

        return Results(self, source, width=width, height=height, fps=fps)  # type: ignore[arg-type]  # a FaceTracker


def open_parts(
    landmarks: str | Path | None, threads: int, detector_px: int, engine: str | None, provider: str,
    detector: Detector | str | None, expressions: bool, blendshapes: bool,
) -> dict[str, Any]:  # fmt: skip
    """Open the networks; returns arguments of `FaceTracker`, as `FaceTracker.from_weights` describes them.

    Raises TypeError for an argument of another type, FacetrackError for a bad name or file.
    """
    from facetrack.appearance import Appearance
    from facetrack.detector.choice import make_detector
    from facetrack.detector.search import HINT_SCORE
    from facetrack.engine.choice import landmark_network, open_engine
    from facetrack.modelfile import bundled_path

    _check_types(landmarks, threads, detector_px, detector)
    path, engine = landmark_network(landmarks, engine, threads, provider)
    landmarker = Landmarker(open_engine(path, engine, threads, provider))
    appearance = Appearance(open_engine(bundled_path("appearance"), engine, threads, provider))
    eyes = bundled_eyes(open_engine, engine, threads, provider)
    if detector is None or isinstance(detector, str):
        name = "own" if detector is None else detector
        detector = make_detector(name, None, threads, detector_px, HINT_SCORE, engine, provider)
    network = None
    if expressions:
        from facetrack.expression import Expression, Expressions

        network = Expressions(Expression(open_engine(bundled_path("expression"), engine, threads, provider)))
    shapes = None
    if blendshapes:
        from facetrack.blendshapes import Blendshapes, bundled_shapes

        shapes = Blendshapes(bundled_shapes())
    return {
        "detector": detector, "landmarker": landmarker, "appearance": appearance, "expressions": network, "eyes": eyes,
        "blendshapes": shapes,
    }  # fmt: skip


def _check_types(landmarks: object, threads: object, detector_px: object, detector: object) -> None:
    if not isinstance(landmarks, str | Path | None):
        raise TypeError(f"`landmarks` is {landmarks!r}; expected a network's name or path")
    for name, value in (("threads", threads), ("detector_px", detector_px)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise TypeError(f"`{name}` is {value!r}; expected a whole number from 1")
    if not (detector is None or isinstance(detector, str) or callable(detector)):
        raise TypeError(f"`detector` is {detector!r}; expected own, yunet, mediapipe or a detector")


def check_parts(detector: object, landmarker: object) -> None:
    """Raise TypeError unless these are a detector and a landmarker, with what to write instead."""
    for name, value in (("detector", detector), ("landmarker", landmarker)):
        if not callable(value):
            raise TypeError(
                f"`{name}` is {value!r}; expected one that is open: FaceTracker.from_weights() takes names and paths"
            )
