"""A person who follows what a calibration shows, for the loops that guide one."""

import numpy as np

from facetrack.types import Face, Landmarks
from staged import frame

FIRST_S = 1.0
"""When the face comes."""


class GuidedTracker:
    """Follows the faces that act(time_s) returns, from FIRST_S on; time_s is from then on."""

    events = ()

    def __init__(self, act):
        self._act = act

    def search_is_due(self, time_s, interval_s):
        return False

    def finish(self):
        return ()

    def update(self, seen, search):
        return [] if seen.time_s < FIRST_S else self._act(seen.time_s - FIRST_S)


def guided_face(number, signals, pose):
    points = np.zeros((68, 2), np.float32)
    return Face(number, np.zeros(4, np.float32), Landmarks(points, points[:, 0]), 0.9, pose, signals)


def frames_until_stopped(taken):
    """Yield frames at 30 fps, more than any guide needs; `taken` gets their times."""
    for i in range(1000):
        taken.append(i / 30)
        yield frame(i)
