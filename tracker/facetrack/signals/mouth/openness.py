"""Openness of the mouth from the inner lips: as a ratio, and relative to this person's closed mouth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack import compiled
from facetrack.signals.observation import Observation
from facetrack.signals.windows.fading_quantile import FadingQuantile, Level
from facetrack.signals.windows.observed_time import GapTimer
from facetrack.topology import INNER_LIP_CORNERS, INNER_LIP_LOWER, INNER_LIP_UPPER, INNER_LIPS, OUTER_LIPS

LIPS = np.array(OUTER_LIPS + INNER_LIPS)
INSIDE = np.array(INNER_LIP_CORNERS + INNER_LIP_UPPER + INNER_LIP_LOWER)


def mouth_opening(points: NDArray[np.floating]) -> float:
    """(68, 2) -> mean gap between the inner lips over the inner mouth's width; NaN for a mouth of no width.

    The eye aspect ratio's idea on the three upper and three lower inner-lip points: 0 closed, over .6 wide open. It
    does not depend on size or roll.
    """
    one_corner, other_corner, *lips = points.take(INSIDE, axis=0).tolist()
    gap = sum(map(math.dist, lips[:3], lips[3:])) / 3.0
    width = math.dist(one_corner, other_corner)
    return gap / width if width > 0.0 else math.nan


@dataclass(frozen=True, slots=True)
class MouthOptions:
    """wide: opening (see `mouth_opening`) of a mouth that counts as open all the way.

    closed_share: the quantile of the opening that is taken for the closed mouth: low, since people talk and yawn with
        it open, but above the few frames in which the lips are pressed. memory_s: within how much known time the past
        fades. prior_closed, prior_s: what is believed before anything is seen, and for how many seconds of it; the mean
        closed mouth of the labels is .02 to .05. most_closed: a person who keeps the mouth open all the time is not
        taken for one whose closed mouth is that open.
    max_sigma: mean uncertainty of the lips' points, as a share of the face's size, above which they count as hidden:
        .036 at most on 183 faces of yawn_faces, .036 at least and .049 in the middle with a painted hand over the mouth
        (95 % of each on their side of .038).
    min_presence: below it the face is.
    """

    wide: float = 0.6
    closed_share: float = 0.2
    memory_s: float = 60.0
    prior_closed: float = 0.03
    prior_s: float = 3.0
    most_closed: float = 0.15
    max_sigma: float = 0.038
    min_presence: float = 0.5


class Mouth:
    """Openness of the mouth, 0 as closed as this person's mouth closes to 1 wide open.

    The closed level is a low quantile of the opening over the last minute or so of known time (beards, full lips and
    the network's own bias move it by some .05), or what a calibration found. No delay.
    """

    def __init__(self, options: MouthOptions | None = None, closed: float | None = None) -> None:
        """Take what a calibration found. closed: `Profile.mouth_closed`; None to learn it."""
        self.options = options or MouthOptions()
        self._set_closed = closed
        self._gap_timer = GapTimer()
        self._closed = Level(FadingQuantile(0.0, 1.0, 200, self.options.memory_s), self.options.closed_share)
        self.reset()

    def reset(self) -> None:
        self._gap_timer.reset()
        self._closed.reset()
        self._closed.add(self.options.prior_closed, self.options.prior_s)

    @property
    def closed(self) -> float:
        """The opening of this person's closed mouth."""
        if self._set_closed is not None:
            return self._set_closed
        return min(self._closed.value or 0.0, self.options.most_closed)

    def update(self, time_s: float, opening: float | None) -> float | None:
        """Return the openness. opening: `mouth_opening` of a mouth that is not occluded, None where unknown."""
        if opening is None:
            self._gap_timer.reset()
            return None
        step_s = self._gap_timer.step(time_s)
        if step_s is not None:
            self._closed.add(opening, step_s)
        closed = self.closed
        return min(max((opening - closed) / (self.options.wide - closed), 0.0), 1.0)


def mouth_hidden(observation: Observation, options: MouthOptions) -> bool:
    """Return whether a hand or a mask occludes the lips by their sigma: then nothing of the mouth is known.

    A network without sigma (NaN) counts as certain.
    """
    if observation.presence < options.min_presence:
        return True
    if compiled.kernels is not None:
        sigma = compiled.kernels.lips_sigma(observation.points, observation.sigma, LIPS)
        return bool(sigma > options.max_sigma)
    x_px, y_px = observation.points.T.tolist()
    size_px = max(max(x_px) - min(x_px), max(y_px) - min(y_px))
    return sum(observation.sigma.take(LIPS).tolist()) / len(LIPS) > options.max_sigma * size_px
