"""Workers on a Ray cluster: the same task as actors, each of one CPU, with networks that are loaded once.

The outputs and the manifest lie on a file system that all nodes see by the same path; the driver alone writes the
manifest. An actor is used when it has started, so that there may be more of them than CPUs: what was on a lost node is
done elsewhere, and a node that joins is used.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from facetrack.batch.inputs import Video
from facetrack.batch.manifest import Entry
from facetrack.batch.task import Job, VideoTask, clear
from facetrack.batch.workers import ONE_THREAD
from facetrack.errors import FacetrackError, MissingExtraError, first_line


class RayWorkers:
    """Actors of a cluster.

    count: of actors; None for as many as the cluster has CPUs. address: of a running cluster, host:port or "auto"; None
    starts one on this machine. Raises MissingExtraError without Ray, FacetrackError if the cluster does not answer.
    """

    def __init__(self, job: Job, count: int | None = None, address: str | None = None) -> None:
        try:
            import ray
        except ImportError as error:
            raise MissingExtraError(
                "--runner ray needs the package ray; install the extra: python -m pip install 'facetrack[ray]'"
            ) from error
        self._ray: Any = ray
        self._job, self._count, self._address = job, count, address
        self._idle: list[Any] = []
        self._starting: dict[Any, Any] = {}
        self._busy: dict[Any, tuple[Video, Any]] = {}

    @property
    def free(self) -> int:
        """Number of videos that can be submitted now."""
        return len(self._idle)

    def submit(self, video: Video) -> None:
        """Give a video to an actor that has started."""
        actor = self._idle.pop()
        self._busy[actor.run.remote(video)] = video, actor

    def next_done(self) -> tuple[Video, Entry | None] | None:
        """Wait for the next video, or for the start of another actor. Raises FacetrackError as `VideoTask`."""
        (ref,), _ = self._ray.wait([*self._busy, *self._starting], num_returns=1)
        video, actor = self._busy.pop(ref, (None, None))
        actor = actor or self._starting.pop(ref)
        try:
            entry: Entry | None = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, FacetrackError) else error from error
        except self._ray.exceptions.RayActorError:
            self._start()
            if video is None:
                return None
            clear(self._job, video)
            return video, None
        self._idle.append(actor)
        return None if video is None else (video, entry)

    def _start(self) -> None:
        actor = self._actor.remote(self._job)
        self._starting[actor.ready.remote()] = actor

    def __enter__(self) -> Self:
        import logging

        try:
            self._ray.init(self._address, logging_level=logging.WARNING, log_to_driver=False, **self._local_only())
        except Exception as error:  # Ray raises bare ones, too
            where = "here" if self._address is None else f"at {self._address}"
            raise FacetrackError(
                f"no Ray cluster {where} ({first_line(error)}); give --ray-address HOST:PORT of a head node that "
                "runs, or leave it out for a cluster on this machine"
            ) from error
        self._actor = self._ray.remote(Actor).options(num_cpus=1, runtime_env={"env_vars": ONE_THREAD})
        cpus = int(self._ray.cluster_resources().get("CPU", 1))
        for _ in range(self._count or cpus):
            self._start()
        return self

    def _local_only(self) -> dict[str, Any]:
        """Options of a cluster of our own."""
        if self._address is not None:
            return {}
        return {"include_dashboard": False, **({} if self._count is None else {"num_cpus": self._count})}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in (*self._idle, *self._starting.values(), *(actor for _, actor in self._busy.values())):
            self._ray.kill(actor)
        for video, _ in self._busy.values():
            clear(self._job, video)
        self._ray.shutdown()


class Actor:
    """An actor's process."""

    def __init__(self, job: Job) -> None:
        import cv2

        cv2.setNumThreads(1)
        self._task = VideoTask(job)

    def ready(self) -> None:
        """Return when the actor has started."""

    def run(self, video: Video) -> Entry:
        """Track one video."""
        return self._task(video)
