"""Gaze of the eyes over the head: zeros, blinks, hidden eyes and turned heads whose answers are known."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack.signals.head.attention import Attention
from facetrack.signals.head.gaze import GazeMeter, GazeOptions
from facetrack.signals.head.neutral import HeadAngles
from facetrack.signals.head.screen import GazeCalibration, fit_screen, left_out_sigma_deg, on_camera_plane
from facetrack.smoothing.one_euro import OneEuroOptions
from facetrack.types import EyeGaze, Pose

RAW = GazeOptions(smoothing=OneEuroOptions(min_cutoff_hz=1e6))
"""Without smoothing."""
OPEN = (1.0, 1.0)
STRAIGHT = HeadAngles(0.0, 0.0, 0.0)


def posed(yaw=0.0, pitch=0.0, place_mm=(0.0, 0.0, 600.0)):
    turn = Rotation.from_euler("YXZ", [-yaw, -pitch, 0], degrees=True)
    return Pose(turn.as_matrix(), np.array(place_mm), yaw, pitch, 0.0)


def both(yaw, pitch, *, right=(0.0, 0.0), left=(0.0, 0.0), sigma=(2.0, 2.0)):
    """Both eyes at a look, each with a constant error of its own."""
    return (
        EyeGaze(yaw + right[0], pitch + right[1], sigma[0]),
        EyeGaze(yaw + left[0], pitch + left[1], sigma[1]),
    )


class Person:
    """A meter fed at 30 frames per second."""

    def __init__(self, options=RAW, calibration=None, **own):
        self.meter, self.frames, self.own = GazeMeter(options, calibration), 0, own

    def look(self, seconds, yaw, pitch, *, head=STRAIGHT, pose=None, openness=OPEN, hide=()):
        for _ in range(max(1, round(30 * seconds))):
            eyes = both(yaw, pitch, **self.own)
            eyes = tuple(None if i in hide else eye for i, eye in enumerate(eyes))
            pose = pose or posed(0 if head is None else head.yaw_deg, 0 if head is None else head.pitch_deg)
            found = self.meter.update(self.frames / 30, head, pose, eyes, openness)
            self.frames += 1
        return found


def test_where_a_person_usually_looks_is_straight_ahead():
    """The eyes usually look 8 degrees down and 3 aside; a glance from there keeps its size."""
    person = Person()
    person.look(5, 3, -8)
    gaze, signals = person.look(0.3, 3 - 15, -8 + 6)
    assert (gaze.yaw_deg, gaze.pitch_deg, gaze.source) == (
        pytest.approx(-15, abs=0.5),
        pytest.approx(6, abs=0.5),
        "eyes",
    )
    assert (signals.eyes_yaw_deg, signals.eyes_pitch_deg) == pytest.approx((-12, -2))
    assert (signals.quality, signals.screen_x) == ("coarse", None)
    assert signals.sigma_deg == pytest.approx(np.hypot(2 / np.sqrt(2), RAW.zero_sigma_deg))


def test_until_the_zero_is_known_the_gaze_is_the_heads():
    head = HeadAngles(7.0, 2.0, 0.0)
    gaze, signals = Person().look(0.1, 10, 0, head=head)
    assert (gaze.yaw_deg, gaze.source) == (7.0, "head")
    assert signals.source == "head"
    assert signals.eyes_yaw_deg == pytest.approx(10)


def test_eyes_that_are_closed_hold_their_look_for_a_blink():
    person = Person()
    person.look(5, 0, 0)
    person.look(0.5, 15, 0)
    gaze, _ = person.look(0.3, -40, -40, openness=(0.1, 0.1))
    assert (gaze.yaw_deg, gaze.source) == (pytest.approx(15, abs=0.3), "eyes")
    gaze, signals = person.look(0.4, -40, -40, openness=(0.1, 0.1), head=HeadAngles(4.0, 0.0, 0.0))
    assert (gaze.yaw_deg, gaze.source) == (4.0, "head")
    assert (signals.source, signals.sigma_deg, signals.camera_yaw_deg) == ("head", None, None)


def test_an_eye_that_is_hidden_does_not_move_the_gaze():
    """Each eye is off by its own error, which differs by 10 degrees."""
    person = Person(right=(-5.0, 2.0), left=(5.0, -2.0))
    person.look(5, 0, 0)
    for hide in ((), (0,), (1,)):
        gaze, _ = person.look(0.2, 10, 5, hide=hide)
        assert (gaze.yaw_deg, gaze.pitch_deg) == pytest.approx((10, 5), abs=0.6)


def test_an_eye_without_a_zero_of_its_own_waits_beside_one_that_has():
    """Errors of 4 degrees to either side: calibrated with the right eye, and an eye that is seen for the first time."""
    calibration = GazeCalibration((4.0, 0.0), None, ((0.5, -1 / 500, 0.0), (0.0, 0.0, 1 / 300)), 1.5)
    for hide in ((), (1,)):
        person = Person(calibration=calibration, right=(4.0, 0.0), left=(-4.0, 0.0))
        assert person.look(0.2, 0, 0, hide=hide)[0].yaw_deg == pytest.approx(0.0)
    person = Person(right=(4.0, 0.0), left=(-4.0, 0.0))
    person.look(4, 0, 0, hide=(1,))
    for _ in range(30):
        assert person.look(0.1, 0, 0)[0].yaw_deg == pytest.approx(0.0, abs=0.3)


def test_the_surer_eye_counts_more():
    person = Person(right=(6.0, 0.0), sigma=(6.0, 2.0))
    _, signals = person.look(0.1, 0, 0)
    assert signals.eyes_yaw_deg == pytest.approx(6 * (1 / 36) / (1 / 36 + 1 / 4))


@pytest.mark.parametrize("eyes", [(20, 0), (0, 10), (-12, -7)])
@pytest.mark.parametrize("head", [(30, 0), (-25, -10)])
def test_eyes_over_a_turned_head(head, eyes):
    """The look is turned by the head, by SciPy; a look back into the camera is straight ahead."""
    person = Person()
    person.look(5, 0, 0)
    gaze, signals = person.look(0.1, *eyes, head=HeadAngles(*head, 0.0))
    turn, own = (Rotation.from_euler("YXZ", [-a, -b, 0], degrees=True) for a, b in (head, eyes))
    x, y, z = (turn * own).apply([0.0, 0.0, -1.0])
    expected = np.degrees([np.arctan2(x, -z), np.arcsin(-y)])
    assert (gaze.yaw_deg, gaze.pitch_deg) == pytest.approx(expected, abs=0.3)
    assert (signals.camera_yaw_deg, signals.camera_pitch_deg) == pytest.approx(expected, abs=1e-6)


def test_unknown_head_and_unsure_eyes():
    person = Person(sigma=(40.0, 40.0))
    assert person.look(3, 10, 0)[0].source == "head"
    gaze, signals = Person().meter.update(0.0, None, None, (None, None), (None, None))
    assert gaze is None
    assert signals.source is signals.yaw_deg is signals.quality is None
    gaze, signals = Person().look(1, 10, 0, head=None)  # eyes, but no straight ahead yet
    assert gaze is None
    assert (signals.source, signals.yaw_deg, signals.camera_yaw_deg) == ("eyes", None, pytest.approx(10))


def test_smoothing_follows_a_saccade_and_quiets_a_fixation():
    rng, meter, found = np.random.default_rng(1), GazeMeter(), []
    for i in range(300):
        yaw = 0.0 if i < 150 else 15.0
        noise = rng.normal(0, 2.0, 2)
        eyes = (EyeGaze(yaw + noise[0], 0.0, 2.0), EyeGaze(yaw + noise[1], 0.0, 2.0))
        found.append(meter.update(i / 30, STRAIGHT, posed(), eyes, OPEN)[1].eyes_yaw_deg)
    assert np.std(found[50:150]) < 0.75 * 2.0 / np.sqrt(2)
    assert found[153] > 0.8 * 15  # a tenth of a second later


SCREEN_MM, BELOW_MM = np.array([520.0, 290.0]), 15.0
POINTS = np.array([(0.5, 0.5), (0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)])


def looked_at(point, place_mm):
    """Camera angles of a look at a point of a screen that hangs below the camera, in its plane."""
    target = np.array([-(point[0] - 0.5) * SCREEN_MM[0], BELOW_MM + point[1] * SCREEN_MM[1], 0.0])
    x, y, z = target - place_mm
    return np.degrees(np.arctan2(x, -z)), np.degrees(np.arcsin(-y / np.linalg.norm([x, y, z])))


def test_five_points_map_any_look_from_any_place_to_the_screen():
    place = np.array([30.0, -20.0, 620.0])
    hits = np.array([on_camera_plane(looked_at(p, place), posed(place_mm=place)) for p in POINTS])
    calibration = GazeCalibration((0.0, 0.0), (0.0, 0.0), fit_screen(hits, POINTS), 1.0)
    elsewhere = np.array([-60.0, 25.0, 480.0])
    for point in ((0.3, 0.7), (0.8, 0.2), (1.2, 0.5)):
        for where in (place, elsewhere):
            found = calibration.on_screen(looked_at(point, where), posed(place_mm=where))
            assert found == pytest.approx(point, abs=0.03)
    assert left_out_sigma_deg(hits, POINTS, [620.0] * 5) < 1.5


def test_a_constant_error_of_the_eyes_goes_into_the_map():
    place = np.array([0.0, 0.0, 600.0])
    hits = [on_camera_plane(np.add(looked_at(p, place), (4.0, -6.0)), posed(place_mm=place)) for p in POINTS]
    calibration = GazeCalibration((4.0, -16.0), None, fit_screen(np.array(hits), POINTS), 1.0)
    shifted = np.add(looked_at((0.3, 0.6), place), (4.0, -6.0))
    assert calibration.on_screen(shifted, posed(place_mm=place)) == pytest.approx((0.3, 0.6), abs=0.04)


def test_a_calibrated_gaze_is_known_at_once_and_says_so():
    calibration = GazeCalibration((5.0, -10.0), (3.0, -10.0), ((0.5, -1 / 500, 0.0), (0.0, 0.0, 1 / 300)), 1.5)
    gaze, signals = Person(calibration=calibration).look(0.01, 4, -10)
    assert (gaze.yaw_deg, gaze.pitch_deg, gaze.source) == (pytest.approx(0), pytest.approx(0), "eyes")
    assert (signals.quality, signals.sigma_deg) == ("calibrated", pytest.approx(np.hypot(1.5, 2 / np.sqrt(2))))
    x_mm, y_mm = 600 * np.tan(np.radians(4)), 600 * np.tan(np.radians(10)) / np.cos(np.radians(4))
    assert (signals.screen_x, signals.screen_y) == pytest.approx((0.5 - x_mm / 500, y_mm / 300), abs=0.01)
    with pytest.raises(ValueError, match="neither eye"):
        GazeCalibration(None, None, ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), 1.0)
    with pytest.raises(ValueError, match="finite"):
        GazeCalibration((0.0, np.nan), None, ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), 1.0)


def openness_of_a_blink(since_s, fall_s=0.1, shut_s=0.1, rise_s=0.2):
    """Lids that fall, rest and rise on cosines; 1 before and after."""
    if not 0 <= since_s <= fall_s + shut_s + rise_s:
        return 1.0
    way = min(since_s / fall_s, 1.0, (fall_s + shut_s + rise_s - since_s) / rise_s)
    return 0.5 + 0.5 * np.cos(np.pi * way)


def blink_behind_glasses(fps, look, seconds=2.0, at_s=1.0, **lids):
    """Yield time, the true yaw, the found gaze and the glances of a person who blinks.

    What is read is pulled down and apart by as much as the lids are shut, as a network reads eyes behind glasses.
    look: from a time to the true yaw of both eyes.
    """
    meter, attention = GazeMeter(), Attention(1)
    for i in range(round(fps * (6 + seconds))):
        time_s = i / fps - 6
        yaw = look(time_s) if time_s > 0 else 0.0
        opened = openness_of_a_blink(time_s - at_s, **lids)
        shut = 1 - opened
        eyes = tuple(EyeGaze(yaw + own + side * 20 * shut, -32 * shut, 7.0) for side, own in ((-1, 8.0), (1, -8.0)))
        gaze, _ = meter.update(time_s, STRAIGHT, posed(), eyes, (opened, opened))
        yield time_s, yaw, gaze, attention.update(time_s, gaze)[1]


@pytest.mark.parametrize("fps", [10, 15, 30, 60])
@pytest.mark.parametrize("lids", [{}, {"fall_s": 0.05, "shut_s": 0.0, "rise_s": 0.1}, {"rise_s": 0.3}])
def test_a_blink_behind_glasses_is_no_glance(fps, lids):
    for _, _, gaze, glances in blink_behind_glasses(fps, lambda _: 0.0, **lids):
        assert abs(gaze.yaw_deg) < 3
        assert abs(gaze.pitch_deg) < 7
        assert not glances


@pytest.mark.parametrize("fps", [10, 15, 30, 60])
@pytest.mark.parametrize("leaves_s", [0.3, 1.1, 1.6])
def test_a_true_glance_beside_a_blink_is_reported(fps, leaves_s):
    """The eyes look 28 degrees aside for .9 s, from before a blink on, from under it, or from after it."""
    found = list(blink_behind_glasses(fps, lambda t: 28.0 if leaves_s <= t < leaves_s + 0.9 else 0.0, 3.0))
    begun = [event for *_, glances in found for event in glances if event.end_s is None]
    assert [event.kind for event in begun] == ["glance_away"]
    assert leaves_s - 0.01 <= begun[0].start_s <= leaves_s + 0.55
    assert max(abs(gaze.yaw_deg) for *_, gaze, _ in found) == pytest.approx(28, abs=3)


def test_eyes_that_look_apart_say_nothing():
    """Reflections take one eye 40 degrees off, with the other's uncertainty: the gaze before holds."""
    person = Person()
    person.look(5, 4, 0)
    eyes = (EyeGaze(44.0, 0.0, 5.0), EyeGaze(4.0, 0.0, 5.0))
    for i in range(6):
        gaze, signals = person.meter.update((person.frames + i) / 30, STRAIGHT, posed(), eyes, OPEN)
        assert signals.eyes_yaw_deg == pytest.approx(4, abs=0.1)
    assert gaze.yaw_deg == pytest.approx(0, abs=0.3)
    unsure = (EyeGaze(20.0, 0.0, 14.0), EyeGaze(4.0, 0.0, 2.0))
    signals = person.meter.update((person.frames + 6) / 30, STRAIGHT, posed(), unsure, OPEN)[1]
    assert 4 < signals.eyes_yaw_deg < 6
