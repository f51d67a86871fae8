"""All signals of one face: each frame's measures, and the state machines that follow them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from facetrack.signals.eyes.blink import BlinkDetector, BlinkOptions
from facetrack.signals.eyes.blink_rate import BlinkRate
from facetrack.signals.eyes.openness import EyeMeter, EyeOptions
from facetrack.signals.eyes.perclos import Perclos
from facetrack.signals.fatigue import Fatigue, FatigueWeights
from facetrack.signals.head.attention import Attention, AttentionOptions
from facetrack.signals.head.gaze import head_gaze
from facetrack.signals.head.gestures import GestureOptions, Gestures
from facetrack.signals.head.neutral import HeadAngles, HeadOptions, NeutralHead
from facetrack.signals.mouth.openness import Mouth, MouthOptions, mouth_hidden
from facetrack.signals.mouth.smile import SmileOptions, Smiles
from facetrack.signals.mouth.speech import Speech, SpeechOptions
from facetrack.signals.mouth.yawn import YawnOptions, Yawns
from facetrack.signals.observation import Observation
from facetrack.signals.per_frame import measure_viewed, viewed_from_deg
from facetrack.signals.profile import NO_PROFILE, Profile
from facetrack.types import Event, Signals

P80, P70 = 0.2, 0.3
"""Openness of eyes that are 80 % and 70 % closed."""
Fields = dict[str, Any]
"""Of `Signals`, by name."""
CLOSURES = ("blink", "long_closure", "microsleep")
TEACHES_FROM = 0.7
"""Amplitude of a closure that shows what closed eyes look like: lids that came half way down do not."""

NEARLY_SHUT = 0.5
"""Openness under which an eye closes and does not smile."""


@dataclass(frozen=True, slots=True)
class SignalOptions:
    """profile: the person's, where one was calibrated (`Profile.load`). fatigue_weights: `FatigueWeights.load(path)`;
    the default file's if left out. The others: of each signal."""

    profile: Profile = NO_PROFILE
    fatigue_weights: FatigueWeights = field(default_factory=FatigueWeights.load)
    eyes: EyeOptions = field(default_factory=EyeOptions)
    blink: BlinkOptions = field(default_factory=BlinkOptions)
    mouth: MouthOptions = field(default_factory=MouthOptions)
    speech: SpeechOptions = field(default_factory=SpeechOptions)
    yawn: YawnOptions = field(default_factory=YawnOptions)
    smile: SmileOptions = field(default_factory=SmileOptions)
    head: HeadOptions = field(default_factory=HeadOptions)
    gestures: GestureOptions = field(default_factory=GestureOptions)
    attention: AttentionOptions = field(default_factory=AttentionOptions)


