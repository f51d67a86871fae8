"""Error measures of the eye network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facetrack.modelfile import EYE_STATES, EYES_COLUMNS
from facetrack.types import Floats

LOWERED, SHUT = EYE_STATES.index("lowered"), EYE_STATES.index("shut")


def shut_log_odds(outputs: Floats) -> Floats:
    """Return the log odds of shut against lowered of (N, EYES_SIZE) outputs."""
    logits = outputs[:, EYES_COLUMNS["state"]]
    return np.asarray(logits[:, SHUT] - logits[:, LOWERED])


def is_shut(outputs: Floats) -> NDArray[np.bool_]:
    """Return (N,) whether shut is more probable than open and lowered together."""
    logits = outputs[:, EYES_COLUMNS["state"]].astype(np.float64)
    others = np.logaddexp(*(logits[:, i] for i in range(len(EYE_STATES)) if i != SHUT))
    return np.asarray(logits[:, SHUT] > others)


def contour_error(outputs: Floats, contour: Floats) -> Floats:
    """Return the (N, 6) errors of the points over the eye's width. contour: (N, 6, 2), the labels in crop px."""
    predicted = outputs[:, EYES_COLUMNS["contour"]].reshape(-1, 6, 2)
    width = np.linalg.norm(contour[:, 3] - contour[:, 0], axis=1)
    return np.asarray(np.linalg.norm(predicted - contour, axis=2) / np.maximum(width, 1e-6)[:, None])


def iris_error(outputs: Floats, iris: Floats, contour: Floats) -> Floats:
    """Return the (N,) errors of the irises' centres over the eye's width. iris: (N, 2 or 3), the labels in crop px."""
    width = np.linalg.norm(contour[:, 3] - contour[:, 0], axis=1)
    error = np.linalg.norm(outputs[:, EYES_COLUMNS["iris"]] - iris[:, :2], axis=1)
    return np.asarray(error / np.maximum(width, 1e-6))
