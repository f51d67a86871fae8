"""Changes of a running tracker between two frames: its smoothing, the person's profile, the number of the next face."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from facetrack.smoothing.landmarks import SMOOTHING

if TYPE_CHECKING:
    from facetrack.signals.profile import Profile
    from facetrack.tracking.tracker import FaceTracker
    from facetrack.types import Event


def set_smoothing(tracker: FaceTracker, name: str) -> None:
    """Go on with another smoothing: off, low, medium or high. Raises ValueError for any other."""
    tracker.options = replace(tracker.options, smoothing=name)
    for track in tracker._tracks:
        track.smoother.options = SMOOTHING[name]


def set_profile(tracker: FaceTracker, profile: Profile) -> tuple[Event, ...]:
    """Go on with another profile; returns the events that end so."""
    tracker.options = replace(tracker.options, signals=replace(tracker.options.signals, profile=profile))
    return tuple(event for person in tracker._people for event in person.signals.take_profile(profile))


def number_on(tracker: FaceTracker, before: FaceTracker) -> None:
    """Give new faces of a tracker the numbers after those of the tracker that it replaces."""
    tracker._next_id = before._next_id
