"""Rendered heads that turn from profile to profile and back: yaw of each source against the truth, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from facetrack.angles import euler_deg
from facetrack.drawing.faces import contact_sheet, draw_faces
from facetrack.geometry import crop_from_box, crop_matrix, cut, points_box, transform
from facetrack.landmarker import Landmarker
from facetrack.pose import fused_pose, head_pose
from facetrack.tracking.track import Track
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Face, Frame, Image, Pose
from facetrain.evaluation.landmarks.turned_methods import FUSED, POINTS, ROTATION
from facetrain.metrics.landmarks import box_size
from facetrain.reporting.progress import with_progress
from facetrain.reporting.report import Report, Table
from facetrain.synth.rendering.clips import Actor, Script, play, random_actor
from facetrain.synth.rendering.render import Renderer
from facetrain.synth.rendering.truth import HeadState, HeadTruth

Array = NDArray[np.float64]

ACTORS = (3, 8)
"""Seeds of the two people."""
REACH_DEG, SPEED_DEG_S, FPS = 90.0, 60.0, 15.0
SECONDS = 4 * REACH_DEG / SPEED_DEG_S
SHEET_FRAMES, SHEET_COLUMNS, CELL_PX, CELL_MARGIN = 24, 6, 320, 1.7
BINS_DEG = ((0.0, 30.0), (30.0, 60.0), (60.0, 90.1))


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """One head's way from profile to profile and back, N frames.

    truth: (N,) yaw in degrees. yaw: by source, (N,) degrees, NaN where unknown. sigma: (N,) of the fused yaw, NaN where
    unknown. error: (N,) mean error of the points over the root of the true box, %. followed: (N,) whether the tracker
    itself, with its detector and gates, had the face. sheet: frames with the points drawn.
    """

    truth: Array
    yaw: dict[str, Array]
    sigma: Array
    error: Array
    followed: NDArray[np.bool_]
    sheet: Image


def profile_to_profile(actor: Actor) -> Script:
    """Return the script of a head that turns from -REACH_DEG to REACH_DEG and back at SPEED_DEG_S."""

    def state(time_s: float) -> HeadState:
        way = (time_s * SPEED_DEG_S) % (4 * REACH_DEG)
        return replace(actor.rest, yaw_deg=min(way, 4 * REACH_DEG - way) - REACH_DEG)

    return state


def measure(renderer: Renderer, landmarker: Landmarker, tracker: FaceTracker) -> list[Sweep]:
    """Measure the sweep of each of ACTORS."""
    found = []
    for seed in ACTORS:
        actor = random_actor(renderer.model, seed)
        clip = play(renderer, actor, profile_to_profile(actor), FPS, SECONDS)
        tracker.reset()
        found.append(follow(list(with_progress(clip, f"head {seed}")), landmarker, tracker))
    return found


def follow(clip: Sequence[tuple[Frame, HeadTruth]], landmarker: Landmarker, tracker: FaceTracker) -> Sweep:
    """Follow a head on its own points from the true box of the first frame on, without detector and gates.

    tracker: a new one, which runs beside it.
    """
    rows: list[list[float]] = []
    error, followed, drawn = [], [], []
    for (frame, truth), (face, alone) in zip(clip, _faces(clip, landmarker), strict=True):
        yaws = [np.nan if pose is None else pose.yaw_deg for pose in (face.pose, alone[0])]
        known = face.pose is not None and face.pose.sigma_deg is not None
        rows.append([*yaws, alone[1], face.pose.sigma_deg[0] if known else np.nan])  # type: ignore[index,union-attr]
        off = np.linalg.norm(face.landmarks.points - truth.fixed_points, axis=1).mean()
        error.append(100 * float(off / box_size(truth.fixed_points[None])[0]))
        followed.append(bool(tracker.update(frame)))
        drawn.append(_cell(frame.image, face, truth))
    columns = np.array(rows).T
    step = max(1, len(drawn) // SHEET_FRAMES)
    return Sweep(
        np.array([truth.yaw_deg for _, truth in clip]),
        dict(zip((FUSED, POINTS, ROTATION), columns[:3], strict=True)),
        columns[3],
        np.array(error),
        np.array(followed),
        contact_sheet(drawn[::step], columns=SHEET_COLUMNS, cell_width=CELL_PX),
    )


def _faces(
    clip: Sequence[tuple[Frame, HeadTruth]], landmarker: Landmarker
) -> Iterator[tuple[Face, tuple[Pose | None, float]]]:
    """Yield each frame's face, and the pose of its points alone and the yaw of the rotation alone."""
    track = None
    for frame, truth in clip:
        first = crop_from_box(points_box(truth.fixed_points), landmarker.margin)
        (reading,) = landmarker(frame.image, [track.crop_at(frame.time_s) if track else first])
        if track:
            track.update(reading, frame.time_s)
        else:
            track = Track(reading, frame.time_s, landmarker.margin, "medium")
        marks, size = track.landmarks, (frame.image.shape[1], frame.image.shape[0])
        pose = fused_pose(marks, track.head, size)
        yaw = np.nan if reading.head is None else euler_deg(reading.head.rotation)[0]
        face = Face(1, points_box(marks.points), marks, reading.presence, pose)
        yield face, (head_pose(marks.points, size), yaw)


