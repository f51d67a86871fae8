"""All signals of one face: each frame's measures, and the state machines that follow them."""

from __future__ import annotations

import math
from dataclasses import replace

from facetrack.signals.eyes.blink import BlinkDetector
from facetrack.signals.eyes.blink_rate import BlinkRate
from facetrack.signals.eyes.closure import Pair
from facetrack.signals.eyes.lid_events import LidEvents
from facetrack.signals.eyes.lid_gap import GapMeter
from facetrack.signals.eyes.openness import EyeMeter
from facetrack.signals.eyes.perclos import Perclos
from facetrack.signals.fatigue import Fatigue
from facetrack.signals.head.attention import Attention
from facetrack.signals.head.away import FacingAway
from facetrack.signals.head.gaze import GazeMeter
from facetrack.signals.head.gestures import Gestures
from facetrack.signals.head.neutral import HeadAngles, NeutralHead
from facetrack.signals.mouth.openness import Mouth, mouth_hidden
from facetrack.signals.mouth.smile import Smiles
from facetrack.signals.mouth.speech import Speech
from facetrack.signals.mouth.yawn import Yawns
from facetrack.signals.observation import MAX_GAP_S, FrameMeasures, Observation
from facetrack.signals.options import SignalOptions
from facetrack.signals.per_frame import measure_viewed, viewed_from_deg
from facetrack.signals.profile import Profile
from facetrack.signals.windows.observed_time import ROUNDING_S
from facetrack.types import Event, EyeGaze, Pose, Signals
from facetrack.types.signals import (
    AttentionSignals,
    EyeSignals,
    EyesSignals,
    GazeSignals,
    HeadSignals,
    MouthSignals,
    SmileSignals,
)

P80, P70 = 0.2, 0.3
"""Openness of eyes that are 80 % and 70 % closed."""
CLOSURES = ("blink", "long_closure")
"""Each closure of both eyes once: a microsleep is a long closure, too."""
TEACHES_FROM = 0.7
"""Amplitude, or completeness with an eye network, of a closure that shows what closed eyes look like: lids that came
half way down do not."""
BLINK_NOT_SMILE_OPENNESS = 0.5
"""An eye less open than this is closing: its narrowness says nothing of a smile."""
MAX_ANGLE_SIGMA_DEG = 15.0
"""Standard deviation of yaw and pitch above which the head's direction is unknown: the target zone's half width."""
NO_HEAD = HeadSignals()


