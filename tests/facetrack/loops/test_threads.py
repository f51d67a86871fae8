"""Prefetching and background writing: all items in order, no exception lost."""

import threading
import time
from contextlib import closing

import pytest

from facetrack.loops.threads import QUEUE_SIZE, BackgroundWriter, prefetch


def broken_after(count):
    yield from range(count)
    raise OSError("the disk is gone")


@pytest.mark.parametrize("count", [0, 1, QUEUE_SIZE, 50])
def test_all_items_come_in_order_and_once(count):
    assert list(prefetch(range(count))) == list(range(count))


def test_items_are_read_ahead_in_another_thread_and_only_a_few():
    read, names = [], set()

    def source():
        for i in range(100):
            names.add(threading.current_thread().name)
            read.append(i)
            yield i

    with closing(prefetch(source())) as items:
        assert next(items) == 0
        time.sleep(0.05)
        assert 1 < len(read) <= QUEUE_SIZE + 1
    assert threading.current_thread().name not in names
    assert len(read) <= QUEUE_SIZE + 1, "closing reads nothing further"


def test_an_exception_of_the_source_comes_after_the_items_before_it():
    received = []
    with pytest.raises(OSError, match="the disk is gone"):
        for item in prefetch(broken_after(7)):
            received.append(item)
    assert received == list(range(7))


def test_calls_are_run_in_order_and_all_before_the_end():
    done = []
    with BackgroundWriter() as writer:
        for i in range(50):
            writer.submit(lambda i=i: (time.sleep(0.001), done.append(i)))
    assert done == list(range(50))


@pytest.mark.parametrize("after", [0, 30])
def test_a_failed_call_is_reported_and_none_is_run_after_it(after):
    done = []

    def write(i):
        if i == 3:
            raise OSError("the disk is full")
        done.append(i)

    with pytest.raises(OSError, match="the disk is full"), BackgroundWriter() as writer:
        for i in range(4 + after):
            writer.submit(lambda i=i: write(i))
    assert done == [0, 1, 2]


def test_an_error_outside_does_not_wait_for_pending_calls():
    done, go = [], threading.Event()
    with pytest.raises(KeyboardInterrupt), BackgroundWriter() as writer:
        writer.submit(lambda: (go.wait(5), done.append(0)))
        for i in (1, 2):
            writer.submit(lambda i=i: done.append(i))
        go.set()
        raise KeyboardInterrupt
    assert done in ([0], [0, 1], [0, 1, 2])
