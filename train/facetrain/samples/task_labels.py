"""Labels of the multi-task network (TCDCN) from a sample's attributes."""

from __future__ import annotations

from facetrain.models.tcdcn import ATTRIBUTES
from facetrain.sample import Sample

UNKNOWN = -1.0
TASKS = (*ATTRIBUTES, "pose")
READ_AS = {"gender": "male", "smile": "smile", "glasses": "glasses", "pose": "pose_bin"}
"""Task -> the attribute that says it in MTFL's samples (see `formats.public.mtfl`)."""


def label_of(sample: Sample, task: str) -> float:
    """1 or 0, a pose 0 to 4, or UNKNOWN."""
    value = sample.attributes.get(READ_AS[task])
    if value is None:
        return UNKNOWN
    return float(value) - 1 if task == "pose" else float(value)