class FaceSignals:
    """The signals of one track.

    Feed it every frame in which the face was seen, in order, and no others: where more than MAX_GAP_S lies between two
    frames nothing is known, and what was going on is dropped, or ended where it had been reported. Each signal's own
    class states its delay.

    Eyes that an eye network reads (`Observation.eyes`) are followed by their lid gap from the first such reading on;
    until then, and without such a network, by the aspect ratio of their points.
    """

    def __init__(self, options: SignalOptions | None = None, track_id: int = 1) -> None:
        self.options = options = options or SignalOptions()
        profile = options.profile
        self._track_id = track_id
        self._eyes = EyeMeter(options.eyes, profile)
        self._blinks = BlinkDetector(track_id, options.blink)
        self._gaps, self._lids, self._by_gap = GapMeter(options.gap), LidEvents(track_id, options.lids), False
        self._blink_rate = BlinkRate()
        self._p80, self._p70 = Perclos(P80, (60.0, 180.0)), Perclos(P70, (60.0,))
        self._mouth = Mouth(options.mouth, profile.mouth_closed)
        self._speech = Speech(track_id, options.speech)
        self._yawns = Yawns(track_id, options.yawn)
        self._smiles = Smiles(track_id, options.smile, profile.smile_rest, profile.smile_full)
        self._head = NeutralHead(options.head, _neutral(profile))
        self._gestures = Gestures(track_id, options.gestures)
        self._gaze = GazeMeter(options.gaze, profile.gaze)
        self._attention = Attention(track_id, options.attention)
        self._away = FacingAway(track_id, options.away)
        self._fatigue = Fatigue(options.fatigue_weights)
        self._last_s = -math.inf

    def take_profile(self, profile: Profile) -> tuple[Event, ...]:
        """Go on with another profile: what it changes the levels of starts anew; returns the events that end so."""
        options, old = self.options, self.options.profile
        ended: tuple[Event, ...] = ()
        self.options = replace(options, profile=profile)
        if _neutral(old) != _neutral(profile):
            self._head = NeutralHead(options.head, _neutral(profile))
        if old.gaze != profile.gaze:
            self._gaze = GazeMeter(options.gaze, profile.gaze)
        if old.mouth_closed != profile.mouth_closed:
            self._mouth = Mouth(options.mouth, profile.mouth_closed)
        if (old.smile_rest, old.smile_full) != (profile.smile_rest, profile.smile_full):
            ended = in_order(tuple(self._smiles.interrupt()))
            self._smiles = Smiles(self._track_id, options.smile, profile.smile_rest, profile.smile_full)
        if old.eye_levels != profile.eye_levels:
            self._eyes = EyeMeter(options.eyes, profile)
        return ended

    def reset(self) -> None:
        """Equal to a new one; `interrupt` it first for the ends of what was reported."""
        for part in (
            *(self._gaps, self._lids, self._eyes, self._blinks, self._blink_rate, self._p80, self._p70, self._mouth),
            *(self._speech, self._yawns, self._smiles, self._head, self._gestures, self._attention, self._away),
            *(self._gaze, self._fatigue),
        ):
            part.reset()
        self._last_s, self._by_gap = -math.inf, False

    def update(self, observation: Observation) -> tuple[Signals, tuple[Event, ...]]:
        """Follow the next frame; returns its signals and what began or ended with it, in order of time."""
        self._last_s = observation.time_s
        viewed_deg = None if observation.pose is None else viewed_from_deg(observation.pose)
        measured = measure_viewed(observation.points, viewed_deg, observation.attributes, observation.visibility)
        eyes, perclos, from_eyes = self._follow_eyes(observation, measured, viewed_deg)
        mouth, smile, from_mouth = self._follow_mouth(observation, measured, eyes)
        head, gaze, attention, from_head = self._follow_head(observation, eyes)
        # A network that knows no profiles loses them: then a lost face says nothing of where the head looks.
        knows_turn = viewed_deg is not None and observation.visibility is not None
        returned = self._away.update(observation.time_s, viewed_deg[0] if viewed_deg and knows_turn else None)
        events = in_order(from_eyes + from_mouth + from_head + returned)
        p80_60s, p70_60s, p80_180s = perclos
        # Over three minutes, or one until those are known.
        fatigue = self._fatigue.update(
            observation.time_s, p80_60s if p80_180s is None else p80_180s, events, self._p80.slow_closures
        )
        return Signals(
            eyes, mouth, smile, head, gaze, attention, fatigue, p80_60s, p70_60s, p80_180s,
            self._p80.unknown_share(observation.time_s), measured.glasses_prob,
        ), events  # fmt: skip

    def interrupt(self) -> tuple[Event, ...]:
        """End what lasts, the face being forgotten or the video over; returns those events, each at its last moment.

        Levels, windows and the neutral head stay, for a face that comes back.
        """
        return in_order((*self._interrupt_seen(), *self._away.interrupt()))

    def _interrupt_seen(self) -> tuple[Event, ...]:
        """End what only a face that is seen can do."""
        return (
            *(*self._blinks.interrupt(), *self._lids.interrupt(), *self._speech.interrupt()),
            *(*self._yawns.interrupt(), *self._smiles.interrupt(), *self._attention.interrupt()),
        )

    def expire(self, time_s: float, turned_away: bool = False) -> tuple[Event, ...]:
        """Take a frame without the face: once that has lasted for MAX_GAP_S, end what lasts; nothing before or again.

        turned_away: nothing else than a turn explains it: the face was in the picture, and not behind another one. Then
            `facing_away` may begin.
        """
        if math.isinf(self._last_s):
            self._away.unseen(time_s)
        if time_s - self._last_s <= MAX_GAP_S + ROUNDING_S:
            return ()
        self._last_s = math.inf  # until it is seen again
        return in_order((*self._interrupt_seen(), *(self._away.lost(time_s) if turned_away else ())))

    def _follow_eyes(
        self, observation: Observation, measured: FrameMeasures, viewed_deg: tuple[float, float] | None
    ) -> tuple[EyesSignals, tuple[float | None, float | None, float | None], tuple[Event, ...]]:
        """Follow the eyes; returns them, PERCLOS (P80 over 60 s, P70 over 60 s, P80 over 180 s), and events."""
        time_s, reading = observation.time_s, observation.eyes
        if reading is None and not self._by_gap:
            known, events = self._follow_openness(observation, measured, viewed_deg)
            openness, closed_s, lids = known, self._blinks.closed_s, None
        else:
            openness, known, events = self._follow_lids(observation, viewed_deg)
            closed_s, lids = self._lids.closed_s, self._lids.lids
        p80_60s, p80_180s = self._p80.update(time_s, *known)
        (p70_60s,) = self._p70.update(time_s, *known)
        seen = openness[0] is not None or openness[1] is not None
        rate, duration_s = self._blink_rate.update(time_s, seen, events)
        covered = (None, None) if reading is None else reading.covered.tolist()
        gaps, open_probs, gaze = self._gaps.gaps, self._gaps.open_probs, observation.gaze
        right = EyeSignals(
            openness[0], measured.right_aspect_ratio, open_probs[0], gaps[0], covered[0], *_looks(gaze[0])
        )
        left = EyeSignals(openness[1], measured.left_aspect_ratio, open_probs[1], gaps[1], covered[1], *_looks(gaze[1]))
        return EyesSignals(right, left, lids, closed_s, rate, duration_s), (p80_60s, p70_60s, p80_180s), events

    def _follow_openness(
        self, observation: Observation, measured: FrameMeasures, viewed_deg: tuple[float, float] | None
    ) -> tuple[Pair, tuple[Event, ...]]:
        """Follow the openness by the points; returns it and what began or ended."""
        eyes = self._eyes.update(observation, measured, viewed_deg)
        events = self._blinks.update(observation.time_s, *eyes, self._eyes.widths)
        for event in events:
            if event.end_s is not None and event.kind in CLOSURES and (event.amplitude or 0.0) >= TEACHES_FROM:
                self._eyes.saw_closure(event.start_s, event.end_s)
        return eyes, events

    def _follow_lids(
        self, observation: Observation, viewed_deg: tuple[float, float] | None
    ) -> tuple[Pair, Pair, tuple[Event, ...]]:
        """Follow the lid gaps; returns the openness, what PERCLOS may know of it, and what began or ended."""
        ended = () if self._by_gap else self._blinks.interrupt()
        self._by_gap = True
        frame = self._gaps.update(observation, viewed_deg)
        events = self._lids.update(frame)
        for event in events:
            shown = event.evidence.get("completeness", 0.0)
            if event.end_s is not None and event.kind in CLOSURES and shown >= TEACHES_FROM:
                self._gaps.saw_closure(event.start_s, event.end_s)
        return frame.eyes, self._lids.openness_known, ended + events

    def _follow_mouth(
        self, observation: Observation, measured: FrameMeasures, eyes: EyesSignals
    ) -> tuple[MouthSignals, SmileSignals, tuple[Event, ...]]:
        time_s, hidden = observation.time_s, mouth_hidden(observation, self.options.mouth)
        opening, smile, open_prob = measured.mouth_aspect_ratio, measured.smile_prob, measured.mouth_open_prob
        if hidden:
            opening = smile = open_prob = None
        openness = self._mouth.update(time_s, opening)
        speaking, spoken = self._speech.update(time_s, opening)
        yawning, yawned = self._yawns.update(time_s, openness, speaking, smile, open_prob)
        # By their points alone: a smile narrows eyes that the network goes on calling open.
        smiling, eye_narrowing, smiled = self._smiles.update(time_s, smile, *self._widths_of_open_eyes(eyes))
        # What the network reads is passed on even of a mouth that counts as hidden.
        mouth = MouthSignals(openness, measured.mouth_aspect_ratio, measured.mouth_open_prob, speaking, yawning)
        return mouth, SmileSignals(measured.smile_prob, smiling, eye_narrowing), spoken + yawned + smiled

    def _widths_of_open_eyes(self, eyes: EyesSignals) -> tuple[float | None, float | None]:
        right, left = self._gaps.widths if self._by_gap else self._eyes.widths
        return _open(right, eyes.right.openness), _open(left, eyes.left.openness)

    def _follow_head(
        self, observation: Observation, eyes: EyesSignals
    ) -> tuple[HeadSignals, GazeSignals, AttentionSignals, tuple[Event, ...]]:
        time_s, sure = observation.time_s, sure_pose(observation.pose)
        sigma_deg = None if observation.pose is None else turn_sigma_deg(observation.pose)
        right, left = eyes.right.openness, eyes.left.openness
        more_closed = right if left is None else left if right is None else min(right, left)
        angles = self._head.update(time_s, sure)
        gestures = self._gestures.update(time_s, angles, sigma_deg, more_closed)
        direction, gaze = self._gaze.update(time_s, angles, sure, observation.gaze, (right, left))
        attention, glances = self._attention.update(time_s, direction, self._lids.down_since_s)
        head = NO_HEAD if angles is None else HeadSignals(angles.yaw_deg, angles.pitch_deg, angles.roll_deg)
        return head, gaze, attention, gestures + glances


