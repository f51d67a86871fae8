"""A file as `serve`'s camera: grey levels of its pictures tell which frame came."""

from pathlib import Path

import numpy as np
import pytest

from facetrack.errors import FacetrackError
from facetrack.serve.played import PlayedFile
from small_clips import FPS, SIZE, write_pictures

LEVELS = (40, 120, 200)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "three.mp4", [np.full((SIZE[1], SIZE[0], 3), level, np.uint8) for level in LEVELS])


def test_a_file_is_played_again_and_again_at_its_own_pace(clip: Path) -> None:
    played = PlayedFile(clip)
    frames = [played.read() for _ in range(7)]
    played.close()
    assert played.fps == FPS
    seen = [float(image.mean()) for image, _ in frames]
    assert seen == pytest.approx([LEVELS[index % 3] for index in range(7)], abs=8)
    times = [time_s for _, time_s in frames]
    for first, last in ((0, 2), (3, 5)):  # within one playing: never sooner than the file's own times
        assert times[last] - times[first] >= 2 / FPS - 0.005
    assert played.read() is None


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(FacetrackError, match=r"text\.mp4"):
        PlayedFile(tmp_path / "text.mp4")
