"""Rows of the tables of blendshapes: which face is read, and whose values it gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facetrack.errors import DataError
from facetrack.types.signals import ARKIT_52
from facetrain.labelling.blendshapes.build import build
from facetrain.labelling.blendshapes.pictures import PictureReader, lips_picture, values_of
from facetrain.samples.blendshapes.table import LIPS_PX


class Blind:
    """A teacher that finds no face."""

    def with_shapes(self, image: np.ndarray) -> tuple[np.ndarray, list[dict[str, float]]]:
        return np.zeros((0, 478, 2), np.float32), []


def test_values_lie_at_their_names_and_absent_ones_are_not_a_number() -> None:
    values = values_of({"jawOpen": 0.25, "eyeBlinkLeft": 0.5})
    assert values[ARKIT_52.index("jawOpen")] == 0.25
    assert values[ARKIT_52.index("eyeBlinkLeft")] == 0.5
    assert np.isnan(values).sum() == 50


def test_the_picture_of_the_mouth_is_centred_on_the_lips() -> None:
    """A bright square over the lips of a face that is turned by 90 degrees in the picture."""
    from facetrack.head_model import HEAD_MODEL_MM

    upright = HEAD_MODEL_MM[:, :2]
    points = (np.stack([-upright[:, 1], upright[:, 0]], axis=1) + 200).astype(np.float32)
    x, y = points[48:60].mean(axis=0).astype(int).tolist()
    image = np.zeros((400, 400, 3), np.uint8)
    image[y - 6 : y + 7, x - 6 : x + 7] = 255
    lips = lips_picture(image, points)
    assert lips.shape == LIPS_PX[::-1]
    rows, columns = np.nonzero(lips > 128)
    assert (rows.mean(), columns.mean()) == pytest.approx(((LIPS_PX[1] - 1) / 2, (LIPS_PX[0] - 1) / 2), abs=1)


def test_a_folder_without_packs_or_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds none of helen_train"):
        list(build(tmp_path, Blind(), tmp_path / "out"))
    (tmp_path / "helen_train.zip").write_bytes(b"")
    with pytest.raises(DataError, match=r"holds no \.mp4"):
        list(build(tmp_path, Blind(), tmp_path / "out", tmp_path))


@pytest.mark.net
def test_a_picture_in_which_the_teacher_finds_no_face_has_no_row() -> None:
    from facetrain.formats.reading import NO_POINTS, NO_WEIGHT
    from facetrain.sample import Sample

    sample = Sample("a.jpg", "a", "test", np.zeros((60, 60, 3), np.uint8), NO_POINTS, NO_WEIGHT, "")
    assert PictureReader(Blind()).row(sample) is None
