"""Tracking as the work of a batch: the records, the annotated video and the report of each video."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facetrack.batch.inputs import Video
from facetrack.batch.outputs import SUFFIXES
from facetrack.batch.task import Do

if TYPE_CHECKING:
    from facetrack.capture import ImageFiles, VideoFile
    from facetrack.sinks import VideoSink
    from facetrack.sinks.sink import RecordSink
    from facetrack.tracking.tracker import FaceTracker


@dataclass(frozen=True, slots=True)
class Track:
    """Tracks the faces of videos.

    kinds: of outputs, of SUFFIXES. start: builds the tracker. threads: of a video's decoder and encoder.
    """

    kinds: tuple[str, ...]
    start: Callable[[], FaceTracker]
    csv_style: str = "facetrack"
    threads: int = 1

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of a video's files."""
        return tuple(SUFFIXES[kind] for kind in self.kinds)

    def open(self) -> Do:
        """Build the tracker."""
        return partial(self._track, self.start())

    def _track(self, tracker: FaceTracker, video: Video, stem: Path) -> Mapping[str, Any]:
        from rich.progress import Progress

        from facetrack.batch.persons import TotalsSink
        from facetrack.capture import open_video
        from facetrack.loops.recorded import follow

        totals = TotalsSink()
        with ExitStack() as stack:
            frames: VideoFile | ImageFiles = stack.enter_context(  # type: ignore[assignment]
                open_video(video.path, threads=self.threads)
            )
            pictures, records = self._open_outputs(stack, frames, stem)
            tracker.reset()
            counted = follow(frames, tracker, pictures, [*records, totals], Progress(disable=True))
        return {
            "frames": counted.frames, "with_faces": counted.with_faces, "faces": len(counted.ids),
            "persons": totals.totals(),
        }  # fmt: skip

    def _open_outputs(
        self, stack: ExitStack, frames: VideoFile | ImageFiles, stem: Path
    ) -> tuple[VideoSink | None, list[RecordSink]]:
        """Open the outputs, their files named by `stem`; the stack completes or discards them."""
        from facetrack.loops.recorded import annotated_video
        from facetrack.report import ReportSink
        from facetrack.sinks.tables.records import open_records

        source = frames.path
        target = {kind: Path(f"{stem}{SUFFIXES[kind]}") for kind in self.kinds}
        pictures = None
        if "video" in target:
            pictures = stack.enter_context(annotated_video(target["video"], frames, source, self.threads))
        records = [stack.enter_context(sink) for _, sink in open_records(target, self.csv_style, source)]
        if "report" in target:
            csv_name = target["csv"].name if "csv" in target else None
            records.append(stack.enter_context(ReportSink(target["report"], source=source, csv_name=csv_name)))
        return pictures, records