def sure_pose(pose: Pose | None) -> Pose | None:
    """Return the pose unless its own uncertainty says that yaw or pitch are a guess."""
    sigma_deg = None if pose is None else turn_sigma_deg(pose)
    return pose if sigma_deg is None or sigma_deg <= MAX_ANGLE_SIGMA_DEG else None


def turn_sigma_deg(pose: Pose) -> float | None:
    """Return the standard deviation of yaw or pitch, the larger one; None where it is unknown."""
    return None if pose.sigma_deg is None else max(pose.sigma_deg[0], pose.sigma_deg[1])


def in_order(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Events by the time at which they ended, or began where they last."""
    if len(events) < 2:
        return events
    return tuple(sorted(events, key=lambda event: event.until_s))


def _open(width: float | None, openness: float | None) -> float | None:
    """Return the width of an eye unless it is closing."""
    return None if openness is None or openness < BLINK_NOT_SMILE_OPENNESS else width


def _looks(eye: EyeGaze | None) -> tuple[float | None, float | None, float | None]:
    """Return yaw, pitch and their standard deviation of one eye in the head, as its signals hold them."""
    return (None, None, None) if eye is None else (eye.yaw_deg, eye.pitch_deg, eye.sigma_deg)


def _neutral(profile: Profile) -> HeadAngles | None:
    """Return the profile's neutral head, if it holds all of it."""
    if profile.yaw_deg is None or profile.pitch_deg is None or profile.roll_deg is None:
        return None
    return HeadAngles(profile.yaw_deg, profile.pitch_deg, profile.roll_deg)
