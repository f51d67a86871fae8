"""Results of a camera for programs that use asyncio: `async for result in facetrack.stream(camera)`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from facetrack.loops.result import Result
from facetrack.loops.steps import results

if TYPE_CHECKING:
    from facetrack.tracking.tracker import FaceTracker


async def stream(
    camera: str | int | Path = 0, tracker: FaceTracker | None = None, *, width: int | None = None,
    height: int | None = None, fps: float | None = None,
) -> AsyncGenerator[Result]:  # fmt: skip
    """Follow a camera, a network stream or a file in a thread of its own, and yield a result for each frame.

    camera: as for `open_source`; its newest frame is taken, so that a slow reader drops frames of a camera, and waits
    for none. tracker: built with the bundled networks when it is left out. width, height (px), fps: of a camera.
    What still lasts at the end is ended by one more result of the last frame, without faces. Raises FacetrackError.
    Leave the loop early through `contextlib.aclosing`, which closes the camera at once.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "facetrack stream") as thread:
        steps = _Steps(camera, tracker, width, height, fps)
        try:
            while (result := await loop.run_in_executor(thread, steps.next)) is not None:
                yield result
        finally:
            thread.submit(steps.close)


class _Steps:
    """The loop, one step a call, all in one thread."""

    def __init__(
        self, camera: str | int | Path, tracker: FaceTracker | None, width: int | None, height: int | None,
        fps: float | None,
    ) -> None:  # fmt: skip
        self._camera, self._tracker, self._wanted = camera, tracker, (width, height, fps)
        self._results: Iterator[Result] | None = None

    def next(self) -> Result | None:
        """Return the next result; None at the end."""
        if self._results is None:
            self._results = self._run()
        return next(self._results, None)

    def close(self) -> None:
        """Close the source."""
        if self._results is not None:
            self._results.close()  # type: ignore[attr-defined]

    def _run(self) -> Iterator[Result]:
        from facetrack.capture import open_source
        from facetrack.tracking.tracker import FaceTracker

        width, height, fps = self._wanted
        with open_source(self._camera, width=width, height=height, fps=fps) as source:
            yield from results(source, self._tracker or FaceTracker.from_weights(), source.live)
