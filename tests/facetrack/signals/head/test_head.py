"""Head angles, gestures and gaze against rotations made with SciPy and movements whose answers are known."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack.angles import euler_deg, rotation_from_deg
from facetrack.signals.head.gaze import Gaze, head_gaze
from facetrack.signals.head.gestures import Gestures
from facetrack.signals.head.neutral import HeadAngles, HeadOptions, NeutralHead
from facetrack.types import Pose

RATES = [15, 30, 60, 120]


def rotation(yaw=0.0, pitch=0.0, roll=0.0):
    return Rotation.from_euler("YXZ", [-yaw, -pitch, roll], degrees=True)


def pose(turn):
    """Make a pose of that rotation; its angles by SciPy's own decomposition."""
    yaw, pitch, roll = turn.as_euler("YXZ", degrees=True)
    return Pose(turn.as_matrix(), np.array([0.0, 0.0, 600.0]), -yaw, -pitch, roll)


def angles(head):
    return (head.yaw_deg, head.pitch_deg, head.roll_deg)


def test_rotation_and_angles_are_each_others_inverse():
    for turn in ((0, 0, 0), (37, -21, 14), (-80, 60, -150)):
        np.testing.assert_allclose(rotation_from_deg(*turn), rotation(*turn).as_matrix(), atol=1e-12)
        np.testing.assert_allclose(euler_deg(rotation_from_deg(*turn)), turn, atol=1e-9)


@pytest.mark.parametrize("learnt", [True, False])
@pytest.mark.parametrize("neutral", [(0, 0, 0), (12, -18, 5), (-30, 10, -8)])
def test_a_turned_neutral_head_couples_nothing(neutral, learnt):
    # The camera stands beside and below; the head turns about its own axes.
    straight = rotation(*neutral)
    head = NeutralHead(neutral=None if learnt else HeadAngles(*neutral))
    if learnt:
        # A wobble of 1 degree that is even about the neutral pose, which so is its median.
        for i in range(300):
            wobble = np.sin([0.7 * i, 0.9 * i, 1.1 * i])
            seen = head.update(i / 30, pose(rotation(*(np.array(neutral) + wobble))))
            assert (seen is None) == (i <= 90)
    within = 0.4 if learnt else 0.01
    for yaw in (-40.0, 40.0):
        turned = head.update(20.0, pose(straight * rotation(yaw=yaw)))
        assert angles(turned) == pytest.approx((yaw, 0, 0), abs=within)
    assert angles(head.update(20.1, pose(straight * rotation(pitch=25)))) == pytest.approx((0, 25, 0), abs=within)
    assert angles(head.update(20.2, pose(straight * rotation(roll=-20)))) == pytest.approx((0, 0, -20), abs=within)
    mixed = head.update(20.3, pose(straight * rotation(25, -15, 10)))
    assert angles(mixed) == pytest.approx((25, -15, 10), abs=within)


def test_the_neutral_head_is_a_median_and_slow_to_move():
    head = NeutralHead()
    t = 0.0

    def hold(turn, seconds):
        nonlocal t
        for _ in range(round(seconds * 30)):
            t += 1 / 30
            last = head.update(t, pose(turn))
        return last

    hold(rotation(30), 0.5)  # it came into view turned aside
    hold(rotation(5, -10), 4)
    assert angles(head.neutral) == pytest.approx((5, -10, 0), abs=0.3)
    assert hold(rotation(40, -10), 20).yaw_deg == pytest.approx(35, abs=1)  # 20 s aside change nothing
    assert angles(head.neutral) == pytest.approx((5, -10, 0), abs=0.3)
    assert head.update(t + 0.01, None) is None


def test_a_neutral_head_learnt_wrong_is_put_right():
    head = NeutralHead()
    options = HeadOptions()
    times = np.arange(0, 60, 1 / 15)
    for t in times:
        head.update(t, pose(rotation(35 if t < options.learn_s else 0)))
        if t < 25:
            wrong = head.neutral
    assert wrong.yaw_deg == pytest.approx(35, abs=0.3)
    assert head.neutral.yaw_deg == pytest.approx(0, abs=0.3)


