"""VMC messages, decoded by python-osc and by npm's osc, and the golden vectors."""

import json
import shutil
import subprocess
import time

import pytest

from facetrack.sinks.network import Broadcast
from facetrack.sinks.network.vmc import VmcOutput
from facetrack.sinks.transport.osc import addresses, bundles, message
from golden import POSES
from made_faces import frame, made_face, nodding, posed
from places import REPOSITORY
from sockets import Receiver

osc_packet = pytest.importorskip("pythonosc.osc_packet", reason="needs python-osc")


def decode(packets):
    """Address and arguments of every message, in order."""
    return [
        (timed.message.address, *timed.message.params)
        for packet in packets
        for timed in osc_packet.OscPacket(packet).messages
    ]


def sent(*frames, packets=1, **options):
    with Receiver() as receiver, Broadcast([VmcOutput(receiver.address, **options)]) as sink:
        for i, faces in enumerate(frames):
            sink.write(frame(i), faces)
        receiver.wait(packets)
        return receiver.everything()  # a frame may take several


def values(messages):
    return {name: value for address, name, value in (m for m in messages if m[0] == "/VMC/Ext/Blend/Val")}


@pytest.mark.parametrize("row", POSES, ids=lambda row: str(row[0]))
def test_golden_head(row):
    messages = decode(sent([made_face(posed(*row[0]))], packets=1))
    address, bone, *numbers = messages[0]
    assert (address, bone, numbers[:3]) == ("/VMC/Ext/Bone/Pos", "Head", [0.0, 0.0, 0.0])
    assert numbers[3:] == pytest.approx(row[5], abs=1e-4)


def test_presets_and_perfect_sync_say_what_is_known():
    face = made_face(
        eyes_right_openness=0.25, eyes_left_openness=None, mouth_openness=0.5, smile_prob=0.75, smile_eye_narrowing=None
    )
    messages = decode(sent([face], packets=1))
    found = values(messages)
    assert (found["Blink_R"], found["A"], found["EyeBlinkRight"], found["JawOpen"]) == (0.75, 0.5, 0.75, 0.5)
    assert found["Joy"] == found["MouthSmileLeft"] == 0.75
    assert not {"Blink_L", "EyeBlinkLeft", "EyeSquintLeft", "TongueOut", "CheekPuff", "EyeLookUpLeft"} & set(found)
    order = [m[0] for m in messages]
    assert order.index("/VMC/Ext/Blend/Apply") == max(i for i, a in enumerate(order) if a == "/VMC/Ext/Blend/Val") + 1
    assert messages[-2:] == [("/VMC/Ext/OK", 1, 3, 0, 1), ("/VMC/Ext/T", 0.0)]


def test_a_lost_face_is_told_and_sends_no_values():
    assert decode(sent([])) == [("/VMC/Ext/OK", 1, 3, 0, 0), ("/VMC/Ext/T", 0.0)]


def test_bundles_stay_under_1500_bytes_and_can_be_left_out():
    face = made_face()
    assert max(map(len, sent([face], packets=1))) <= 1500
    alone = sent([face], packets=30, bundle=False)
    assert not any(packet.startswith(b"#bundle") for packet in alone)
    assert {m[0] for m in decode(alone)} >= {"/VMC/Ext/Bone/Pos", "/VMC/Ext/Blend/Val", "/VMC/Ext/Blend/Apply"}


def test_many_values_split_before_the_limit():
    many = [message("/VMC/Ext/Blend/Val", f"Name{i:02}", i / 100) for i in range(60)] + [
        message("/VMC/Ext/Blend/Apply")
    ]
    packets = list(bundles(many))
    assert len(packets) > 1
    assert max(map(len, packets)) <= 1500
    assert len(decode(packets)) == 61


def test_the_receivers_calibration_takes_the_neutral():
    from pythonosc.osc_message_builder import OscMessageBuilder

    order = OscMessageBuilder("/VMC/Ext/Set/Calib/Exec")
    order.add_arg(0)
    with Receiver() as receiver, Broadcast([VmcOutput(receiver.address)]) as sink:
        for i in range(4):
            sink.write(frame(10 * i), [made_face(posed(20, 15, -10))])
            receiver.wait(i + 1)
            if i == 1:
                receiver.answer(order.build().dgram)

                time.sleep(0.05)
        heads = [m[5:] for m in decode(receiver.packets) if m[0] == "/VMC/Ext/Bone/Pos"]
    assert heads[1] == pytest.approx(POSES[-1][5], abs=1e-4)
    assert heads[3] == pytest.approx((0, 0, 0, 1), abs=1e-6)


def test_other_bytes_are_no_message():
    for packet in (b"", b"/", b"#bundle\0", b"#bundle\0" + bytes(8) + b"\xff\xff\xff\xff/a", b"\xff" * 40):
        assert addresses(packet) == []


def test_npms_osc_reads_the_same(tmp_path):
    if shutil.which("node") is None or subprocess.run(["node", "-e", "require('osc')"], capture_output=True).returncode:
        pytest.skip("needs node and npm's package osc (NODE_PATH)")
    with Receiver() as receiver, Broadcast([VmcOutput(receiver.address)]) as sink:
        for item in nodding(10, lost=range(5, 7)):
            sink.write(*item)
        packets = list(receiver.wait(10))
    (tmp_path / "packets.json").write_text(json.dumps([packet.hex() for packet in packets]))
    script = REPOSITORY / "tests" / "support" / "decode_osc.js"
    done = subprocess.run(["node", script, tmp_path / "packets.json"], capture_output=True, text=True, check=True)
    found = [(address, *arguments) for address, arguments in json.loads(done.stdout)]
    assert len(found) > 200
    for ours, theirs in zip(decode(packets), found, strict=True):
        assert theirs[0] == ours[0]
        assert list(theirs[1:]) == pytest.approx(list(ours[1:]))


def test_the_eyes_have_a_target_before_the_head_where_they_are_known():
    """A metre away, to the avatar's left and up: Unity's x is its right, z forward."""
    angles = {"head_yaw_deg": 0.0, "head_pitch_deg": 0.0, "gaze_yaw_deg": 30.0, "gaze_pitch_deg": 10.0}
    messages = decode(sent([made_face(gaze_source="eyes", **angles)], packets=1))
    [(_, enable, *target)] = [m for m in messages if m[0] == "/VMC/Ext/Set/Eye"]
    assert enable == 1
    assert target == pytest.approx([-0.4924, 0.1736, 0.8529], abs=1e-4)  # -cos 10 sin 30, sin 10, cos 10 cos 30
    looking, shut = [made_face(gaze_source="eyes", **angles)], [made_face(gaze_source="head", **angles)]
    frames = [shut, looking, shut, shut, looking, []]
    messages = decode(sent(*frames, packets=len(frames)))
    assert [m[1] for m in messages if m[0] == "/VMC/Ext/Set/Eye"] == [1, 0, 1, 0], "a target ends once"
