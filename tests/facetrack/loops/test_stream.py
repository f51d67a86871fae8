"""facetrack.stream: every frame of a file, its end, an early end, and errors."""

import asyncio
import threading
from contextlib import aclosing

import av
import numpy as np
import pytest

import facetrack

FRAMES = 40


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "in.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for _ in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((480, 640, 3), np.uint8), format="bgr24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def tracker(smiling):
    return smiling.tracker(looks=False)


def test_every_frame_and_the_end_of_what_lasts(clip, tracker):
    async def follow():
        return [result async for result in facetrack.stream(clip, tracker)]

    *found, closing = asyncio.run(follow())
    assert [result.frame.index for result in found] == list(range(FRAMES))
    assert found[0].frame.time_s == 0.0
    assert all(len(result.faces) == 1 for result in found)
    assert [event.phase for result in found for event in result.events] == ["began"]
    assert (closing.faces, [event.phase for event in closing.events]) == ((), ["ended"])


def test_the_loop_is_free_and_an_early_end_leaves_no_thread(clip, tracker):
    ticks = []

    async def tick():
        while True:
            ticks.append(1)
            await asyncio.sleep(0)

    async def follow():
        ticking = asyncio.create_task(tick())
        async with aclosing(facetrack.stream(clip, tracker)) as results:
            async for result in results:
                if result.frame.index == 5:
                    break
        ticking.cancel()

    asyncio.run(follow())
    assert len(ticks) > 5
    assert not [thread for thread in threading.enumerate() if "facetrack stream" in thread.name]


def test_a_camera_that_is_none_is_a_source_error():
    async def follow():
        async for _ in facetrack.stream("nowhere.mp4"):
            pass

    with pytest.raises(facetrack.FacetrackError, match=r"nowhere\.mp4"):
        asyncio.run(follow())
