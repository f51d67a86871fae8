"""Faces made unrecognisable, also in the frames just before they were found and just after they were lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import cv2
import numpy as np

from facetrack.types import Event, Face, Frame, Image

HOLD_S = 0.5
"""Time before a face is first seen, and after it was last seen, in which its place is blurred, too: a new face is
confirmed after some frames, and one that was lost is often there still."""
BEYOND = 0.4
"""How far the blurred ellipse reaches beyond the points' box, of its longer side: forehead, ears and hair."""
CELLS = 6
"""Cells across a face; of fewer than some 10 nobody is recognised."""

Item: TypeAlias = "tuple[Frame, Sequence[Face], tuple[Event, ...]]"


def blur_faces(image: Image, boxes: Sequence[Sequence[float]]) -> Image:
    """Return a copy of the picture with what is in and around these boxes, x0 y0 x1 y1 px, as cells of colour."""
    out = image.copy()
    height, width = image.shape[:2]
    for x0, y0, x1, y1 in boxes:
        beyond = BEYOND * max(x1 - x0, y1 - y0)
        left, top = max(0, int(x0 - beyond)), max(0, int(y0 - beyond))
        right, bottom = min(width, int(x1 + beyond) + 1), min(height, int(y1 + beyond) + 1)
        if right - left < 2 or bottom - top < 2:
            continue
        part = out[top:bottom, left:right]
        cells = cv2.resize(part, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
        smooth = cv2.resize(cells, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        mask = np.zeros(part.shape[:2], np.uint8)
        centre = (round((x0 + x1) / 2) - left, round((y0 + y1) / 2) - top)
        axes = (round((x1 - x0) / 2 + beyond), round((y1 - y0) / 2 + beyond))
        cv2.ellipse(mask, centre, axes, 0.0, 0.0, 360.0, 255, -1)
        part[mask > 0] = smooth[mask > 0]
    return out


class FaceBlur:
    """Blurs the faces of a video, HOLD_S late: where a face will be found is known by then.

    No guarantee: a face that is never found is not blurred.
    """

    def __init__(self) -> None:
        self._seen: deque[Item] = deque()
        self._ready = 0  # of those that are held, how many were given out already

    def take(self, frame: Frame, faces: Sequence[Face], events: tuple[Event, ...]) -> Iterator[Item]:
        """Take the next frame; yield those that are complete by now, blurred."""
        self._seen.append((frame, faces, events))
        while self._ready < len(self._seen) and frame.time_s - self._seen[self._ready][0].time_s >= HOLD_S:
            yield self._blurred()
        while self._ready and self._seen[self._ready][0].time_s - self._seen[0][0].time_s > HOLD_S:
            self._seen.popleft()
            self._ready -= 1

    def finish(self) -> Iterator[Item]:
        """Yield the rest."""
        while self._ready < len(self._seen):
            yield self._blurred()

    def _blurred(self) -> Item:
        frame, faces, events = self._seen[self._ready]
        self._ready += 1
        nearest: dict[int, tuple[float, Face]] = {}
        for other, seen, _ in self._seen:
            away_s = abs(other.time_s - frame.time_s)
            for face in seen if away_s <= HOLD_S else ():
                if face.track_id not in nearest or away_s < nearest[face.track_id][0]:
                    nearest[face.track_id] = away_s, face
        boxes = [face.box.tolist() for _, face in nearest.values()]
        blurred = Frame(blur_faces(frame.image, boxes), time_s=frame.time_s, index=frame.index, name=frame.name)
        return blurred, faces, events