class FaceSignals:
    """The signals of one track.

    Feed it every frame in which the face was seen, in order, and no others: where more than MAX_GAP_S lies between two
    frames nothing is known, and nothing comes of what was going on. Each signal's own class states its delay.
    """

    def __init__(self, options: SignalOptions | None = None, track_id: int = 1) -> None:
        self.options = options = options or SignalOptions()
        profile = options.profile
        self._eyes = EyeMeter(options.eyes, profile)
        self._blinks = BlinkDetector(track_id, options.blink)
        self._blink_rate = BlinkRate()
        self._p80, self._p70 = Perclos(P80, (60.0, 180.0)), Perclos(P70, (60.0,))
        self._mouth = Mouth(options.mouth, profile.mouth_closed)
        self._speech = Speech(track_id, options.speech)
        self._yawns = Yawns(track_id, options.yawn)
        self._smiles = Smiles(track_id, options.smile, profile.smile_rest, profile.smile_full)
        self._head = NeutralHead(options.head, _neutral(profile))
        self._gestures = Gestures(track_id, options.gestures)
        self._attention = Attention(track_id, options.attention)
        self._fatigue = Fatigue(options.fatigue_weights)

    def reset(self) -> None:
        """As new."""
        for part in (
            *(self._eyes, self._blinks, self._blink_rate, self._p80, self._p70, self._mouth, self._speech),
            *(self._yawns, self._smiles, self._head, self._gestures, self._attention, self._fatigue),
        ):
            part.reset()

    def update(self, observation: Observation) -> tuple[Signals, tuple[Event, ...]]:
        """The next frame's signals, and what came to its end with it, by the time of the end."""
        viewed_deg = None if observation.pose is None else viewed_from_deg(observation.pose)
        measured = measure_viewed(observation.points, viewed_deg, observation.attributes)
        eyes, from_eyes = self._follow_eyes(observation, measured, viewed_deg)
        mouth, from_mouth = self._follow_mouth(observation, measured, eyes)
        head, from_head = self._follow_head(observation)
        events = (*from_eyes, *from_mouth, *from_head)
        if len(events) > 1:
            events = tuple(sorted(events, key=lambda event: event.end_s))
        tired = self._fatigue.update(observation.time_s, _longest_known(eyes), events)
        fatigue: Fields = {}
        if tired is not None:
            fatigue = {"fatigue": tired.value, "fatigue_level": tired.level, "fatigue_parts": tired.parts}
        return Signals(
            measured.ear_right, measured.ear_left, measured.mouth_opening, measured.eye_right_open,
            measured.eye_left_open, measured.mouth_open, measured.smile, measured.glasses,
            **eyes, **mouth, **head, **fatigue,
        ), events  # fmt: skip

    def _follow_eyes(
        self, observation: Observation, measured: Signals, viewed_deg: tuple[float, float] | None
    ) -> tuple[Fields, tuple[Event, ...]]:
        time_s = observation.time_s
        right, left = self._eyes.update(observation, measured, viewed_deg)
        events = self._blinks.update(time_s, right, left, self._eyes.widths)
        for event in events:
            if event.kind in CLOSURES and (event.amplitude or 0.0) >= TEACHES_FROM:
                self._eyes.saw_closure(event.start_s, event.end_s)
        perclos_60, perclos_180 = self._p80.update(time_s, right, left)
        (perclos70_60,) = self._p70.update(time_s, right, left)
        rate, duration_s = self._blink_rate.update(time_s, right is not None or left is not None, events)
        return {
            "eye_right_openness": right, "eye_left_openness": left, "eyes_closed_s": self._blinks.closed_s,
            "perclos_60": perclos_60, "perclos_180": perclos_180, "perclos70_60": perclos70_60,
            "blink_rate_per_min": rate, "blink_duration_s": duration_s,
        }, events  # fmt: skip

    def _follow_mouth(
        self, observation: Observation, measured: Signals, eyes: Fields
    ) -> tuple[Fields, tuple[Event, ...]]:
        time_s, hidden = observation.time_s, mouth_hidden(observation, self.options.mouth)
        opening, smile, mouth_open = measured.mouth_opening, measured.smile, measured.mouth_open
        if hidden:
            opening = smile = mouth_open = None
        openness = self._mouth.update(time_s, opening)
        speaking, spoken = self._speech.update(time_s, opening)
        yawning, yawned = self._yawns.update(time_s, openness, speaking, smile, mouth_open)
        # By their points alone: a smile narrows eyes that the network goes on calling open.
        smiles, smiled = self._smiles.update(time_s, smile, *self._widths_of_open_eyes(eyes))
        return {
            "mouth_openness": openness, "speaking": speaking, "yawning": yawning,
            "smiling": smiles.smiling, "smile_eyes": smiles.eyes,
        }, (*spoken, *yawned, *smiled)  # fmt: skip

    def _widths_of_open_eyes(self, eyes: Fields) -> list[float | None]:
        openness = (eyes["eye_right_openness"], eyes["eye_left_openness"])
        return [
            None if x is None or x < NEARLY_SHUT else width
            for x, width in zip(openness, self._eyes.widths, strict=True)
        ]

    def _follow_head(self, observation: Observation) -> tuple[Fields, tuple[Event, ...]]:
        head = self._head.update(observation.time_s, observation.pose)
        gestures = self._gestures.update(observation.time_s, head)
        gaze = head_gaze(head)
        attention, glances = self._attention.update(observation.time_s, gaze)
        found: Fields = {
            "on_target": attention.on_target, "attention": attention.attention, "distracted": attention.distracted
        }  # fmt: skip
        if head is not None:
            found |= {"head_yaw_deg": head.yaw_deg, "head_pitch_deg": head.pitch_deg, "head_roll_deg": head.roll_deg}
        if gaze is not None:
            found |= {"gaze_yaw_deg": gaze.yaw_deg, "gaze_pitch_deg": gaze.pitch_deg, "gaze_source": gaze.source}
        return found, (*gestures, *glances)


def _longest_known(eyes: Fields) -> float | None:
    """PERCLOS P80 over three minutes, or one until those are known."""
    return eyes["perclos_60"] if eyes["perclos_180"] is None else eyes["perclos_180"]


def _neutral(profile: Profile) -> HeadAngles | None:
    """The profile's neutral head, if it holds all of it."""
    if profile.yaw_deg is None or profile.pitch_deg is None or profile.roll_deg is None:
        return None
    return HeadAngles(profile.yaw_deg, profile.pitch_deg, profile.roll_deg)
