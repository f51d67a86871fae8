"""What is drawn of a face: chosen by words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facetrack.drawing.faces import draw_faces
from facetrack.drawing.signals import SignalOverlay
from facetrack.errors import FacetrackError
from facetrack.types import Event, Face, Image

PARTS = ("points", "signals", "axes", "gaze")
NONE = "none"


@dataclass(frozen=True, slots=True)
class Drawing:
    """The parts that are drawn: the points, the signals beside the faces, the head's axes, rays of the gaze.

    With any of them identities are written."""

    points: bool = True
    signals: bool = True
    axes: bool = True
    gaze: bool = True

    @classmethod
    def of(cls, text: str) -> Drawing:
        """Parse some of PARTS with commas between, or `none`. Raises FacetrackError for another word."""
        chosen = {word.strip() for word in text.split(",")}
        if not chosen <= {*PARTS, NONE} or (NONE in chosen and len(chosen) > 1):
            raise FacetrackError(f"--draw is '{text}'; expected some of {', '.join(PARTS)}, or {NONE}")
        return cls(**{name: name in chosen for name in PARTS})

    def draw(
        self, image: Image, faces: Sequence[Face], events: Sequence[Event] = (), time_s: float = 0.0,
        overlay: SignalOverlay | None = None,
    ) -> Image:  # fmt: skip
        """Return the picture with these parts drawn on it. overlay: of the video, for the signals."""
        if not (self.points or self.signals or self.axes or self.gaze):
            return image
        drawn = draw_faces(image, faces, points=self.points, axes=self.axes, gaze=self.gaze)
        return overlay.draw(drawn, faces, events, time_s) if self.signals and overlay is not None else drawn
