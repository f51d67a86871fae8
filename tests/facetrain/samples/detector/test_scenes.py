"""Labels of composed scenes, compared with marks detected in the composed image."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'train'")

from facetrack.errors import DataError
from facetrack.topology import five_from_68
from facetrain.augment.scene import corrupt, occlude
from facetrain.samples import pictures
from facetrain.samples.detector.hard_examples import mine_false_positives
from facetrain.samples.detector.placing import FACE, IGNORED, Scene, add_label, paste, place, turn_scale
from facetrain.samples.detector.scenes import SceneOptions, Scenes
from facetrain.samples.pictures import FacePicture
from places import DATA


def face_points(rng: np.random.Generator, middle: tuple[float, float], side: float) -> np.ndarray:
    """Return 68 points roughly in the shape of a face, with distinct five-point means."""
    t = np.linspace(0, np.pi, 17)
    jaw = np.stack([-np.cos(t) / 2, np.sin(t) * 0.6 - 0.1], axis=1)
    brows = np.stack([np.linspace(-0.4, 0.4, 10), np.full(10, -0.35)], axis=1)
    nose = np.stack([np.linspace(-0.08, 0.08, 9), np.linspace(-0.2, 0.1, 9)], axis=1)
    ring = np.stack([np.cos(np.arange(6) * np.pi / 3), np.sin(np.arange(6) * np.pi / 3)], axis=1) * 0.06
    lips = np.stack([np.cos(np.arange(20) * np.pi / 10) * 0.2, 0.3 + np.sin(np.arange(20) * np.pi / 10) * 0.08], axis=1)
    shape = np.concatenate([jaw, brows, nose, ring - 0.2, ring * (1, -1) - (-0.2, 0.2), lips])
    return (np.array(middle) + side * (shape + rng.normal(0, 0.004, (68, 2)))).astype(np.float32)


def jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 97])[1].tobytes()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write tiny packs in the format of the real ones, and return their folder."""
    rng = np.random.default_rng(1)
    for name, count in (("helen_train", 6), ("ytfaces_train", 6)):
        names = [f"Person{i}_{name[0]}_{i}.jpg" for i in range(count)]
        points = np.stack([face_points(rng, (70, 80), 60) for _ in names])
        write_zip(tmp_path / f"{name}.zip", {n: rng.integers(0, 256, (160, 140, 3), dtype=np.uint8) for n in names})
        np.savez(tmp_path / f"{name}.npz", names=np.array(names), points=points)
    write_zip(
        tmp_path / "no_faces.zip", {f"n{i}.jpg": rng.integers(0, 256, (90, 120, 3), dtype=np.uint8) for i in range(4)}
    )
    write_zip(tmp_path / "wider_scenes.zip", {"crowd.jpg": rng.integers(0, 256, (200, 200, 3), dtype=np.uint8)})
    (tmp_path / "wider_scenes.csv").write_text("file,x0,y0,x1,y1\ncrowd.jpg,20,20,60,70\ncrowd.jpg,150,150,154,155\n")
    return tmp_path


