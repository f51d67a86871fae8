"""The run: what is left to do by the manifest, done by the workers, listed as it is done."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from facetrack import __version__
from facetrack.batch.inputs import Video
from facetrack.batch.manifest import Entry, Manifest, stamp
from facetrack.batch.outputs import RESERVED
from facetrack.batch.task import Job
from facetrack.batch.workers import Workers
from facetrack.errors import OutputError

ATTEMPTS = 2
"""How often a video is given to a worker that does not survive it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Videos to do, the largest files first, so that the workers end together; done: how many need nothing."""

    videos: tuple[Video, ...]
    done: int


def plan(job: Job, videos: Sequence[Video], entries: Mapping[str, Entry], read: Iterable[Path] = ()) -> Plan:
    """Return what is missing or changed. Raises OutputError if an output would replace an input.

    read: lists of videos, networks and other files that are inputs, too.
    """
    inputs = {video.path for video in videos} | {path.absolute() for path in read}
    for name in RESERVED:
        _refuse(job.folder / name, inputs)
    left = []
    for video in videos:
        for name in job.outputs(video):
            _refuse(job.folder / name, inputs)
        entry = entries.get(str(video.path))
        if entry is None or not entry.is_current(video.path, job.options, __version__, job.folder, job.outputs(video)):
            left.append(video)
    left.sort(key=lambda video: -(stamp(video.path)[0] or 0))
    return Plan(tuple(left), len(videos) - len(left))


def _refuse(output: Path, inputs: Collection[Path]) -> None:
    if output in inputs:
        raise OutputError(f"{output} is an input and would be overwritten; choose another --out.")


def make_folders(job: Job, videos: Iterable[Video]) -> None:
    """Make the folders of the outputs. Raises OutputError where they cannot be made."""
    for folder in dict.fromkeys((job.folder, *((job.folder / video.name).parent for video in videos))):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder} cannot be made a folder ({error.strerror}); choose another --out.") from error


def run(
    job: Job, videos: Sequence[Video], workers: Workers, manifest: Manifest,
    listed: Callable[[Video, Entry], None],
) -> None:  # fmt: skip
    """Do all videos. listed: called with each line that the manifest got.

    A video whose worker is killed is given to another, ATTEMPTS times in all. Raises FacetrackError where nothing can
    be done at all: a network that does not open, a manifest that cannot be written.
    """
    waiting, attempts, running = deque(videos), Counter[Path](), 0
    with workers:
        while waiting or running:
            while waiting and workers.free:
                video = waiting.popleft()
                attempts[video.path] += 1
                workers.submit(video)
                running += 1
            found = workers.next_done()
            if found is None:
                continue
            running -= 1
            video, entry = found
            if entry is None and attempts[video.path] < ATTEMPTS:
                waiting.appendleft(video)
                continue
            entry = entry or job.lost(video)
            manifest.append(entry)
            listed(video, entry)