def _cell(image: Image, face: Face, truth: HeadTruth) -> Image:
    """Draw the face, cut out and enlarged, and the true yaw and its own."""
    crop = crop_from_box(face.box, CELL_MARGIN)
    marks = replace(face.landmarks, points=transform(face.landmarks.points, crop_matrix(crop, CELL_PX)))
    canvas = draw_faces(cut(image, crop, CELL_PX), [replace(face, landmarks=marks)], labels=False, gaze=False)
    text = f"{truth.yaw_deg:.0f}: {np.nan if face.pose is None else face.pose.yaw_deg:.0f}"
    cv2.putText(canvas, text, (8, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2, cv2.LINE_AA)
    return canvas


def report(sweeps: Sequence[Sweep], title: str) -> Report:
    """Build the report with the plot of yaw against the truth and the sheets of frames."""
    rows, figures = [], {}
    for name in (FUSED, POINTS, ROTATION):
        rows.append(
            [name, *(_bin_text(sweeps, name, low, high) for low, high in BINS_DEG), f"{jump(sweeps, name):.1f}"]
        )
        figures[name] = {"yaw_off_deg": _off(sweeps, name), "jump_deg": jump(sweeps, name)}
    within = [_within(sweeps, times) for times in (1, 2)]
    tables = [
        Table("yaw off by |yaw|, degrees", ("source", "0-30", "30-60", "60-90", "largest jump"), rows),
        Table("points and tracker by |yaw|", ("", "0-30", "30-60", "60-90"), _by_yaw_rows(sweeps)),
        Table("band", ("within one sigma", "within two"), [[f"{share:.2f}" for share in within]]),
    ]
    plots: dict[str, Callable[[Path], None]] = {"yaw.png": partial(save_plot, sweeps, title)}
    for number, sweep in enumerate(sweeps, 1):
        plots[f"frames_{number}.png"] = partial(_save_image, sweep.sheet)
    return Report(f"Heads turning from profile to profile: {title}", tables, figures, (), MEANING, plots)


def jump(sweeps: Sequence[Sweep], name: str) -> float:
    """Return the largest step of the yaw from frame to frame beyond the truth's own, in degrees; NaN if unknown."""
    steps = [np.abs(np.diff(s.yaw[name] - s.truth)) for s in sweeps]
    known = np.concatenate(steps)
    return float(np.nanmax(known)) if np.isfinite(known).any() else float("nan")


def _off(sweeps: Sequence[Sweep], name: str, low: float = 0.0, high: float = 91.0) -> float:
    off = np.concatenate([np.abs(s.yaw[name] - s.truth)[_part(s, low, high)] for s in sweeps])
    return float(np.nanmean(off)) if np.isfinite(off).any() else float("nan")


def _bin_text(sweeps: Sequence[Sweep], name: str, low: float, high: float) -> str:
    return f"{_off(sweeps, name, low, high):.1f}"


def _part(sweep: Sweep, low: float, high: float) -> NDArray[np.bool_]:
    return np.asarray((np.abs(sweep.truth) >= low) & (np.abs(sweep.truth) < high))


def _by_yaw_rows(sweeps: Sequence[Sweep]) -> list[list[str]]:
    rows = [["error of the points, % of the box's root"], ["frames in which the tracker has the face"]]
    for low, high in BINS_DEG:
        error = np.concatenate([s.error[_part(s, low, high)] for s in sweeps])
        followed = np.concatenate([s.followed[_part(s, low, high)] for s in sweeps])
        rows[0].append(f"{error.mean():.2f}")
        rows[1].append(f"{followed.mean():.2f}")
    return rows


def _within(sweeps: Sequence[Sweep], times: float) -> float:
    inside = np.concatenate([np.abs(s.yaw[FUSED] - s.truth) < times * s.sigma for s in sweeps])
    known = np.concatenate([np.isfinite(s.sigma) for s in sweeps])
    return float(inside[known].mean()) if known.any() else float("nan")


def save_plot(sweeps: Sequence[Sweep], title: str, path: Path) -> None:
    """Draw a row per head: yaw over time of truth, fusion with its band, points alone and rotation alone."""
    figure = Figure(figsize=(12, 3.6 * len(sweeps)), layout="constrained")
    for axis, sweep in zip(figure.subplots(len(sweeps), 1, squeeze=False)[:, 0], sweeps, strict=True):
        time_s = np.arange(len(sweep.truth)) / FPS
        fused = sweep.yaw[FUSED]
        axis.fill_between(time_s, fused - sweep.sigma, fused + sweep.sigma, color="C0", alpha=0.25, lw=0)
        axis.plot(time_s, sweep.yaw[POINTS], "C1", lw=0.9, label=POINTS)
        axis.plot(time_s, sweep.yaw[ROTATION], "C2", lw=0.9, label=ROTATION)
        axis.plot(time_s, fused, "C0", lw=1.6, label="fused, with one standard deviation")
        axis.plot(time_s, sweep.truth, "k--", lw=1.0, label="truth")
        axis.set(xlim=(0, time_s[-1]), xlabel="s", ylabel="yaw, degrees", title=title)
        axis.legend(loc="lower center", fontsize="small", ncols=4)
    figure.savefig(path, dpi=90)


def _save_image(image: Image, path: Path) -> None:
    cv2.imwrite(str(path), image)


MEANING = {
    "fused": "the tracker's pose: the network's rotation and the smoothed points, each weighed by its uncertainty",
    "points alone": "PnP of the smoothed points",
    "rotation alone": "the network's rotation, not smoothed, relative to the line of sight",
    "largest jump": "largest step from frame to frame beyond the truth's own, degrees",
    "frames in which the tracker has the face": "with its own detector and gates; the other figures without them",
}
