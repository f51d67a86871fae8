"""Hand-over of results: the newest for whoever is slow, every event in order, and no wait for anybody."""

import asyncio
import statistics
import time

import numpy as np

from facetrack.serve.feed import EVENTS, Feed
from facetrack.types import Event
from made_faces import frame, made_face


def blink(i):
    return Event.completed("blink", 1, i / 30 - 0.1, i / 30)


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 10))


def test_a_slow_client_gets_the_newest_frame_and_all_events_in_order():
    async def follow():
        feed = Feed("camera")
        place = feed.open_place()
        feed.start(time.perf_counter())
        for i in range(100):
            feed.write(frame(i), [made_face()], [blink(i)] if i % 10 == 0 else ())
        result, events = await place.take(1.0)
        assert (result.frame.index, [round(30 * event.end_s) for event in events]) == (99, list(range(0, 100, 10)))
        assert await place.take(0.01) == (None, [])

    run(follow())


def test_events_of_a_client_that_takes_none_are_bounded_and_the_loss_is_counted():
    async def follow():
        feed = Feed("camera")
        place, other = feed.open_place(), feed.open_place(frames=False)
        for i in range(EVENTS + 50):
            feed.write(frame(i), (), [blink(i)])
            await asyncio.sleep(0)
            assert len((await other.take(1.0))[1]) == 1
        _, events = await place.take(1.0)
        assert (len(events), place.missed, round(30 * events[0].end_s)) == (EVENTS, 50, 50)

    run(follow())


def test_an_end_without_a_frame_keeps_the_faces_of_the_newest():
    feed = Feed("camera")
    feed.write(frame(3), [made_face()])
    feed.write(frame(3), (), [blink(3)])
    assert len(feed.newest.faces) == 1
    assert [event["kind"] for event in feed.log] == ["blink"]
    assert feed.figures.frames == 1


def test_writing_waits_for_no_client():
    """A loop of events that stands still for a second holds nothing up."""

    async def stall():
        feed = Feed("camera")
        places = [feed.open_place() for _ in range(20)]
        took_s = []
        for i in range(300):  # in this very thread: no client's code can run meanwhile
            began_s = time.perf_counter()
            feed.write(frame(i), [made_face()], [blink(i)])
            took_s.append(time.perf_counter() - began_s)
        await asyncio.sleep(0.05)
        assert statistics.median(took_s) < 0.001
        assert [(await place.take(1.0))[0].frame.index for place in places] == [299] * 20

    run(stall())


def test_a_picture_is_encoded_once_for_all_and_is_that_of_its_frame():
    async def encode():
        import cv2

        feed = Feed("camera")
        feed.write(frame(0), [made_face()])
        first, second = await asyncio.gather(feed.newest.jpeg(320), feed.newest.jpeg(320))
        assert first is second
        assert cv2.imdecode(np.frombuffer(first, np.uint8), cv2.IMREAD_COLOR).shape == (240, 320, 3)
        assert len(await feed.newest.jpeg(0, True)) > len(await feed.newest.jpeg())  # faces on black

    run(encode())
