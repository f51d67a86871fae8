"""Animated GIF: its frames, times and colours as FFmpeg reads them back."""

import av
import numpy as np
import pytest

from facetrack.errors import OutputError
from facetrack.sinks import AnimationSink


def flat(level):
    return np.full((60, 80, 3), level, np.uint8)


def test_keeps_every_third_frame_of_30_at_10_per_second(tmp_path):
    with AnimationSink(tmp_path / "a.gif", width_px=40, fps=10) as sink:
        for index in range(30):
            sink.write(flat(8 * index), 5 + index / 30)
    with av.open(str(tmp_path / "a.gif")) as container:
        frames = list(container.decode(video=0))
    assert [round(frame.time, 2) for frame in frames] == [round(0.1 * i, 2) for i in range(10)]
    levels = [frame.to_ndarray(format="bgr24").mean() for frame in frames]
    assert np.allclose(levels, [24 * i for i in range(10)], atol=3)
    assert (frames[0].width, frames[0].height) == (40, 30)


def test_refuses_another_format_and_leaves_nothing_behind_after_an_error(tmp_path):
    with pytest.raises(OutputError, match=r"an animation is a \.gif"):
        AnimationSink(tmp_path / "a.mp4")
    with pytest.raises(RuntimeError), AnimationSink(tmp_path / "a.gif") as sink:
        sink.write(flat(0), 0.0)
        raise RuntimeError
    with pytest.raises(OutputError, match="no frames"), AnimationSink(tmp_path / "b.gif"):
        pass
    assert not list(tmp_path.iterdir())
