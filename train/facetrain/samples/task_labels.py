"""Labels of the multi-task network (TCDCN) from a sample's attributes."""

from __future__ import annotations

from facetrain.models.tcdcn import ATTRIBUTES
from facetrain.sample import Sample

UNKNOWN = -1.0
TASKS = (*ATTRIBUTES, "pose")
MTFL_ATTRIBUTES = {"gender": "male", "smile": "smile", "glasses": "glasses", "pose": "pose_bin"}
"""Task -> its attribute in MTFL's samples (see `formats.public.mtfl`)."""


def label_of(sample: Sample, task: str) -> float:
    """Return the task's label: 1 or 0, a pose bin 0 to 4, or UNKNOWN."""
    value = sample.attributes.get(MTFL_ATTRIBUTES[task])
    if value is None:
        return UNKNOWN
    return float(value) - 1 if task == "pose" else float(value)
