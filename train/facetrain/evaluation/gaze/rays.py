"""Contact sheet of clips with the rays of the gaze."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from facetrack.capture import open_video
from facetrack.drawing.choice import Drawing
from facetrack.drawing.faces import contact_sheet
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Image

EVERY_S, LENGTH_S, FRAMES = 0.1, 12.0, 4
"""Time between the frames that are followed, length of what is followed, and frames shown of each clip."""
CELL_PX, CROP = 480, 2.4
DRAWING = Drawing(points=False, signals=False, axes=True, gaze=True)


def frames_of(clip: Path, tracker: FaceTracker) -> list[Image]:
    """Follow a clip's largest face; returns FRAMES cuttings around it with its axes and rays, evenly over the time."""
    tracker.reset()
    found, next_s = [], 0.0
    with open_video(clip) as video:
        for frame in video:
            if frame.time_s > LENGTH_S:
                break
            if frame.time_s < next_s:
                continue
            next_s = frame.time_s + EVERY_S
            faces = tracker.update(frame)
            if faces:
                face = max(faces, key=lambda one: float(one.box[3] - one.box[1]))
                found.append((frame.image, face))
    chosen = found[len(found) // (2 * FRAMES) :: max(len(found) // FRAMES, 1)][:FRAMES]
    out = []
    for image, face in chosen:
        x0, y0, x1, y1 = face.box.tolist()
        half = CROP * max(x1 - x0, y1 - y0) / 2
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        drawn = DRAWING.draw(image, [face])
        part = drawn[max(0, round(y - half)) : round(y + half), max(0, round(x - half)) : round(x + half)]
        out.append(part)
    return out


def save_sheet(cells: Sequence[Image], titles: Sequence[str], path: Path) -> None:
    """Write the sheet. titles: one per cell."""
    cv2.imwrite(str(path), contact_sheet(cells, columns=FRAMES, cell_width=CELL_PX, titles=titles))
