"""OpenSeeFace's packets, read by a reader written from the table of its layout, and the golden vectors."""

import struct
import time

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack.sinks.avatar.osf_features import NAMES
from facetrack.sinks.network import Broadcast
from facetrack.sinks.network.osf import OsfOutput
from golden import POSES
from made_faces import frame, made_face, nodding, posed, rotation
from sockets import Receiver

SIZE = 1785


def read_face(data):
    """One face of a packet, by the offsets of facetracker.py and OpenSee.cs."""
    assert len(data) == SIZE
    time_s, face_id = struct.unpack_from("<di", data, 0)
    width, height, right, left = struct.unpack_from("<4f", data, 12)
    (ok,) = struct.unpack_from("<B", data, 28)
    (error,) = struct.unpack_from("<f", data, 29)
    return {
        "time": time_s, "id": face_id, "size": (width, height), "right": right, "left": left, "ok": ok, "error": error,
        "quaternion": np.frombuffer(data, "<f4", 4, 33),
        "euler": np.frombuffer(data, "<f4", 3, 49),
        "translation": np.frombuffer(data, "<f4", 3, 61),
        "confidence": np.frombuffer(data, "<f4", 68, 73),
        "points": np.frombuffer(data, "<f4", 136, 345).reshape(68, 2),
        "points3d": np.frombuffer(data, "<f4", 210, 889).reshape(70, 3),
        "features": dict(zip(NAMES, np.frombuffer(data, "<f4", 14, 1729).tolist(), strict=True)),
    }  # fmt: skip


def read(packet):
    assert len(packet) % SIZE == 0
    return [read_face(packet[at : at + SIZE]) for at in range(0, len(packet), SIZE)]


def sent(*frames, mirror=False):
    """Packets for frames of faces."""
    with Receiver() as receiver, Broadcast([OsfOutput(receiver.address)], mirror=mirror) as sink:
        for i, faces in enumerate(frames):
            sink.write(frame(i), faces)
        return [read(packet) for packet in receiver.wait(sum(bool(faces) for faces in frames))]


@pytest.mark.parametrize(("angles", "quaternion", "euler"), [row[:3] for row in POSES])
def test_golden_pose(angles, quaternion, euler):
    [[found]] = sent([made_face(posed(*angles))])
    np.testing.assert_allclose(found["quaternion"], quaternion, atol=1e-4)
    x, y, z = found["euler"]
    assert (abs(x) if euler[0] == 180 else x) == pytest.approx(euler[0], abs=0.01)
    assert (y, z) == pytest.approx(euler[1:], abs=0.01)


def test_a_unity_receiver_finds_the_head_where_it_is():
    """OpenSee.cs turns the translation to (-y, x, -z) and draws with y up: the nose tip, in units of 141 mm."""
    turn, place_mm = (20, 15, -10), (50.0, -30.0, 700.0)
    [[found]] = sent([made_face(posed(*turn, place_mm))])
    x, y, z = found["translation"]
    nose_mm = rotation(*turn).apply([0.0, 30.5, -41.7]) + place_mm
    np.testing.assert_allclose(np.array([-y, x, -z]) * 141, nose_mm * (1, -1, 1), atol=0.01)


