"""Stored crops of eyes: labels follow the pictures, sources get their shares, people stay on one side of the split."""

import cv2
import numpy as np
import pytest

from facetrack import topology
from facetrack.errors import DataError
from facetrain.models.eyes.labels import unpack
from facetrain.samples.eyes.cover import eye_mask, glints, overlay
from facetrain.samples.eyes.crops import EyeCropOptions, EyeCrops, PlainEyes, crop_map, in_crop
from facetrain.samples.eyes.split import FOLDS, held_out, in_fold
from facetrain.samples.eyes.table import COLUMNS, ROWS, Eye, contour_of, eyes_of, gap_of, read_table, write_table

PLAIN = EyeCropOptions(light=0, dark=0, grey=0, blur=0, low_resolution=0, noise=0, jpeg=0, overlay=0)


def dotted(seed=0):
    """Return a face picture with a bright dot on each of the eyes' points, and the points."""
    rng = np.random.default_rng(seed)
    points = np.zeros((topology.N_POINTS, 2), np.float32)
    x, y = np.array([-20, -7, 7, 20, 7, -7.0]), np.array([0, -7, -7, 0, 7, 7.0])
    points[36:42] = np.column_stack([x + 90, y + 80])
    points[42:48] = np.column_stack([x + 210, y + 86])
    points[36:48] += rng.normal(0, 1, (12, 2))
    points[33] = (150, 130)
    image = np.zeros((200, 300, 3), np.uint8)
    for point in points[36:48]:
        cv2.circle(image, tuple(int(v) for v in np.rint(point * 16)), 48, (255, 255, 255), -1, shift=4)
    return image, points


def eyes(count=3, source="helen_train", group="one"):
    out = []
    for index in range(count):
        image, points = dotted(index)
        for side, (eye, matrix) in enumerate(eyes_of(image, points, f"{index}", f"{group}{index}", source)):
            contour = contour_of(points, side, matrix)
            eye.set("contour", contour, np.ones(6))
            eye.set("gap", gap_of(contour), 1.0)
            eye.set_state("open")
            out.append(eye)
    return out


def contour_in(item):
    return unpack(item["labels"][None])["contour"][0].numpy()


def test_labels_lie_on_the_dots_after_cutting_and_jitter(tmp_path):
    table = write_table(eyes(), tmp_path)
    items = EyeCrops(table, np.arange(len(table)), 64, PLAIN)
    for number in range(24):
        item = items[number]
        crop, contour = item["crop"].numpy(), contour_in(item)
        inside = [p for p in contour if 1 < p[0] < 62 and 1 < p[1] < 30]
        assert len(inside) >= 4
        assert all(crop[round(float(p[1])), round(float(p[0])), 0] > 120 for p in inside)


def test_crops_without_augmentation_are_cut_where_labelled(tmp_path):
    table = write_table(eyes(), tmp_path)
    contour = contour_in(PlainEyes(table, np.arange(len(table)), 64)[0])
    assert (contour[0] + contour[3]) / 2 == pytest.approx([31.5, 15.5], abs=0.05)


def test_a_crop_map_shifts_by_eye_widths_and_scales_about_the_middle():
    middle = np.array([(COLUMNS - 1) / 2, (ROWS - 1) / 2])
    labels = {"contour": np.tile(middle, (6, 1)), "iris": np.array([*middle, 8.0]), "gaze": np.array([0.4, 0.2])}
    moved = in_crop(labels, crop_map(64, shift=(0.5, 0), scale=2.0))
    # The crop moves right by half an eye width, 64 / 2.3 / 2 px at this size: its content moves left.
    assert moved["contour"][0] == pytest.approx([31.5 - 0.5 * 64 / 2.3 / 2, 15.5], abs=1e-4)
    assert moved["iris"][2] == pytest.approx(8 * 64 / 2.3 / 32 / 2, abs=1e-4)
    assert moved["gaze"] == pytest.approx([0.4, 0.2])
    turned = in_crop(labels, crop_map(64, roll=np.pi / 2))  # as a look in the picture turns with it
    assert turned["gaze"] == pytest.approx([0.2, -0.4], abs=1e-6)


