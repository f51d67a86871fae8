"""Confidence: how likely a reading of the landmark network is a face with usable points, calibrated per network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from facetrack.errors import ModelFileError
from facetrack.geometry import points_box
from facetrack.landmarker import Reading
from facetrack.modelfile import ModelSpec

TYPICAL_SIGMA = 0.02
"""Relative sigma that is assumed of a network that gives none."""
MOST_LOGIT = 15.0
"""Log-odds beyond which the presence says no more; half-precision outputs reach 0 and 1."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """Logistic model of a network's readings: the log-odds that one is a face with usable points.

    log-odds = presence * logit(presence) + log_sigma * log(relative sigma) + bias. The relative sigma is averaged over
    the points that are visible: in profile the far half of the face is hidden and its sigma large, though the points
    of the near half are as good as a frontal face's. No head angle is needed then.

    presence, log_sigma, bias: coefficients, fitted by `facetrack eval gates` and kept in the network's file.
    enter, keep, clear: log-odds that a new face needs, that a followed one needs, and from which a reading is certain.
    most_sigma: relative sigma from which no reading counts. Of a network that tells no visibility a large sigma is the
        only sign of a profile whose points are wrong (in the generated clips 33 to 48 frames in each of three).
    """

    presence: float
    log_sigma: float
    bias: float
    enter: float
    keep: float
    clear: float
    most_sigma: float = math.inf

    @classmethod
    def of(cls, spec: ModelSpec) -> Confidence:
        """Return the network's own, or DEFAULT if its file has none. Raises ModelFileError for a malformed one."""
        return cls.from_values(spec.gates, spec.name) if spec.gates else DEFAULT

    @classmethod
    def from_values(cls, values: Mapping[str, float], name: str) -> Confidence:
        """Read what a network's file holds. name: the network's, for the message."""
        wanted = [item.name for item in fields(cls) if item.default is MISSING]
        try:
            numbers = {key: float(values[key]) for key in wanted}
            found = cls(**numbers, most_sigma=float(values.get("most_sigma", math.inf)))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"network '{name}' has gates {dict(values)}; expected the numbers {', '.join(wanted)}: run "
                "`facetrack eval gates` on it"
            ) from error
        if not found.keep <= found.enter <= found.clear:
            raise ModelFileError(f"network '{name}' has gates {dict(values)}; expected keep <= enter <= clear")
        return found

    def __call__(self, reading: Reading, inside: NDArray[np.bool_] | None = None) -> float:
        """Return the log-odds. inside: (68,) points in the picture; None if all are."""
        return self.log_odds(reading.presence, visible_sigma(reading, inside))

    def log_odds(self, presence: float, sigma: float) -> float:
        """Return them of a face. presence: 0..1. sigma: relative, as `visible_sigma` returns it."""
        presence, log_sigma = logit(presence), _log(sigma)
        if log_sigma > math.log(self.most_sigma):
            return -math.inf
        return self.presence * presence + self.log_sigma * log_sigma + self.bias

    @property
    def known(self) -> float:
        """Log-odds that a face needs which may be one that was lost: midway, since its look has to fit, too."""
        return (self.keep + self.enter) / 2

    @property
    def likely(self) -> float:
        """Log-odds from which a new face may be shown once it was seen several times: 3/4 of the way to `clear`.

        Of the faces of the ten clips and two generated ones all reach `clear`; a fold of cloth was followed for 90
        frames without a limit, an ear for 37 with one midway (docs/experiments.md).
        """
        return self.enter + 0.75 * (self.clear - self.enter)

    def doubt(self, log_odds: float) -> float:
        """Return 0 for a certain reading, 1 for one that only just passes as a new face's."""
        if log_odds >= self.clear:
            return 0.0
        return min((self.clear - log_odds) / max(self.clear - self.enter, 1e-6), 1.0)


DEFAULT = Confidence(presence=0.459, log_sigma=-4.294, bias=-13.155, enter=1.0, keep=-1.7, clear=3.0, most_sigma=0.06)
"""For a network without a calibration of its own: that of landmarks68. `keep` lets a presence of .2 pass at the largest
sigma."""


def features(reading: Reading, inside: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """Return what `Confidence` weighs: the presence's log-odds, and the logarithm of the relative sigma."""
    return logit(reading.presence), _log(visible_sigma(reading, inside))


def _log(sigma: float) -> float:
    return math.log(TYPICAL_SIGMA if math.isnan(sigma) else max(sigma, 1e-6))


def visible_sigma(reading: Reading, inside: NDArray[np.bool_] | None = None) -> float:
    """Return the mean sigma over the face's longer side, weighted by visibility; NaN if the network has none.

    inside: (68,) points that count; None for all.
    """
    marks = reading.landmarks
    x0, y0, x1, y1 = points_box(marks.points).tolist()
    size_px = max(x1 - x0, y1 - y0)
    weight = marks.visibility
    if inside is not None:
        weight = inside.astype(np.float32) if weight is None else weight * inside
    if weight is None:
        return float(np.add.reduce(marks.sigma)) / len(marks.sigma) / max(size_px, 1e-6)
    total = float(np.add.reduce(weight))
    return float(np.vdot(weight, marks.sigma)) / max(total, 1e-6) / max(size_px, 1e-6)


def logit(probability: float) -> float:
    """Log-odds of a probability, within MOST_LOGIT."""
    if not 0.0 < probability < 1.0:
        return MOST_LOGIT if probability >= 1.0 else -MOST_LOGIT
    return min(max(math.log(probability / (1.0 - probability)), -MOST_LOGIT), MOST_LOGIT)
