"""Fixtures of the tracker's tests."""

import pytest

from poses import pose
from staged import Stage, actor


@pytest.fixture
def smiling(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Somebody who smiles from the first frame on, which is known after half a second."""
    monkeypatch.setattr("facetrack.tracking.tracker.fused_pose", lambda *_: pose())
    stage = Stage()
    stage.attributes = {"smile": 0.9}
    stage.cast(ann=actor(200, 200))
    return stage