def test_every_field_of_a_face():
    face = made_face(sigma=2.0, eyes_right_openness=0.25, eyes_left_openness=0.75, mouth_openness=0.5)
    [[found]] = sent([face])
    assert (found["id"], found["size"], found["ok"]) == (0, (640.0, 480.0), 1)
    assert (found["right"], found["left"]) == (0.25, 0.75)
    assert found["error"] < 0.01
    assert abs(found["time"] - time.time()) < 5
    points = face.landmarks.points
    order = [*range(48), *range(49, 54), *range(55, 60), 48, 61, 62, 63, 54, 65, 66, 67]
    np.testing.assert_array_equal(found["points"][:66], points[order])
    np.testing.assert_allclose(found["points"][66], points[36:42].mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(found["points"][67], points[42:48].mean(axis=0), atol=1e-3)
    height = face.box[3] - face.box[1]
    np.testing.assert_allclose(found["confidence"][:66], 1 - 2.0 / (0.1 * height), atol=1e-4)
    assert found["confidence"][66:].tolist() == [0.0, 0.0]
    assert (found["features"]["eye_l"], found["features"]["eye_r"]) == (-0.25, -0.75)
    assert found["features"]["mouth_open"] == 0.5


def test_3d_points_do_not_turn_with_the_head_and_hold_the_eyes():
    """From the nose tip, x to the person's right: eye corners .6318 apart as in OpenSeeFace's model, to a percent."""
    for turn in ((0, 0, 0), (20, 15, -10)):
        [[found]] = sent([made_face(posed(*turn))])
        solid = found["points3d"]
        np.testing.assert_allclose(solid[30], 0, atol=1e-3)
        assert solid[36, 0] - solid[45, 0] == pytest.approx(0.6318, rel=0.01)
        middle = (solid[[36, 42]] + solid[[39, 45]]) / 2
        distance = np.linalg.norm(solid[[36, 42]] - solid[[39, 45]], axis=1)
        np.testing.assert_allclose(solid[68:] - middle, np.outer(0.385 * distance, [0, 0, 1]), atol=2e-3)
        assert (solid[66:68, 2] < solid[68:, 2]).all()  # pupils towards the camera


def test_unknown_is_the_last_known_eye_and_no_fit():
    known = made_face(eyes_right_openness=0.5, eyes_left_openness=0.25)
    blind = made_face(eyes_right_openness=None, eyes_left_openness=None, mouth_openness=None)
    blind = type(blind)(1, blind.box, blind.landmarks, 0.9, None, blind.signals)
    first, second = (faces[0] for faces in sent([known], [blind]))
    assert (second["right"], second["left"]) == (first["right"], first["left"]) == (0.5, 0.25)
    assert (second["ok"], second["error"]) == (0, 99999.0)
    assert not second["quaternion"].any()
    assert second["features"]["mouth_open"] == 0.0
    assert second["time"] > first["time"]


def test_a_frame_without_a_face_is_silent_and_the_main_face_is_0():
    left, right = made_face(posed(place_mm=(-100, 0, 600)), 7), made_face(posed(place_mm=(100, 0, 600)), 3)
    packets = sent([left], [], [right, left], [right, left])
    assert [[face["id"] for face in faces] for faces in packets] == [[0], [0, 3], [0, 3]]
    for faces in packets:
        np.testing.assert_array_equal(faces[0]["points"][0], left.landmarks.points[0])


def test_at_most_36_faces_fit():
    crowd = [made_face(track_id=i) for i in range(1, 50)]
    [faces] = sent(crowd)
    assert len(faces) == 36
    assert len({face["id"] for face in faces}) == 36


def test_mirrored_is_what_a_mirrored_camera_sees():
    face = made_face(posed(20, 15, -10), eyes_right_openness=0.2, eyes_left_openness=0.9)
    [[found]], [[straight]] = sent([face], mirror=True), sent([made_face(posed(-20, 15, 10))])
    np.testing.assert_allclose(found["quaternion"], straight["quaternion"], atol=1e-5)
    assert (found["right"], found["left"]) == pytest.approx((0.9, 0.2))
    assert found["points"][36, 0] == pytest.approx(639 - face.landmarks.points[45, 0], abs=1e-3)


def test_times_increase_and_a_neutral_looks_straight():
    with Receiver() as receiver, Broadcast([OsfOutput(receiver.address)]) as sink:
        frames = nodding(20)
        for i, item in enumerate(frames):
            if i == 10:
                sink.take_neutral()
            sink.write(*item)
        faces = [read(packet)[0] for packet in receiver.wait(20)]
    assert (np.diff([face["time"] for face in faces]) > 0).all()
    np.testing.assert_allclose(faces[10]["quaternion"], [0.7071, 0.7071, 0, 0], atol=1e-4)
    first, later = (Rotation.from_matrix(frames[i][1][0].pose.rotation) for i in (10, 15))
    m = (first.inv() * later).as_matrix()
    wire = Rotation.from_matrix(np.stack([m[1], m[0], -m[2]])).inv().as_quat()
    assert abs(wire @ faces[15]["quaternion"]) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("turn", [(0, 0, 0), (20, 10, -15)])
def test_pupils_look_where_the_eyes_do(turn):
    """In 3-D from the eyeballs' centres, by SciPy; in the picture as far as a camera there sees them move."""
    angles = {"head_yaw_deg": 0.0, "head_pitch_deg": 0.0, "gaze_yaw_deg": 20.0, "gaze_pitch_deg": -10.0}
    eyes = {"eyes_right_gaze_yaw_deg": 20.0, "eyes_left_gaze_yaw_deg": None, "gaze_source": "eyes"}
    pose = posed(*turn)
    [[ahead]], [[found]] = sent([made_face(pose)]), sent([made_face(pose, **angles, **eyes)])
    assert found["confidence"][66:].tolist() == [1.0, 0.0]
    own = rotation(20, -10).apply([0.0, 0.0, -12.0])
    np.testing.assert_allclose(
        (found["points3d"][66:68] - found["points3d"][68:]) * 141, np.tile(own * (-1, 1, 1), (2, 1)), atol=0.01
    )
    moved = found["points"][66:] - ahead["points"][66:]
    place = rotation(*turn).apply(own - (0.0, 0.0, -12.0))[:2] * 550.0 / pose.translation_mm[2]
    np.testing.assert_allclose(moved, np.tile(place, (2, 1)), atol=0.3)