def write_zip(path: Path, images: dict[str, np.ndarray]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, image in images.items():
            archive.writestr(name, jpeg(image))


def scenes(data: Path, **changes: object) -> Scenes:
    faces = pictures.read_points_pack(data, "helen_train") + pictures.read_points_pack(data, "ytfaces_train")
    options = dataclasses.replace(SceneOptions(scenes_per_epoch=40), **changes)  # type: ignore[arg-type]
    return Scenes(faces, pictures.read_box_pictures(data), pictures.read_empty_pictures(data), options, seed=5)


def test_readers(data: Path) -> None:
    first = pictures.read_points_pack(data, "helen_train")[0]
    assert first.group == "Person0_h"
    np.testing.assert_allclose(first.keypoints[0], five_from_68(first.outlines[0]), rtol=1e-6)
    assert first.decode().shape == (160, 140, 3)
    assert first.decode(2).shape == (80, 70, 3)
    crowd = pictures.read_box_pictures(data)[0]
    # 50 px high, less the forehead's 24 %; the outline is an ellipse in the box, whose extent the points nearly reach.
    np.testing.assert_allclose(
        [crowd.outlines.min(axis=(0, 1)), crowd.outlines.max(axis=(0, 1))], [[20, 32], [60, 70]], atol=0.1
    )
    assert np.isnan(crowd.keypoints).all()
    np.testing.assert_allclose(crowd.ignore[0], [150, 151.2, 154, 155])  # too small to show a face


def test_missing_pack_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no_faces\.zip"):
        pictures.read_empty_pictures(tmp_path)


def test_split_keeps_groups_together(data: Path) -> None:
    many = [
        dataclasses.replace(p, group=f"g{i // 3}")
        for i, p in enumerate(pictures.read_points_pack(data, "helen_train") * 30)
    ]
    kept, held_out = pictures.split_by_group(many, 0.3)
    assert len(kept) + len(held_out) == len(many)
    assert not {p.group for p in kept} & {p.group for p in held_out}
    assert 0.1 < len(held_out) / len(many) < 0.5


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(("scale", "reduction"), [(1.05, 1), (0.5, 1), (0.4, 2), (0.23, 4)])
def test_keypoints_lie_where_the_marks_were_drawn(mirror: bool, scale: float, reduction: int) -> None:
    """Compare keypoints with the centroids of white discs drawn at the five points of a black image."""
    marks = np.array([[150, 140], [260, 150], [205, 210], [160, 260], [250, 262]], np.float32)
    image = np.zeros((400, 400, 3), np.uint8)
    for x, y in marks:
        cv2.circle(image, (int(x), int(y)), 14, (255, 255, 255), -1)
    outline = np.concatenate([marks, np.repeat(marks[:1], 63, axis=0)])
    picture = FacePicture(
        "a", "a", "helen_train", jpeg(image), outline[None], marks[None], np.zeros((0, 4), np.float32)
    )
    scene = Scene(np.zeros((256, 256, 3), np.uint8))
    matrix = place(turn_scale(25.0, scale, scale, mirror), np.array([205.0, 205.0]), np.array([130.0, 120.0]))
    paste(scene, picture, picture.decode(reduction), matrix, (0, 0, 256, 256), reduction=reduction)
    _, _, stats, centroids = cv2.connectedComponentsWithStats((scene.image[:, :, 0] > 127).astype(np.uint8))
    detected = centroids[1:][stats[1:, cv2.CC_STAT_AREA] > 3]
    assert len(detected) == 5
    points = scene.keypoints[0]
    nearest = np.linalg.norm(detected[:, None] - points[None], axis=2)
    assert nearest.min(axis=0).max() < 0.7
    # Eyes first, and the person's right eye is the one from which the left follows clockwise around the nose as drawn.
    eyes, nose, mouth = points[:2], points[2], points[3:]
    assert np.linalg.norm(eyes.mean(axis=0) - mouth.mean(axis=0)) > 50 * scale
    right, left = eyes - nose
    assert right[0] * left[1] - right[1] * left[0] > 0
    right, left = mouth - nose
    assert right[0] * left[1] - right[1] * left[0] < 0


def test_box_is_the_extent_of_the_turned_outline() -> None:
    rng = np.random.default_rng(2)
    outline = face_points(rng, (100, 100), 90)
    picture = FacePicture(
        "a", "a", "helen_train", b"", outline[None], five_from_68(outline)[None], np.zeros((0, 4), np.float32)
    )
    scene = Scene(np.zeros((256, 256, 3), np.uint8))
    matrix = place(turn_scale(35.0, 0.9, 1.1, False), np.array([100.0, 100.0]), np.array([128.0, 128.0]))
    paste(scene, picture, np.zeros((200, 200, 3), np.uint8), matrix, (0, 0, 256, 256))
    cos, sin = np.cos(np.deg2rad(35)), np.sin(np.deg2rad(35))
    x, y = 0.9 * (outline[:, 0] - 100), 1.1 * (outline[:, 1] - 100)
    turned_x, turned_y = 128 + cos * x - sin * y, 128 + sin * x + cos * y
    expected = [turned_x.min(), turned_y.min(), turned_x.max(), turned_y.max()]
    np.testing.assert_allclose(scene.boxes[0], expected, atol=1e-3)


def test_partial_and_tiny_faces_are_ignored() -> None:
    cell = (100, 0, 200, 100)
    five = np.zeros((5, 2), np.float32)

    def kinds(box: list[float]) -> list[int]:
        scene = Scene(np.zeros((256, 256, 3), np.uint8))
        add_label(scene, np.array(box, np.float32), five, cell, FACE)
        return scene.kinds

    assert kinds([120, 20, 160, 60]) == [FACE]
    assert kinds([85, 20, 125, 60]) == [FACE]  # 62 % visible
    assert kinds([75, 20, 115, 60]) == [IGNORED]  # 37 %
    assert kinds([62, 20, 102, 60]) == []  # 5 %
    assert kinds([120, 20, 125, 26]) == [IGNORED]  # 6 px


def test_items_depend_on_seed_epoch_and_index_alone(data: Path) -> None:
    one, other = scenes(data), scenes(data)
    other.set_epoch(3)
    _ = other[17]
    other.set_epoch(0)
    for index in (0, 7, 23):
        a, b = one[index], other[index]
        assert all(np.array_equal(a[k].numpy(), b[k].numpy(), equal_nan=k == "keypoints") for k in a)
    other.set_epoch(1)
    assert not np.array_equal(one[0]["image"].numpy(), other[0]["image"].numpy())


def test_items_are_complete_and_faces_span_the_sizes(data: Path) -> None:
    dataset = scenes(data, scenes_per_epoch=120)
    sides = []
    for i in range(120):
        item = dataset[i]
        assert item["image"].shape == (256, 256, 3)
        assert item["boxes"].shape == (64, 4)
        faces = item["boxes"][item["kind"] == FACE].numpy()
        sides += (faces[:, 2:] - faces[:, :2]).max(axis=1).tolist()
        assert np.isfinite(faces).all()
    assert min(sides) < 14
    assert max(sides) > 120


def test_corruptions_keep_size_and_type_and_occlude_only_faces() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    for _ in range(40):
        corrupted = corrupt(image, rng)
        assert corrupted.shape == image.shape
        assert corrupted.dtype == np.uint8
    occluded = occlude(image, [np.array([10, 10, 40, 40], np.float32)], 1.0, rng)
    changed = (occluded != image).any(axis=2)
    assert changed.any()
    ys, xs = np.nonzero(changed)
    assert xs.min() >= 1
    assert xs.max() <= 50
    assert ys.max() <= 50
    np.testing.assert_array_equal(occlude(image, [np.array([10, 10, 40, 40], np.float32)], 0.0, rng), image)


@pytest.mark.data
def test_teacher_finds_the_people_beside_the_labelled_one() -> None:
    model = DATA.parent / "models" / "face_detection_yunet_2026may.onnx"
    if not model.is_file() or not (DATA / "helen_train.npz").is_file():
        pytest.skip(f"needs {model} and helen_train")
    before = pictures.read_points_pack(DATA, "helen_train")[:60]
    after = pictures.with_teacher(before, model)
    new = [len(b.outlines) - len(a.outlines) for a, b in zip(before, after, strict=True)]
    assert min(new) == 0  # the labelled face is never added again
    assert 5 < sum(new) < 60


@pytest.mark.data
def test_teacher_labels_crops_that_have_no_boxes(tmp_path: Path) -> None:
    model = DATA.parent / "models" / "face_detection_yunet_2026may.onnx"
    if not model.is_file() or not (DATA / "mtfl.zip").is_file():
        pytest.skip(f"needs {model} and mtfl")
    with zipfile.ZipFile(DATA / "mtfl.zip") as whole, zipfile.ZipFile(tmp_path / "mtfl.zip", "w") as part:
        for name in whole.namelist()[:60]:
            part.writestr(name, whole.read(name))
    (tmp_path / "mtfl.csv").write_bytes((DATA / "mtfl.csv").read_bytes())
    labelled = pictures.read_unlabelled_faces(tmp_path, model)
    assert len(labelled) > 50
    for picture in labelled:
        area = [float(np.prod(np.ptp(outline, axis=0))) for outline in picture.outlines]
        assert area[0] == max(area)
        assert np.isfinite(picture.keypoints).all()


def test_hard_examples_are_the_false_alarms_away_from_faces(data: Path) -> None:
    picture = pictures.read_points_pack(data, "helen_train")[0]
    face = np.concatenate([picture.outlines[0].min(axis=0), picture.outlines[0].max(axis=0)])
    shapes = []

    def detect(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert image.shape[0] % 32 == 0
        assert image.shape[1] % 32 == 0
        shapes.append(image.shape)
        scale = 0.5 if len(shapes) == 1 else 1.0
        false_alarm = np.array([1, 2, 11, 14], np.float32)
        boxes = (np.stack([face, false_alarm, false_alarm + 100]) + 0.5) * scale - 0.5
        return boxes.astype(np.float32), np.array([0.9, 0.8, 0.1], np.float32)

    mined = mine_false_positives(detect, [picture], scales=(0.5, 1.0))
    assert shapes == [(96, 96, 3), (160, 160, 3)]  # 160x140, halved, and padded to multiples of 32
    assert [example.size_px for example in mined] == pytest.approx([6.0, 12.0])
    for example in mined:
        np.testing.assert_allclose(example.box, [1, 2, 11, 14], atol=1e-4)
    composed = Scenes([picture], [], [], SceneOptions(hard_cell=1.0, crowd=0.0, empty=0.0), hard=mined)
    assert composed[0]["image"].shape == (256, 256, 3)


def test_a_soft_seam_fades_from_the_background_to_the_picture() -> None:
    """On a straight seam the weight of the white picture is its distance from the edge over the seam's width."""
    white = np.full((60, 60, 3), 255, np.uint8)
    none = np.zeros((0, 68, 2), np.float32)
    picture = FacePicture("a", "a", "helen_train", b"", none, none[:, :5], np.zeros((0, 4), np.float32))
    for soft_px in (0.0, 10.0):
        scene = Scene(np.zeros((128, 128, 3), np.uint8))
        paste(scene, picture, white, place(np.eye(2), np.zeros(2), np.full(2, 20.0)), (0, 0, 128, 128), soft_px=soft_px)
        row = scene.image[50, :, 0].astype(float)
        assert row[:20].max() == 0
        assert row[81:].max() == 0
        inward = np.arange(1, 21)
        expected = np.full(20, 255.0) if soft_px == 0 else 255 * np.clip(inward / soft_px, 0, 1)
        np.testing.assert_allclose(row[20:40], expected, atol=14)


def test_a_hair_cell_holds_no_face(data: Path) -> None:
    dataset = scenes(data, empty_cell=0.0, hair_cell=1.0, crowd=0.0, empty=0.0, occluded=0.0)
    items = [dataset[i] for i in range(40)]
    assert not any((item["kind"] == FACE).any() for item in items)


def test_faces_are_turned_to_all_sides(data: Path) -> None:
    """The direction from the eyes to the mouth covers the circle for the share `full_turn` alone."""

    def turns(**options: float) -> np.ndarray:
        dataset = scenes(data, wide=0.0, crowd=0.0, empty=0.0, **options)
        down = []
        for i in range(40):
            item = dataset[i]
            points = item["keypoints"][item["kind"] == FACE].numpy()
            down += [*(points[:, 3:].mean(axis=1) - points[:, :2].mean(axis=1))]
        return np.degrees(np.arctan2(*np.array(down).T))  # 0: the mouth below the eyes

    upright, all_sides = turns(full_turn=0.0), turns(full_turn=1.0)
    assert np.abs(upright).max() < 45
    counts = np.histogram(all_sides, bins=8, range=(-180, 180))[0]
    assert counts.min() > 0.4 * counts.mean()