def test_sources_are_drawn_by_their_shares(tmp_path):
    table = write_table(eyes(3, "helen_train") + eyes(12, "eyes") + eyes(2, "unknown"), tmp_path)
    options = EyeCropOptions(shares={"helen_train": 0.75, "eyes": 0.25})
    drawn = table.sources[EyeCrops(table, np.arange(len(table)), 64, options).rows]
    assert (drawn == "helen_train").mean() == pytest.approx(0.75, abs=0.05)
    assert "unknown" not in drawn


def test_a_person_is_held_out_whole_and_in_one_fold_only(tmp_path):
    people = [f"clip{i} person" for i in range(7)]
    made = [eye for person in people for eye in eyes(2, "clips", person)]
    for eye in made:
        eye.group = eye.group[:-1]
    table = write_table(made, tmp_path)
    assert not held_out(table).any(), "without a fold all people of the clips are trained on"
    folds = np.stack([in_fold(table, fold) for fold in range(FOLDS)])
    assert (folds.sum(axis=0) == 1).all()
    for person in people:
        assert len({tuple(row) for row in folds[:, table.groups == person].T}) == 1


def test_an_overlay_says_how_much_of_the_eye_it_hides():
    # Pixels of the eye that changed clearly are hidden ones: an oracle that knows nothing of the shapes.
    image = np.full((32, 64, 3), 128, np.uint8)
    mask = eye_mask(32, 64, 27.0)
    assert mask.sum() == pytest.approx(1)
    for seed in range(60):
        out, hidden = overlay(image, 27.0, np.random.default_rng(seed))
        changed = float((np.abs(out.astype(int) - image).max(axis=2) > 0) @ np.ones(64) @ np.ones(32) > 0)
        assert 0 <= hidden <= 1.0001
        if hidden > 0.75:
            assert changed


def test_glints_are_small_and_white():
    image = np.full((32, 64, 3), 90, np.uint8)
    for seed in range(30):
        out = glints(image, 27.0, np.random.default_rng(seed)).astype(int)
        changed = out.min(axis=2) - 90
        assert (changed >= 0).all()
        # Three discs of .09 eye widths have 56 px, and as much again in their blurred edges.
        assert (changed > 20).sum() <= 120


def test_unlabelled_values_have_weight_0_and_nan_never_reaches_the_loss(tmp_path):
    eye = Eye(np.zeros((ROWS, COLUMNS, 3), np.uint8), "a", "a", "eyes")
    eye.set("gap", np.nan, 1.0)
    eye.set("contour", np.full((6, 2), np.nan), np.ones(6))
    table = write_table([eye], tmp_path)
    assert table.labels["gap_weight"][0] == 0
    assert (table.labels["contour_weight"] == 0).all()
    assert all(np.isfinite(values).all() for values in table.labels.values())


def test_a_table_without_a_gaze_is_read_with_weight_0(tmp_path):
    eye = Eye(np.zeros((ROWS, COLUMNS, 3), np.uint8), "a", "a", "eyes")
    eye.set("gaze", [0.3, 0.1], 1.0)
    write_table([eye], tmp_path)
    with np.load(tmp_path / "labels.npz") as arrays:
        old = {name: arrays[name] for name in arrays.files if not name.startswith("gaze")}
    np.savez_compressed(tmp_path / "labels.npz", **old)
    table = read_table(tmp_path)
    assert table.labels["gaze"].tolist() == [[0.0, 0.0]]
    assert table.labels["gaze_weight"].tolist() == [0.0]


def test_a_folder_without_a_table_is_refused(tmp_path):
    with pytest.raises(DataError, match="no table of eyes"):
        read_table(tmp_path)
    with pytest.raises(DataError, match="no eye was found"):
        write_table([], tmp_path)