def test_neutral_counts_time_not_frames():
    # Two thirds of the time at 0, but two thirds of the frames at 8 degrees.
    head, t = NeutralHead(), 0.0
    for _ in range(20):
        for yaw, step, frames in ((0, 0.2, 2), (8, 0.05, 4)):
            for _ in range(frames):
                t += step
                head.update(t, pose(rotation(yaw)))
    assert head.neutral.yaw_deg == pytest.approx(0, abs=0.5)


def test_gaze_is_the_heads():
    assert head_gaze(None) is None
    assert head_gaze(HeadAngles(10, -5, 3)) == Gaze(10, -5, "head")


def gestures(times, yaw=lambda t: 0.0, pitch=lambda t: 0.0, noise=0.2, seed=0, sigma=None, openness=None):
    """Events of a head that moves so, the pose jitter by `noise` (standard deviation) degrees."""
    machine, rng = Gestures(1), np.random.default_rng(seed)
    return [
        event
        for t in times
        for event in machine.update(
            t, HeadAngles(yaw(t) + rng.normal(0, noise), pitch(t) + rng.normal(0, noise), 0.0),
            None if sigma is None else sigma(t), None if openness is None else openness(t),
        )
    ]  # fmt: skip


def wave(hz, swing, cycles, start=2.0):
    """Swings there and back, beginning and ending at rest."""
    return lambda t: swing / 2 * (np.cos(2 * np.pi * hz * (t - start)) - 1) if start <= t < start + cycles / hz else 0.0


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize(("hz", "swing", "cycles"), [(1.2, 8, 2), (2.0, 10, 2), (2.0, 6, 4), (3.0, 8, 3)])
def test_nods_and_shakes(fps, hz, swing, cycles):
    times = np.arange(0, 8, 1 / fps)
    for kind, axis in (("nod", "pitch"), ("shake", "yaw")):
        (event,) = gestures(times, **{axis: wave(hz, swing, cycles)})
        assert (event.kind, event.track_id) == (kind, 1)
        assert event.start_s == pytest.approx(2.0, abs=0.15 / hz + 1 / fps)
        assert event.end_s == pytest.approx(2.0 + cycles / hz, abs=0.15 / hz + 1 / fps)
        assert event.amplitude == pytest.approx(swing, abs=1.5)


@pytest.mark.parametrize("fps", [10, *RATES])
@pytest.mark.parametrize(
    ("yaw", "pitch"),
    [
        (lambda t: 0.0, lambda t: 0.0),
        (lambda t: 25 * np.sin(2 * np.pi * 0.3 * t), lambda t: 0.0),  # slow turns
        (lambda t: 0.0, wave(2.0, 10, 1)),  # one look down: a single turning point
        (lambda t: 20.0 * (t % 3 < 1.0), lambda t: 0.0),  # glances aside that last a second
        (wave(2.0, 9, 3), wave(2.0, 10, 3)),  # both axes at once
        (lambda t: 0.0, wave(2.0, 2.5, 5)),  # too small
        (lambda t: t, lambda t: -0.5 * t),  # drift
    ],
)
def test_what_is_no_gesture(fps, yaw, pitch):
    assert not gestures(np.arange(0, 12, 1 / fps), yaw, pitch)


@pytest.mark.parametrize("fps", [30, 60, 120])
def test_a_jitter_head_does_not_nod(fps):
    assert not gestures(np.arange(0, 6, 1 / fps), pitch=wave(7.0, 8, 10))


def test_nods_from_rotations_of_a_turned_head():
    # A nod about the head's own axis, neutral turned aside and up: the camera sees all three angles move.
    head, machine, found = NeutralHead(neutral=HeadAngles(25, 15, 0)), Gestures(1), []
    nod = wave(2.0, 12, 3)
    for t in np.arange(0, 6, 1 / 30):
        found += machine.update(t, head.update(t, pose(rotation(25, 15) * rotation(pitch=nod(t)))))
    assert [event.kind for event in found] == ["nod"]


