"""Outputs of an eye network for crops of single eyes."""

from __future__ import annotations

import numpy as np

from facetrack.engine import Engine
from facetrack.modelfile import EYES_OUTPUT
from facetrack.types import Floats, Image

BATCH = 128
"""Faces in a batch."""


def single_outputs(engine: Engine, crops: Image) -> Floats:
    """Return the (N, EYES_SIZE) outputs for (N, S / 2, S, 3) crops of single eyes, paired to faces."""
    columns = crops.shape[2]
    padded = np.concatenate([crops, crops[-1:]]) if len(crops) % 2 else crops
    faces = padded.reshape(-1, columns, columns, 3)
    parts = [engine(faces[start : start + BATCH])[EYES_OUTPUT] for start in range(0, len(faces), BATCH)]
    return np.asarray(np.concatenate(parts).reshape(len(padded), -1)[: len(crops)], np.float32)
