"""Training scenes of the face detector, composed on the fly.

A scene is a background divided into 1 to 9 cells with a face in most of them (any size, rotated, with a webcam's
lighting and corruptions), or a part of a crowd, or a background without faces. It is a function of (seed, epoch, index)
alone (see `samples.sampling`), so a resumed run sees the same scenes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from torch import Tensor

from facetrack.errors import DataError
from facetrack.geometry import points_box, transform
from facetrack.types import Image
from facetrain.augment import webcam
from facetrain.augment.scene import blur_cell, corrupt, low_contrast, occlude
from facetrain.samples.detector.hard_examples import HardExample
from facetrain.samples.detector.placing import (
    FACE,
    Rect,
    Rng,
    Scene,
    cells,
    inner_cell,
    longer_side,
    paste,
    place,
    turn_scale,
)
from facetrain.samples.pictures import FacePicture
from facetrain.samples.sampling import EpochItems, names_of


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """Composition of the detector's training scenes.

    side_px: side of the square scene. smallest_px: longer side below which faces are ignored, not learnt.
    face_shares: range of a face's longer side over its cell's shorter side, log-uniform; never below face_px.
    linear: share of faces with a uniform size instead, so that large faces are not outnumbered by small ones.
    enlarge: largest magnification of an image.
    rotation_deg: half range of the uniform rotation of the share `wide` of the faces. full_turn: share of the faces
        with a uniform rotation of up to 180 degrees. The other faces have a normal one of standard deviation
        usual_rotation_deg.
    crowd, empty: shares of scenes that are part of a crowd, or hold no face.
    empty_cell, hard_cell: shares of cells without a face, or with a false alarm if there are any.
    hair_cell: share of cells that show what is above a face: hair, hats, hands.
    soft: share of faces whose picture fades into the background instead of ending at a sharp edge.
    occluded: share of occluded faces. slots: largest number of faces per scene; the largest are kept.
    tight: sources whose images are cropped close around the face, because they have black borders.
    shares: draw probability of each source.
    """

    side_px: int = 256
    scenes_per_epoch: int = 8192
    smallest_px: float = 8.0
    face_px: float = 10.0
    face_shares: tuple[float, float] = (0.1, 0.95)
    linear: float = 0.4
    enlarge: float = 3.0
    rotation_deg: float = 75.0
    wide: float = 0.4
    full_turn: float = 0.0
    usual_rotation_deg: float = 8.0
    crowd: float = 0.16
    empty: float = 0.06
    empty_cell: float = 0.15
    hard_cell: float = 0.15
    hair_cell: float = 0.04
    soft: float = 0.3
    occluded: float = 0.3
    slots: int = 64
    tight: tuple[str, ...] = ("expressions", "aflw21")
    shares: dict[str, float] = field(
        default_factory=lambda: {
            "helen_train": 0.2, "lfpw_train": 0.14, "ytfaces_train": 0.18, "expressions": 0.1, "mtfl": 0.12,
            "mtfl_turned": 0.02, "aflw21": 0.2, "pointing04": 0.04,
        }
    )  # fmt: skip


class Scenes(EpochItems):
    """Data set of composed scenes.

    Item: image (S, S, 3) uint8 BGR; boxes (M, 4) px; keypoints (M, 5, 2) px, NaN where unknown; kind (M,) int64 0
    padding, 1 face, 2 ignore. Boxes are extents of the outline and may reach beyond the image.
    """

    def __init__(
        self, faces: list[FacePicture], crowds: list[FacePicture], empties: list[FacePicture],
        options: SceneOptions | None = None, seed: int = 0, hard: Sequence[HardExample] = (),
    ) -> None:  # fmt: skip
        self.options = options or SceneOptions()
        super().__init__(self.options.scenes_per_epoch, seed)
        self.names = names_of([*faces, *crowds, *empties])
        if not faces:
            raise DataError("no image has a face to compose scenes from; check the packs and the validation share")
        self.by_source: dict[str, list[FacePicture]] = {}
        for picture in faces:
            self.by_source.setdefault(picture.source, []).append(picture)
        self.crowds, self.empties, self.hard = crowds, empties, hard
        weights = np.array([self.options.shares.get(name, 0.1) for name in self.by_source])
        self.source_odds = weights / weights.sum()

    def item(self, index: int, rng: Rng) -> dict[str, Tensor]:
        return self.to_item(self.compose(rng))

    def compose(self, rng: Rng) -> Scene:
        """Compose one scene, all its randomness from `rng`."""
        options = self.options
        scene = Scene(self._background(rng))
        kind = rng.random()
        if self.crowds and kind < options.crowd:
            self._crowd(scene, rng)
        elif kind >= options.crowd + options.empty:
            for cell in cells(options.side_px, rng):
                draw = rng.random()
                if self.hard and draw >= 1 - options.hard_cell:
                    self._hard_cell(scene, cell, rng)
                elif draw >= options.empty_cell + options.hair_cell:
                    self._face_cell(scene, cell, rng)
                elif draw >= options.empty_cell:
                    self._hair_cell(scene, cell, rng)
        faces = [box for box, kind in zip(scene.boxes, scene.kinds, strict=True) if kind == FACE]
        scene.image = corrupt(occlude(scene.image, faces, options.occluded, rng), rng)
        return scene

    def to_item(self, scene: Scene) -> dict[str, Tensor]:
        slots = self.options.slots
        order = sorted(range(len(scene.boxes)), key=lambda i: -longer_side(scene.boxes[i]))
        boxes, points = np.zeros((slots, 4), np.float32), np.full((slots, 5, 2), np.nan, np.float32)
        kinds = np.zeros(slots, np.int64)
        for slot, i in enumerate(order[:slots]):
            boxes[slot], points[slot], kinds[slot] = scene.boxes[i], scene.keypoints[i], scene.kinds[i]
        arrays = {"image": scene.image, "boxes": boxes, "keypoints": points, "kind": kinds}
        return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}

    def _background(self, rng: Rng) -> Image:
        side = self.options.side_px
        if not self.empties or rng.random() < 0.15:
            coarse = rng.integers(0, 256, (1, 1, 3)) + rng.normal(0, 25, (4, 4, 3))
            return cv2.resize(np.clip(coarse, 0, 255).astype(np.uint8), (side, side))  # type: ignore[return-value]
        image = _pick(self.empties, rng).decode()
        if rng.random() < 0.5:
            image = image[:, ::-1]
        part = min(image.shape[:2]) * rng.uniform(0.5, 1.0)
        y, x = (rng.uniform(0, 1, 2) * (np.array(image.shape[:2]) - part)).astype(int)
        region = image[y : y + int(part), x : x + int(part)]
        return cv2.resize(region, (side, side), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]

    def _crowd(self, scene: Scene, rng: Rng) -> None:
        """Fill the scene with a part of a crowd, scaled to a random size of one face, with varied aspect ratio."""
        side, picture = self.options.side_px, _pick(self.crowds, rng)
        box = points_box(picture.outlines[int(rng.integers(len(picture.outlines)))])
        size = np.exp(rng.uniform(np.log(self.options.face_px), np.log(0.4 * side)))
        scale = float(np.clip(size / longer_side(box), 0.6, 4.0))
        # The pack's crowds are squashed to squares, mostly from wider images.
        aspect = float(np.exp(rng.uniform(-0.3, 0.45)))
        matrix = turn_scale(rng.normal(0, 4.0), scale * np.sqrt(aspect), scale / np.sqrt(aspect), rng.random() < 0.5)
        target = rng.uniform(0.1, 0.9, 2) * side
        matrix = place(matrix, (box[:2] + box[2:]) / 2, target)
        paste(scene, picture, picture.decode(), matrix, (0, 0, side, side), self.options.smallest_px)

    def _hard_cell(self, scene: Scene, cell: Rect, rng: Rng) -> None:
        """Paste a false alarm at about the size at which the detector raised it."""
        example = self.hard[int(rng.integers(len(self.hard)))]
        scale = example.size_px / longer_side(example.box) * float(np.exp(rng.normal(0, 0.25)))
        matrix = turn_scale(float(rng.normal(0, 6.0)), scale, scale, rng.random() < 0.5)
        middle = (example.box[:2] + example.box[2:]) / 2
        target = np.array([cell[0] + cell[2], cell[1] + cell[3]]) / 2 + rng.normal(0, 8.0, 2)
        image = example.picture.decode()
        paste(scene, example.picture, image, place(matrix, middle, target), cell, self.options.smallest_px)

    def _hair_cell(self, scene: Scene, cell: Rect, rng: Rng) -> None:
        """Show what is above a face: the brows lie at the cell's lower edge or a little below it."""
        picture = self._face(rng)
        box = points_box(picture.outlines[0])
        width, height = cell[2] - cell[0], cell[3] - cell[1]
        scale = min(float(rng.uniform(0.3, 1.2)) * min(width, height) / longer_side(box), self.options.enlarge)
        brows = np.array([(box[0] + box[2]) / 2, box[1]])
        target = np.array(
            [cell[0] + width * rng.uniform(0.3, 0.7), cell[3] + rng.uniform(0, 0.3) * longer_side(box) * scale]
        )
        matrix = place(turn_scale(float(rng.normal(0, 4.0)), scale, scale, rng.random() < 0.5), brows, target)
        paste(scene, picture, picture.decode(), matrix, cell, self.options.smallest_px)

    def _face(self, rng: Rng) -> FacePicture:
        sources = list(self.by_source.values())
        return _pick(sources[int(rng.choice(len(sources), p=self.source_odds))], rng)

    def _rotation_deg(self, rng: Rng) -> float:
        options, draw = self.options, rng.random()
        if draw < options.full_turn:
            return float(rng.uniform(-180, 180))
        if draw < options.full_turn + options.wide:
            return float(rng.uniform(-options.rotation_deg, options.rotation_deg))
        return float(rng.normal(0, options.usual_rotation_deg))

    def _face_cell(self, scene: Scene, cell: Rect, rng: Rng) -> None:
        options = self.options
        picture = self._face(rng)
        box = points_box(picture.outlines[0])
        width, height = cell[2] - cell[0], cell[3] - cell[1]
        smallest, largest = (share * min(width, height) for share in options.face_shares)
        smallest = max(options.face_px, smallest)
        largest = max(smallest * 1.2, largest)
        linear = rng.random() < options.linear
        size = float(rng.uniform(smallest, largest) if linear else np.exp(rng.uniform(*np.log([smallest, largest]))))
        stretch = np.exp(rng.normal(0, 0.06))
        scale = min(size / longer_side(box), options.enlarge)
        size = scale * longer_side(box)
        matrix = turn_scale(self._rotation_deg(rng), scale * stretch, scale / stretch, rng.random() < 0.5)
        reach = 0.5 - 0.8 * min(size / np.array([width, height])) * 0.5
        offset = rng.uniform(-1, 1, 2) * max(0.15, reach) * [width, height]
        target = np.array([cell[0] + width / 2, cell[1] + height / 2]) + offset
        # Downscale in the JPEG decoder as far as possible: warpAffine does not average.
        reduction = int(2 ** np.clip(np.floor(np.log2(1 / max(scale, 1e-3))), 0, 3))
        image = picture.decode(reduction)
        image = webcam.colour_jitter(image, rng) if rng.random() < 0.6 else image
        image = low_contrast(image, rng) if rng.random() < 0.15 else image
        matrix = place(matrix, (box[:2] + box[2:]) / 2, target)
        if picture.source in options.tight or rng.random() < 0.2:
            cell = inner_cell(cell, points_box(transform(picture.outlines[0], matrix)), rng)
        soft_px = 1 + size * float(rng.uniform(0.03, 0.25)) if rng.random() < options.soft else 0.0
        paste(scene, picture, image, matrix, cell, options.smallest_px, reduction, soft_px)
        if rng.random() < 0.15:
            blur_cell(scene.image, cell, size, rng)


def _pick(pictures: list[FacePicture], rng: Rng) -> FacePicture:
    return pictures[int(rng.integers(len(pictures)))]