def test_no_gesture_over_a_gap_or_unknown_time():
    nod = wave(1.5, 10, 2)
    times = np.arange(0, 6, 1 / 30)
    assert len(gestures(times, pitch=nod)) == 1
    assert not gestures([t for t in times if not 2.5 < t < 2.9], pitch=nod)
    machine, found = Gestures(1), []
    for t in times:
        found += machine.update(t, None if 2.6 < t < 2.7 else HeadAngles(0, nod(t), 0))
    assert not found


def sink(t, depth=25.0, fall=2.0, stay=0.5, back=0.3, start=3.0):
    """Pitch of a head that sinks, stays and comes back, straight lines between."""
    x = [start, start + fall, start + fall + stay, start + fall + stay + back]
    return float(np.interp(t, x, [0, -depth, -depth, 0]))


@pytest.mark.parametrize("fps", [10, *RATES])
def test_nodding_off(fps):
    times = np.arange(0, 12, 1 / fps)
    (event,) = gestures(times, pitch=sink)
    assert event.kind == "nod_off"
    # Out of the upper quarter after a quarter of the fall, 3.5; two thirds of the way back .2 s after 5.5.
    assert event.start_s == pytest.approx(3.5, abs=0.2)
    assert event.end_s == pytest.approx(5.7, abs=0.1 + 1 / fps)
    assert event.amplitude == pytest.approx(25, abs=2.0)


@pytest.mark.parametrize("change", [{"fall": 0.3}, {"back": 2.0}, {"depth": 12.0}, {"stay": 100.0}])
def test_what_is_no_nodding_off(change):
    for fps in RATES:
        assert not gestures(np.arange(0, 12, 1 / fps), pitch=lambda t: sink(t, **change))


@pytest.mark.parametrize("axis", ["yaw", "pitch"])
def test_a_pose_that_is_unsure_where_it_swings_makes_no_gesture(axis):
    """As a reflection over an eye does it: unsure by half again at each low point. A turned head nods."""
    times, swings = np.arange(0, 8, 1 / 30), wave(1.8, 7, 3)
    assert not gestures(times, **{axis: swings}, sigma=lambda t: 3.0 * (1.0 + 0.5 * (swings(t) < -5)))
    assert len(gestures(times, **{axis: swings}, sigma=lambda t: 3.0 * (1.0 + 0.15 * (swings(t) < -5)))) == 1
    assert len(gestures(times, **{axis: swings}, sigma=lambda t: 9.0)) == 1


def test_who_leans_forward_with_open_eyes_does_not_nod_off():
    times = np.arange(0, 12, 1 / 30)
    assert not gestures(times, pitch=sink, openness=lambda t: 0.9)
    blink = gestures(times, pitch=sink, openness=lambda t: 0.0 if 4.5 <= t < 4.7 else 0.9)
    assert not blink, "a blink on the way is not sleep"
    # A dropped head with shut eyes is seen badly, too.
    shut = gestures(times, pitch=sink, openness=lambda t: 0.1 if sink(t) < -8 else 0.9, sigma=lambda t: 3 - sink(t) / 9)
    unseen = gestures(times, pitch=sink, openness=lambda t: None if sink(t) < -8 else 0.9)
    assert [event.kind for event in (*shut, *unseen)] == ["nod_off", "nod_off"]


def test_reset_equals_fresh():
    times = np.arange(0, 12, 1 / 30)

    def run(head, machine, start=0.0):
        out = []
        for t in times + start:
            angle = head.update(t, pose(rotation(pitch=sink(t - start) + wave(2.0, 10, 2, 8.0)(t - start))))
            out.append((angle, machine.update(t, angle)))
        return out

    used = NeutralHead(), Gestures(1)
    for t in np.arange(0, 5, 1 / 30):
        used[1].update(t, used[0].update(t, pose(rotation(20, -10 * (t % 1)))))
    for machine in used:
        machine.reset()
    assert run(*used, 0.0) == run(NeutralHead(), Gestures(1), 0.0)
