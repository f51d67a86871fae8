"""Ground truth of the crowd clip, compared with measurements in its frames and positions computed by hand."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facetrack.capture import VideoFile
from facetrack.cli import app
from facetrack.errors import DataError
from facetrack.types import Detections
from facetrain.sample import Sample
from facetrain.synth.crowd.clip import make_clip
from facetrain.synth.crowd.compose import CrowdClip, visible_share, warp_sprite
from facetrain.synth.crowd.script import (
    SIZE,
    Key,
    Occluder,
    Role,
    Scene,
    exchange,
    interpolate,
    return_after_3_s,
    script,
    standing,
    turns,
)
from facetrain.synth.crowd.sprites import Photographed, Sprite, head_mask, is_suitable, select_people
from facetrain.synth.crowd.truth import FaceTruth, frame_line, header_line, read_truth

GREY = np.full((480, 640, 3), 120, np.uint8)


def square_points(side: float = 60.0) -> np.ndarray:
    """Return 68 points on the rim of a square from (0, 0)."""
    walk = np.linspace(0, 4, 68, endpoint=False)
    along = walk % 1 * side
    corner = [
        (along, 0 * along),
        (0 * along + side, along),
        (side - along, 0 * along + side),
        (0 * along, side - along),
    ]
    points = np.zeros((68, 2), np.float32)
    for edge, (x, y) in enumerate(corner):
        on = walk.astype(int) == edge
        points[on] = np.stack([x[on], y[on]], axis=1)
    return points


def texture(width: int = 61, height: int = 61) -> np.ndarray:
    noise = np.random.default_rng(3).uniform(0, 255, (height, width, 3)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 2.0) * 2 - 120


def person(cover: float = 1.0) -> Photographed:
    """Return a textured square whose points lie on its rim."""
    bgra = np.concatenate([texture() * cover, np.full((61, 61, 1), cover)], axis=2).astype(np.float32)
    return Photographed(Sprite(bgra, square_points(), np.float32([30, 30]), 60.0))


def still_role(x: float, y: float, size_px: float = 60.0) -> Role:
    return Role((Key(0, x, y, size_px),), sway_px=0, sway_deg=0)


def clip(*layers, seconds: float = 1.0, seed: int = 5, people=None) -> CrowdClip:
    roles = [layer for layer in layers if isinstance(layer, Role)]
    return CrowdClip([Scene("one", seconds, layers)], people or [person()] * len(roles), [GREY], 30.0, seed)


def match_position(image: np.ndarray, patch: np.ndarray) -> tuple[float, float]:
    """Return the patch's top-left pixel by OpenCV's template matching."""
    match = cv2.matchTemplate(image.astype(np.float32), patch.astype(np.float32), cv2.TM_CCOEFF_NORMED)
    return cv2.minMaxLoc(match)[3]


def test_keyframes_are_interpolated_by_smoothstep_and_sizes_geometrically():
    """Check by hand: half the path at half time, 3/16 - 2/64 = 5/32 of it at a quarter; 40 px between 20 and 80."""
    keys = (Key(1.0, 0, 100, 20), Key(3.0, 320, 100, 80))
    assert interpolate(keys, 2.0) == Key(2.0, 160, 100, pytest.approx(40))
    assert interpolate(keys, 1.5).x == pytest.approx(320 * 5 / 32)
    assert (interpolate(keys, 0.0).x, interpolate(keys, 9.0).x) == (0, 320)


def test_template_matching_finds_a_face_at_its_ground_truth():
    frame, (face,) = clip(still_role(200, 150)).render(0)
    assert match_position(frame.image, texture()) == (170, 120)
    np.testing.assert_allclose(face.box, [170, 120, 230, 180], atol=1e-3)


def test_a_reduced_face_lies_at_its_ground_truth():
    """Compare with OpenCV's INTER_AREA at a third of the size: the first pixel's centre is (1, 1) of the original."""
    large = cv2.resize(texture(), (183, 183), interpolation=cv2.INTER_CUBIC)
    bgra = np.concatenate([large, np.ones((183, 183, 1))], axis=2).astype(np.float32)
    whole = Photographed(Sprite(bgra, square_points(180) + 1, np.float32([91, 91]), 180.0))
    frame, (face,) = clip(still_role(200, 150), people=[whole]).render(0)
    assert match_position(frame.image, cv2.resize(large, (61, 61), interpolation=cv2.INTER_AREA)) == (170, 120)
    np.testing.assert_allclose(face.box, [170, 120, 230, 180], atol=1e-3)


def test_the_nearer_face_hides_the_other():
    """Check that an overlap of 30 of 60 px leaves half of the rear face visible, and all of the front one."""
    frame, (back, front) = clip(still_role(200, 150), still_role(230, 150)).render(0)
    assert match_position(frame.image, texture()) == (200, 120)
    assert (back.visible, front.visible) == (pytest.approx(0.5, abs=0.02), 1.0)


def test_an_occluded_face_is_not_present():
    occluder = Occluder((Key(0, 200, 150 + 40),), (100, 60))
    _, (face,) = clip(still_role(200, 150), occluder).render(0)
    assert face.visible == pytest.approx(40 / 61, abs=0.02)
    assert face.present
    _, (face,) = clip(still_role(200, 150), Occluder((Key(0, 200, 150),), (100, 100))).render(0)
    assert (face.visible, face.present) == (0.0, False)


@pytest.mark.parametrize(("limit_deg", "present"), [(60.0, False), (90.0, True)])
def test_a_turned_head_is_present_up_to_the_scene_s_limit(limit_deg, present):
    scene = Scene("turned", 0.1, (Role((Key(0, 320, 240, 60, yaw_deg=75.0),)),), limit_deg)
    (_, (face,)), *_ = CrowdClip([scene], [person()], [GREY], 30.0, 1)
    assert face.present is present


@pytest.mark.parametrize("with_heads", [turns(), script(with_heads=True)])
def test_only_the_clip_of_turning_heads_asks_for_profiles(with_heads):
    limits = {scene.present_yaw_deg for scene in with_heads}
    assert limits == ({90.0} if len(with_heads) == 3 else {60.0})


@pytest.mark.parametrize(("x", "share"), [(-0.5, 0.5), (14.5, 0.75), (-15.5, 0.25), (639.5, 0.5)])
def test_parts_outside_the_frame_are_not_visible(x, share):
    assert visible_share(square_points() + np.float32([x - 30, 200]), []) == pytest.approx(share, abs=0.02)


def test_faces_outside_the_frame_are_not_in_the_ground_truth():
    leaving = Role((Key(0, 600, 240, 60), Key(1, 800, 240, 60)), sway_px=0, sway_deg=0)
    crowd = clip(leaving, seconds=1.2)
    truths = [crowd.render(index)[1] for index in range(len(crowd))]
    for faces in truths:
        assert all(face.box[0] <= SIZE[0] - 1 for face in faces)
        assert all(face.present == (face.box[[0, 2]].mean() <= SIZE[0] - 0.5) for face in faces)
    assert truths[0]
    assert not truths[-1]


def test_frames_depend_on_the_seed_and_not_on_their_order():
    roles = standing(3, 60)
    forward = [frame.image for frame, _ in clip(*roles, seconds=0.2)]
    again = clip(*roles, seconds=0.2)
    for index in reversed(range(len(forward))):
        np.testing.assert_array_equal(again.render(index)[0].image, forward[index])
    assert (clip(*roles, seconds=0.2, seed=6).render(0)[0].image != forward[0]).any()


def test_a_sprite_wholly_outside_the_frame_is_none():
    assert warp_sprite(np.ones((10, 10, 4), np.float32), np.array([[1.0, 0, 700], [0, 1, 0]])) is None


@pytest.mark.parametrize("scene", [return_after_3_s(), exchange()], ids=lambda scene: scene.name)
def test_people_who_return_were_absent_for_three_seconds(scene):
    """Check the absence: less than half in the frame means that the face centre is outside."""
    times = np.arange(0, scene.seconds, 1 / 200)
    for role in scene.roles:
        absent = [
            t for t in times if not (0 <= interpolate(role.keys, t).x < 640 and 0 <= interpolate(role.keys, t).y < 480)
        ]
        assert not absent or 2.9 < absent[-1] - absent[0] < 3.2
        assert not absent or len(absent) == round((absent[-1] - absent[0]) * 200) + 1, "visible in between"


def test_every_role_has_a_person_of_its_own_and_scenes_follow_each_other():
    scenes = script(with_heads=False)
    roles = sum(len(scene.roles) for scene in scenes)
    crowd = CrowdClip(scenes, [person()] * roles, [GREY] * len(scenes), 2.0, 0)
    persons = {face.person for _, faces in crowd for face in faces}
    assert persons == set(range(1, roles + 1))
    assert [span.first for span in crowd.spans[1:]] == [span.last + 1 for span in crowd.spans[:-1]]
    with pytest.raises(ValueError, match="roles"):
        CrowdClip(scenes, [person()], [GREY] * len(scenes), 5.0, 0)


def test_a_mask_covers_the_head_and_is_zero_at_the_image_border():
    mask = head_mask((300, 200), np.float32([100, 150]), 100.0)
    assert mask[150, 100] == mask[100, 100] == 1.0
    assert mask[0].max() == mask[-1].max() == mask[:, 0].max() == 0.0
    assert mask[150, 10] == 0.0  # .82 of 100 px from the middle is 18


class StubDetector:
    """Detector with constant boxes."""

    def __init__(self, *boxes):
        self.boxes = np.array(boxes, np.float32).reshape(-1, 4)

    def __call__(self, image):
        return Detections(self.boxes, np.ones(len(self.boxes), np.float32))


def frontal(name: str, top: float = 80.0) -> Sample:
    points = square_points() + np.float32([70, top])
    points[[36, 45, 27]] = [[80, 100], [120, 100], [100, 100]]
    return Sample(name, name, "mine", np.zeros((250, 200, 3), np.uint8), points.astype(np.float32), np.ones(68))


def test_only_unoccluded_faces_with_visible_hair_are_cut_out():
    assert is_suitable(frontal("a"), StubDetector([70, 80, 130, 140]))
    assert not is_suitable(frontal("a"), StubDetector([70, 80, 130, 140], [140, 80, 190, 140]))
    assert not is_suitable(frontal("a", top=10.0), StubDetector([70, 10, 130, 70]))


def test_too_few_people_are_named():
    samples = [frontal("a"), frontal("b"), frontal("b")]
    assert len(select_people(samples, StubDetector(), 2, seed=0)) == 2
    with pytest.raises(DataError, match="only 2 people of 3"):
        select_people(samples, StubDetector(), 3, seed=0)


def write_truth(path, faces, count=2):
    scene = json.loads(header_line(30.0, SIZE, 7, clip(still_role(9, 9), seconds=count / 30).spans))
    lines = [json.dumps(scene) + "\n", *(frame_line(index, faces) for index in range(2))]
    path.write_text("".join(lines))
    return path


def test_the_ground_truth_file_round_trip(tmp_path):
    face = FaceTruth(3, square_points() + np.float32([10.25, -4]), 0.75, True)
    truth = read_truth(write_truth(tmp_path / "t.jsonl", [face]))
    assert (truth.fps, truth.size, truth.seed, len(truth.frames)) == (30.0, SIZE, 7, 2)
    back = truth.frames[1][0]
    assert (back.person, back.visible, back.present) == (3, 0.75, True)
    np.testing.assert_allclose(back.points, face.points, atol=0.005)


def test_an_invalid_or_incomplete_ground_truth_is_refused(tmp_path):
    with pytest.raises(DataError, match="2 of the 3 frames"):
        read_truth(write_truth(tmp_path / "t.jsonl", [], count=3))
    (tmp_path / "u.jsonl").write_text('{"kind": "other"}\n')
    for name in ("u.jsonl", "missing.jsonl"):
        with pytest.raises(DataError, match=name):
            read_truth(tmp_path / name)


@pytest.mark.slow
def test_drawn_faces_of_a_scene_are_detected_by_the_bundled_detector(tmp_path):
    from facetrack.tracking.tracker import FaceTracker

    crowd = make_clip([Scene("two", 0.2, standing(2, 110))], Path("synthetic:8"), [], None, 30.0, 1)
    faces = [FaceTracker.from_weights().update(frame) for frame, _ in crowd]
    truth = crowd.render(0)[1]
    assert [len(detected) for detected in faces] == [2] * 6
    centres = sorted(float(face.box[[0, 2]].mean()) for face in faces[0])
    assert centres == pytest.approx(sorted(float(face.box[[0, 2]].mean()) for face in truth), abs=8)


@pytest.mark.slow
def test_the_command_writes_a_clip_and_its_ground_truth(tmp_path):
    arguments = ["data", "crowd", "synthetic:40", "--out", str(tmp_path / "c.mp4"), "--fps", "5"]
    result = CliRunner().invoke(app, arguments, standalone_mode=False)
    assert result.exception is None
    truth = read_truth(tmp_path / "c.jsonl")
    with VideoFile(tmp_path / "c.mp4") as frames:
        assert len(list(frames)) == len(truth.frames)
