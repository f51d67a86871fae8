"""A real clip, tracked once and replayed into every protocol: each packet against the JSON lines, field by field."""

import json
import socket
import struct

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

import facetrack
from facetrack.cli import app
from facetrack.sinks import JsonLinesSink
from places import DATA
from sockets import Receiver, free_port

CLIP = DATA / "videos" / "talk_d10.mp4"
FRAMES = 24

pytestmark = [
    pytest.mark.data,
    pytest.mark.net,
]


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "points.jsonl"
    tracker = facetrack.FaceTracker.from_weights()
    with JsonLinesSink(path) as sink, facetrack.open_video(CLIP) as video:
        for frame in video:
            sink.write(frame, tracker.update(frame), tracker.events)
            if frame.index + 1 == FRAMES:
                break
    return path


@pytest.fixture(scope="module")
def sent(lines):
    """Packets by option, of one replay with all protocols at once."""
    phone = free_port(socket.SOCK_DGRAM)
    options = ("--osf", "--vmc", "--ifacialmocap", "--livelink", "--opentrack")
    receivers = {option: Receiver() for option in options}
    words = [word for option in options for word in (option, receivers[option].address)]
    done = CliRunner().invoke(app, ["replay", str(lines), *words, "--vts-phone", f"127.0.0.1:{phone}"])
    assert done.exit_code == 0, done.output
    for receiver in receivers.values():
        receiver.wait(FRAMES)
        receiver.__exit__(None, None, None)
    return {option: receiver.packets for option, receiver in receivers.items()}


@pytest.fixture(scope="module")
def faces(lines):
    """Return the JSON objects of the face in each frame."""
    _, *frames = map(json.loads, lines.read_text().splitlines())
    assert all(len(frame["faces"]) == 1 for frame in frames)
    return [frame["faces"][0] for frame in frames]


def test_opentrack(sent, faces):
    for packet, face in zip(sent["--opentrack"], faces, strict=True):
        x, y, z = face["pose"]["translation_mm"]
        pose = face["pose"]
        angles = (-pose["yaw_deg"], pose["pitch_deg"], pose["roll_deg"])
        assert struct.unpack("<6d", packet) == pytest.approx((x / 10, -y / 10, z / 10, *angles), abs=1e-6)


def test_osf(sent, faces):
    order = [*range(48), *range(49, 54), *range(55, 60), 48, 61, 62, 63, 54, 65, 66, 67]
    for packet, face in zip(sent["--osf"], faces, strict=True):
        assert len(packet) == 1785
        points = np.frombuffer(packet, "<f4", 136, 345).reshape(68, 2)
        np.testing.assert_allclose(points[:66], np.array(face["points"])[order], atol=1e-3)
        r = Rotation.from_quat(face["pose"]["quaternion"]).as_matrix()
        wire = Rotation.from_matrix(np.stack([r[1], r[0], -r[2]])).inv().as_quat()
        assert abs(wire @ np.frombuffer(packet, "<f4", 4, 33)) == pytest.approx(1.0, abs=1e-6)
        right, left, ok, error = struct.unpack_from("<ffBf", packet, 20)
        eyes = face["signals"]["eyes"]
        for got, eye in ((right, eyes["right"]), (left, eyes["left"])):
            assert eye["openness"] is None or got == pytest.approx(eye["openness"], abs=1e-5)
        assert ok == 1
        assert error < 8.0
        solid = np.frombuffer(packet, "<f4", 210, 889).reshape(70, 3)
        assert solid[36, 0] - solid[45, 0] == pytest.approx(0.632, rel=0.1)


def test_vmc(sent, faces):
    osc_packet = pytest.importorskip("pythonosc.osc_packet", reason="needs python-osc")
    frames = [[]]
    for packet in sent["--vmc"]:  # a frame's messages fill two bundles, and end with the time
        for timed in osc_packet.OscPacket(packet).messages:
            frames[-1].append(timed.message)
            if timed.message.address == "/VMC/Ext/T":
                frames.append([])
    assert frames.pop() == []
    for messages, face in zip(frames, faces, strict=True):
        assert [message.address for message in messages][-3] == "/VMC/Ext/Blend/Apply"
        bone = next(message.params for message in messages if message.address == "/VMC/Ext/Bone/Pos")
        assert bone[0] == "Head"
        assert bone[4:] == pytest.approx(face["pose"]["quaternion"], abs=1e-5)
        values = dict(message.params for message in messages if message.address == "/VMC/Ext/Blend/Val")
        signals = face["signals"]
        expected = {
            "JawOpen": signals["mouth"]["openness"], "MouthSmileLeft": None, "A": signals["mouth"]["openness"],
            "EyeSquintLeft": signals["smile"]["eye_narrowing"],
        }  # fmt: skip
        for name, value in expected.items():
            assert value is None or values[name] == pytest.approx(value, abs=1e-5)
        assert all(0.0 <= value <= 1.0 for value in values.values())


def test_ifacialmocap(sent, faces):
    for packet, face in zip(sent["--ifacialmocap"], faces, strict=True):
        shapes, _, bones = packet.decode().partition("=")
        head = [float(part) for part in bones.split("|")[0].removeprefix("head#").split(",")]
        pose = face["pose"]
        x, y, z = np.array(pose["translation_mm"]) / 1000
        expected = (-pose["pitch_deg"], pose["yaw_deg"], -pose["roll_deg"], x, -y, -z)
        assert head == pytest.approx(expected, abs=2e-6)
        found = dict(item.split("-") for item in shapes.split("|") if item)
        assert abs(int(found["jawOpen"]) - 100 * face["signals"]["mouth"]["openness"]) <= 0.51


def test_livelink(sent, faces):
    livelink = pytest.importorskip("pylivelinkface", reason="needs PyLiveLinkFace")
    names = livelink.FaceBlendShape
    for packet, face in zip(sent["--livelink"], faces, strict=True):
        there, found = livelink.PyLiveLinkFace.decode(packet)
        assert there
        assert found.get_blendshape(names.HeadYaw) == pytest.approx(face["pose"]["yaw_deg"] / 180, abs=1e-6)
        assert found.get_blendshape(names.HeadPitch) == pytest.approx(face["pose"]["pitch_deg"] / 180, abs=1e-6)
        assert found.get_blendshape(names.JawOpen) == pytest.approx(face["signals"]["mouth"]["openness"], abs=1e-5)
