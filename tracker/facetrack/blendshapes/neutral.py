"""Blendshapes of the faces of one video over each person's own rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from facetrack.blendshapes.features import features
from facetrack.blendshapes.network import ShapeNetwork
from facetrack.types import Face, Floats, Frame

FORGET_S = 10.0
"""Absence after which a face starts from the average person again."""
QUANTILE = 0.2
"""Share of a person's frames that lie below the rest: low, since an expression only adds."""
LEARNING_S, FIRST_S = 60.0, 1.0
STEP = 2.0
"""Way of the rest in FIRST_S, up and down together, and in the last LEARNING_S of a long time."""
MAX_STEP_S = 0.2
MOST = 0.9
"""The rest reaches no higher, so that what is above it can still be stretched."""


class Neutral:
    """A person's resting value of each blendshape: a running low quantile, from the average person's 0 on.

    Follows by steps of one size (stochastic approximation, Robbins and Monro, 1951), larger in the first second.
    """

    def __init__(self, count: int) -> None:
        self.rest = np.zeros(count, np.float32)
        self.seen_s = -math.inf
        self._known_s = 0.0

    def update(self, time_s: float, values: Floats) -> Floats:
        """Learn from a frame; returns its values above the rest, stretched so that 1 stays 1."""
        step_s = 0.0 if math.isinf(self.seen_s) else min(max(time_s - self.seen_s, 0.0), MAX_STEP_S)
        self.seen_s = time_s
        self._known_s += step_s
        share = STEP * step_s / min(max(self._known_s, FIRST_S), LEARNING_S)
        rest = (values > self.rest) * np.float32(share)  # up by QUANTILE of a step, down by the rest of it
        rest += self.rest - np.float32(share * (1.0 - QUANTILE))
        self.rest = np.minimum(np.maximum(rest, 0.0), np.float32(MOST))
        return np.maximum(values - self.rest, 0.0) / (1.0 - self.rest)


class Blendshapes:
    """Blendshape signal of the faces of one video. Call `update` with every frame in order."""

    def __init__(self, network: ShapeNetwork) -> None:
        self.network = network
        self._beside_mouth = {name for name in network.names if not name.startswith(("mouth", "jaw"))}
        self.reset()

    def reset(self) -> None:
        """Forget all faces."""
        self._neutral: dict[int, Neutral] = {}

    def update(self, frame: Frame, faces: Sequence[Face]) -> list[Face]:
        """Return the faces with `signals.blendshapes` set where they are known."""
        self._neutral = {k: n for k, n in self._neutral.items() if frame.time_s - n.seen_s <= FORGET_S}
        return [self._face(face, frame.time_s) for face in faces]

    def _face(self, face: Face, time_s: float) -> Face:
        seen = features(face)
        if seen is None:
            return face
        neutral = self._neutral.get(face.track_id)
        if neutral is None:
            neutral = self._neutral[face.track_id] = Neutral(len(self.network.names))
        found = dict(zip(self.network.names, neutral.update(time_s, self.network(seen)).tolist(), strict=True))
        if face.signals.mouth.openness is None:
            found = {name: value for name, value in found.items() if name in self._beside_mouth}
        return replace(face, signals=replace(face.signals, blendshapes=MappingProxyType(found)))
