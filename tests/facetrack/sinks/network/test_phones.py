"""iFacialMocap by a parser written from its format, Live Link Face by PyLiveLinkFace."""

import struct

import pytest

from facetrack.errors import OutputError
from facetrack.sinks.avatar.arkit import LIVE_LINK_SHAPES, pascal
from facetrack.sinks.network import Broadcast
from facetrack.sinks.network.ifacialmocap import IFacialMocapOutput
from facetrack.sinks.network.livelink import LiveLinkOutput
from facetrack.types.signals import ARKIT_52
from made_faces import frame, made_face, posed
from sockets import Receiver

SAMPLE = (
    "mouthSmile_R-35|eyeBlink_L-100|jawOpen-12|mouthLeft-7|=head#-21.488958,-6.038993,-6.6019735,-0.030653415,"
    "-0.10287084,-0.6584072|rightEye#6.0297494,2.4403017,0.25649446|leftEye#6.034903,-1.6660284,-0.17520553|"
)
"""A packet of the phone program itself."""


def parse(text, between="-"):
    """Shapes and bones, as receivers take them apart."""
    shapes, _, bones = text.partition("=")
    found = dict(item.split(between) for item in shapes.split("|") if item)
    places = dict(item.split("#") for item in bones.split("|") if item)
    return {name: int(value) for name, value in found.items()}, {
        name: [float(part) for part in value.split(",")] for name, value in places.items()
    }


def sent(output, *frames, packets):
    with Receiver() as receiver, Broadcast([output(receiver.address)]) as sink:
        for i, faces in enumerate(frames):
            sink.write(frame(i), faces)
        return list(receiver.wait(packets))


def test_ifacialmocap_has_the_samples_form():
    _, real = parse(SAMPLE)
    face = made_face(posed(20, 15, -10, (30, -20, 700)), eyes_left_openness=0.0, eyes_right_openness=None)
    [packet] = sent(IFacialMocapOutput, [face], packets=1)
    shapes, bones = parse(packet.decode())
    assert {name: len(value) for name, value in bones.items()} == {name: len(value) for name, value in real.items()}
    assert bones["head"] == pytest.approx([-15, 20, 10, 0.03, 0.02, -0.7])  # down, to the person's left, to the right
    assert (shapes["eyeBlink_L"], shapes["jawOpen"]) == (100, 0)
    assert "eyeBlink_R" not in shapes
    assert {"mouthLeft", "jawRight", "browInnerUp", "browOuterUp_L"} <= set(shapes)
    known = {name.replace("Left", "_L").replace("Right", "_R") for name in ARKIT_52}
    assert set(shapes) <= known | {"jawLeft", "jawRight", "mouthLeft", "mouthRight"}


def test_ifacialmocaps_second_version_and_flipped_angles():
    def second(address):
        return IFacialMocapOutput(address, version="v2", flip=frozenset({"yaw"}))

    [packet] = sent(second, [made_face(posed(20, 15, -10))], packets=1)
    shapes, bones = parse(packet.decode(), "&")
    assert shapes["eyeBlink_L"] == 0
    assert bones["head"][:3] == pytest.approx([-15, -20, 10])
    with pytest.raises(OutputError, match="v1 or v2"):
        IFacialMocapOutput(version="v3")


def test_ifacialmocap_is_silent_without_a_face():
    packets = sent(IFacialMocapOutput, [made_face()], [], [], [made_face(posed(10))], packets=2)
    assert [parse(packet.decode())[1]["head"][1] for packet in packets] == [0, 10]


def decoded(packet):
    livelink = pytest.importorskip("pylivelinkface", reason="needs PyLiveLinkFace")
    return livelink.PyLiveLinkFace.decode(packet), livelink.FaceBlendShape


def test_pylivelinkface_reads_every_value():
    face = made_face(posed(36, 18, -9), eyes_right_openness=0.25, mouth_openness=0.5, smile_prob=0.75)
    [packet] = sent(LiveLinkOutput, [face], packets=1)
    assert len(packet) == 270 + 36 + 9
    (there, found), names = decoded(packet)
    assert there
    assert (found.name, found.fps) == ("facetrack", 60)
    read = {name.name: found.get_blendshape(name) for name in names}
    assert list(read)[:52] == [pascal(name) for name in LIVE_LINK_SHAPES]
    expected = {
        "EyeBlinkRight": 0.75, "EyeBlinkLeft": 0.0, "JawOpen": 0.5, "MouthSmileLeft": 0.75, "HeadYaw": 0.2,
        "HeadPitch": 0.1, "HeadRoll": 0.05, "TongueOut": 0.0, "LeftEyeYaw": 0.0, "RightEyePitch": 0.0,
    }  # fmt: skip
    assert {name: read[name] for name in expected} == pytest.approx(expected)


def test_live_link_without_a_face_ends_before_the_values_and_keeps_an_eye_that_is_not_seen():
    closed, hidden = made_face(eyes_left_openness=0.1), made_face(eyes_left_openness=None)
    packets = sent(LiveLinkOutput, [closed], [], [hidden], packets=3)
    results = [decoded(packet) for packet in packets]
    assert [there for (there, _), _ in results] == [True, False, True]
    (_, found), names = results[2]
    assert found.get_blendshape(names.EyeBlinkLeft) == pytest.approx(0.9)


def test_the_last_244_bytes_are_the_values_for_readers_that_count_from_the_end():
    [packet] = sent(LiveLinkOutput, [made_face(eyes_left_openness=0.5)], packets=1)
    assert struct.unpack(">61f", packet[-244:])[0] == 0.5


def test_ifacialmocaps_eyes_turn_as_its_head_does():
    """Down and to the person's left, as a head of that look: x grows downwards, y to the person's left."""
    angles = {"head_yaw_deg": 5.0, "head_pitch_deg": 2.0, "gaze_yaw_deg": 17.0, "gaze_pitch_deg": -6.0}
    [packet] = sent(IFacialMocapOutput, [made_face(gaze_source="eyes", **angles)], packets=1)
    _, bones = parse(packet.decode())
    assert bones["rightEye"] == bones["leftEye"] == pytest.approx([8.0, 12.0, 0.0], abs=0.06)  # in the head's axes
    [packet] = sent(IFacialMocapOutput, [made_face(gaze_source="head", **angles)], packets=1)
    _, bones = parse(packet.decode())
    assert bones["rightEye"] == bones["leftEye"] == [0.0, 0.0, 0.0]
