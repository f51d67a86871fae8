"""Figures of lids and of covered eyes on staged tables, by a network that reads its answer from a crop's brightness."""

from types import SimpleNamespace

import numpy as np
import pytest

from facetrack.modelfile import EYES_COLUMNS, EYES_OUTPUT, EYES_SIZE
from facetrain.evaluation.eyes.lids import Read, covered, lid_figures, read_rows
from facetrain.samples.eyes.split import held_out
from facetrain.samples.eyes.table import COLUMNS, ROWS, Eye, write_table


class BrightnessEngine:
    """Lid gap: the brightness over 255. Covered: eyes darker than 100."""

    spec = SimpleNamespace(input_px=64, kind="eyes", name="staged")

    def __call__(self, faces):
        brightness = faces.reshape(len(faces), 2, -1).mean(axis=2)
        out = np.zeros((len(faces), 2, EYES_SIZE), np.float32)
        out[..., EYES_COLUMNS["gap"].start] = brightness / 255
        out[..., EYES_COLUMNS["covered"].start] = np.where(brightness < 100, 3.0, -3.0)
        return {EYES_OUTPUT: out}


def eye(brightness, name, source="lids_frames", state=None, hidden=None):
    one = Eye(np.full((ROWS, COLUMNS, 3), brightness, np.uint8), name, name.partition(":")[0], source)
    if state is not None:
        one.set_state(state)
    if hidden is not None:
        one.set("covered", hidden, 1.0)
    return one


def test_areas_by_eye_and_by_picture(tmp_path):
    """One eye of the shut pair looks wider than both lowered ones: two of four pairs of eyes, but not the pictures."""
    shut = [eye(20, "a/1:right", state="shut"), eye(120, "a/1:left", state="shut")]
    lowered = [eye(100, "a/2:right", state="lowered"), eye(100, "a/2:left", state="lowered")]
    table = write_table([*shut, *lowered], tmp_path)
    rows = np.arange(4)
    figures = lid_figures(table, Read(rows, read_rows(BrightnessEngine(), table, rows)))
    assert figures["area, gap"] == pytest.approx(0.5)
    assert figures["area, gap, both eyes"] == pytest.approx(1.0)
    assert figures["lowered eyes"] == figures["shut eyes"] == 2


def test_covered_eyes_are_counted_on_held_out_ones(tmp_path):
    dark = [eye(40, f"dark{i}:right", "aflw21", hidden=1.0) for i in range(200)]
    wrong = [eye(200, f"wrong{i}:right", "aflw21", hidden=1.0) for i in range(200)]
    seen = [eye(180, f"seen{i}:left", "aflw21", hidden=0.0) for i in range(200)]
    table = write_table([*dark, *wrong, *seen], tmp_path)
    out = held_out(table)
    found, missed, clear = (int(out[part].sum()) for part in (slice(0, 200), slice(200, 400), slice(400, 600)))
    assert min(found, missed, clear) > 0
    figures = covered(BrightnessEngine(), table)["turned away"]
    assert figures["covered and found, %"] == pytest.approx(100 * found / (found + missed))
    assert figures["seen and called covered, %"] == 0
    assert figures["covered eyes"] == found + missed
    assert figures["seen eyes"] == clear


def test_things_drawn_over_bright_eyes_make_them_darker(tmp_path):
    """So the brightness tells most of the covered ones."""
    table = write_table([eye(250, f"face{i}:right", "scut_eyes") for i in range(200)], tmp_path)
    figures = covered(BrightnessEngine(), table)["drawn over"]
    assert figures["covered eyes"] > 0 < figures["seen eyes"]
    assert figures["area"] > 0.6
