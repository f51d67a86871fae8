"""Head turned away: a face that was last seen turning out of sight, which is no face that was simply lost."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from facetrack.signals.windows.lasting import LastingEvent
from facetrack.types import Event


@dataclass(frozen=True, slots=True)
class AwayOptions:
    """Limits of a head that turned away, choices of this project.

    turned_deg: angle of the head against the line of sight from which the face disappears by turning: a network that
        knows profiles follows a head to some 90 degrees.
    still_deg: how far it still has to be turned in the last frame that shows it.
    before_s: how long before the loss it may have been turned furthest.
    grows_deg, within_s: by how much the angle must have grown before the loss: a steady profile that is lost went
        behind something.
    """

    turned_deg: float = 70.0
    still_deg: float = 45.0
    before_s: float = 0.3
    grows_deg: float = 20.0
    within_s: float = 1.0


class FacingAway:
    """Event `facing_away`: the head was there, turned beyond `turned_deg`, and no face is seen any more.

    Begins when the face, which was turning, has been unseen for `observation.MAX_GAP_S`, from the moment at which it
    was seen last; ends with the frame that shows it again, or with the last frame before it is forgotten. amplitude:
    the furthest angle seen, in degrees. A face that left the picture or went behind another is not turned away.
    """

    def __init__(self, track_id: int, options: AwayOptions | None = None) -> None:
        self.options = options or AwayOptions()
        self._event = LastingEvent("facing_away", track_id)
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._event.reset()
        self._seen: deque[tuple[float, float]] = deque()
        self._until_s = -math.inf

    def update(self, time_s: float, turn_deg: float | None) -> tuple[Event, ...]:
        """Take a frame that shows the face; returns the end of an event. turn_deg: against the line of sight."""
        ended = self._event.end(time_s)
        if turn_deg is None:
            self._seen.clear()
            return ended
        self._seen.append((time_s, abs(turn_deg)))
        while time_s - self._seen[0][0] > self.options.within_s:
            self._seen.popleft()
        return ended

    def lost(self, time_s: float) -> tuple[Event, ...]:
        """Take the moment at which the face counts as lost; returns the beginning, if it turned away."""
        if not self._seen:
            return ()
        options, (last_s, last_deg) = self.options, self._seen[-1]
        furthest_deg = max(turn for t, turn in self._seen if last_s - t <= options.before_s)
        grown_deg = furthest_deg - min(turn for _, turn in self._seen)
        self._seen.clear()
        self._until_s = time_s
        if furthest_deg < options.turned_deg or last_deg < options.still_deg or grown_deg < options.grows_deg:
            return ()
        return self._event.begin(last_s, time_s, furthest_deg)

    def unseen(self, time_s: float) -> None:
        """Take a later frame that does not show it."""
        self._until_s = time_s

    def interrupt(self) -> tuple[Event, ...]:
        """End it: the face is forgotten or the video is over."""
        return self._event.end(self._until_s)
