"""Values of the signals of one face: frozen groups whose fields carry their unit, range and meaning.

This is the one table of signals. JSON lines, CSV columns, `read_jsonl`, schema.json and docs/signals.md are derived
from it (`sinks.fields`), so a field that is added here appears in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
"""Ekman's six and neutral, by the alphabet: the columns of an expression network's `probabilities`."""
_BOTH = (
    *("browDown", "browOuterUp", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp"),
    *("eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress", "mouthSmile"),
    *("mouthStretch", "mouthUpperUp", "noseSneer"),
)
_ONE = (
    *("browInnerUp", "cheekPuff", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthFunnel"),
    *("mouthLeft", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower"),
    *("mouthShrugUpper", "tongueOut"),
)
ARKIT_52 = tuple(sorted((*_ONE, *(f"{stem}{side}" for stem in _BOTH for side in ("Left", "Right")))))
"""ARKit's blendshapes by the alphabet (Apple, ARFaceAnchor.BlendShapeLocation); Left and Right are the person's."""
OTHER_SIDE = {
    name: next((name.removesuffix(a) + b for a, b in (("Left", "Right"), ("Right", "Left")) if name.endswith(a)), name)
    for name in ARKIT_52
}
"""What each is called in the mirror image."""
FATIGUE_LEVELS = ("alert", "tired", "drowsy")
FATIGUE_PARTS = ("perclos", "microsleeps", "long_blinks", "yawns", "nods", "awake")
GAZE_SOURCES, GAZE_QUALITIES = ("eyes", "head"), ("coarse", "calibrated")
LIDS = ("open", "narrowed", "lowered", "shut")
"""States of the lids of both eyes, from the eye network's lid gap (see `signals.eyes.lid_events`)."""
INFO = "facetrack"
"""Key of a field's `SignalInfo` in its dataclass metadata."""


@dataclass(frozen=True, slots=True)
class SignalInfo:
    """Description of one signal.

    meaning: what it measures.
    null: when it is None.
    was: its name in schema 1; `{side}` stands for right and left.
    unit: "" for shares, ratios, flags and words.
    low, high: its range; None where it has no bound.
    names: the values of a word, or the keys of a mapping.
    partial: a mapping may lack keys.
    """

    meaning: str
    null: str
    was: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    names: tuple[str, ...] = ()
    partial: bool = False


def _signal(meaning: str, null: str, was: str, **more: Any) -> Any:
    """Declare a dataclass field that is None where it cannot be known."""
    return field(default=None, metadata={INFO: SignalInfo(meaning, null, was, **more)})


def _share(meaning: str, null: str, was: str) -> Any:
    return _signal(meaning, null, was, low=0.0, high=1.0)


def _degrees(meaning: str, null: str, was: str) -> Any:
    return _signal(meaning, null, was, unit="deg", low=-180.0, high=180.0)


class _Group:
    """Base of the groups: a short text of what is known."""

    __slots__ = ()

    def __repr__(self) -> str:
        values = [(item.name, getattr(self, item.name)) for item in fields(self)]  # type: ignore[arg-type]
        known = [f"{name}={value:.2f}" if isinstance(value, float) else f"{name}={value}" for name, value in values
                 if value is not None]  # fmt: skip
        return f"{type(self).__name__}({', '.join(known)})"


@dataclass(frozen=True, slots=True, repr=False)
class EyeSignals(_Group):
    """One eye, right or left as the person has it."""

    openness: float | None = _share(
        "0 closed, 1 as open as this person's open eye", "eye turned away, covered or unsure", "eye_{side}_openness"
    )
    aspect_ratio: float | None = _signal(
        "eye aspect ratio: about .3 open, under .15 closed", "eye turned away or covered", "ear_{side}", low=0.0
    )
    open_prob: float | None = _share(
        "probability that it is not shut, by the eye network",
        "no eye network; eye turned away, covered or unsure",
        "eye_{side}_open",
    )
    gap: float | None = _signal(
        "lid gap over eye width, seen straight from ahead: 0 shut, about .3 open",
        "no eye network; eye turned away, covered or unsure", "", low=0.0,
    )  # fmt: skip
    covered_prob: float | None = _share("probability that the eye cannot be seen", "no eye network", "")
    gaze_yaw_deg: float | None = _degrees(
        "where this eye looks in the head, positive to the picture's right", "no eye network; eye covered, or no pose",
        "",
    )  # fmt: skip
    gaze_pitch_deg: float | None = _degrees("the same, positive up", "no eye network; eye covered, or no pose", "")
    gaze_sigma_deg: float | None = _signal(
        "one standard deviation of either, from picture to picture", "no eye network; eye covered, or no pose", "",
        unit="deg", low=0.0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class EyesSignals(_Group):
    """Both eyes, and what they do together."""

    right: EyeSignals = field(default_factory=EyeSignals)
    left: EyeSignals = field(default_factory=EyeSignals)
    lids: str | None = _signal(
        "open, narrowed (a squint, a laugh), lowered over a look down, or shut", "no eye network, or no eye known", "",
        names=LIDS,
    )  # fmt: skip
    closed_s: float | None = _signal(
        "time for which both have been closed, 0 while open", "no eye known", "eyes_closed_s", unit="s", low=0.0
    )
    blink_rate_per_min: float | None = _signal(
        "blinks per minute of known time, last 60 s", "under 20 s known", "blink_rate_per_min", unit="1/min", low=0.0
    )
    blink_duration_s: float | None = _signal(
        "mean duration of those blinks", "no blink, or under 20 s known", "blink_duration_s", unit="s", low=0.0
    )


@dataclass(frozen=True, slots=True, repr=False)
class MouthSignals(_Group):
    """The mouth and what it does."""

    openness: float | None = _share(
        "0 as closed as this person's mouth closes, 1 wide open", "mouth turned away or hidden", "mouth_openness"
    )
    aspect_ratio: float | None = _signal(
        "inner lip gap over mouth width: 0 closed, over .6 wide open",
        "mouth turned away or covered",
        "mouth_opening",
        low=0.0,
    )
    open_prob: float | None = _share(
        "how open the network reads it", "mouth turned away or covered, or network without it", "mouth_open"
    )
    speaking: bool | None = _signal("the mouth moves at the rhythm of speech", "hidden, or under 2 s known", "speaking")
    yawning: bool | None = _signal("a yawn is going on", "hidden, or came into view open", "yawning")


@dataclass(frozen=True, slots=True, repr=False)
class SmileSignals(_Group):
    """The smile, and whether the eyes take part in it."""

    prob: float | None = _share(
        "network's probability of a smile", "mouth turned away or covered, or network without it", "smile"
    )
    smiling: bool | None = _signal("smiles, compared with this face at rest", "mouth hidden", "smiling")
    eye_narrowing: float | None = _share(
        "narrowing of the eyes by the smile, 0 without one", "mouth hidden, or eyes unknown in a smile", "smile_eyes"
    )


@dataclass(frozen=True, slots=True, repr=False)
class HeadSignals(_Group):
    """Angles of the head relative to its neutral pose, with the signs of `types.Pose`."""

    yaw_deg: float | None = _degrees(
        "turn from straight ahead, positive to the picture's right",
        "neutral head not yet learnt, or pose unsure",
        "head_yaw_deg",
    )
    pitch_deg: float | None = _degrees(
        "the same up and down, positive up", "neutral head not yet learnt, or pose unsure", "head_pitch_deg"
    )
    roll_deg: float | None = _degrees(
        "the same, positive clockwise in the picture", "neutral head not yet learnt, or pose unsure", "head_roll_deg"
    )


@dataclass(frozen=True, slots=True, repr=False)
class GazeSignals(_Group):
    """Direction of the gaze relative to straight ahead, with the signs of `types.Pose`."""

    yaw_deg: float | None = _degrees(
        "direction of the gaze, positive to the picture's right", "head angles unknown", "gaze_yaw_deg"
    )
    pitch_deg: float | None = _degrees("the same, positive up", "head angles unknown", "gaze_pitch_deg")
    source: str | None = _signal(
        "what it is read from: the eyes, or the head alone", "gaze unknown", "gaze_source", names=GAZE_SOURCES
    )
    sigma_deg: float | None = _signal(
        "one standard deviation of either angle, with what all pictures of a person have in common",
        "gaze not read from the eyes", "", unit="deg", low=0.0,
    )  # fmt: skip
    quality: str | None = _signal(
        "coarse, or calibrated by `facetrack calibrate --gaze`", "gaze unknown", "", names=GAZE_QUALITIES
    )
    eyes_yaw_deg: float | None = _degrees("where both eyes look in the head, smoothed", "eyes not seen", "")
    eyes_pitch_deg: float | None = _degrees("the same, positive up", "eyes not seen", "")
    camera_yaw_deg: float | None = _degrees(
        "the same against the camera's axis, as `pose.yaw_deg`", "eyes not seen", ""
    )
    camera_pitch_deg: float | None = _degrees("the same, as `pose.pitch_deg`", "eyes not seen", "")
    screen_x: float | None = _signal(
        "place on the screen, share of its width from the left; beyond 0 to 1 beside it",
        "gaze not calibrated, or eyes not seen", "",
    )  # fmt: skip
    screen_y: float | None = _signal("the same of its height from the top", "gaze not calibrated, or eyes not seen", "")


@dataclass(frozen=True, slots=True, repr=False)
class AttentionSignals(_Group):
    """Attention to a target zone; no certified driver monitoring."""

    on_target: bool | None = _signal("the gaze lies in the target zone", "gaze unknown", "on_target")
    share: float | None = _share("share of the known last 60 s on target", "under 3 s known", "attention")
    distracted: bool | None = _signal("a distraction lasts", "gaze unknown", "distracted")


@dataclass(frozen=True, slots=True, repr=False)
class FatigueSignals(_Group):
    """Fatigue and what it is made of."""

    score: float | None = _share("sum of its parts, at most 1", "PERCLOS unknown", "fatigue")
    level: str | None = _signal(
        "alert, tired or drowsy, with hysteresis", "PERCLOS unknown", "fatigue_level", names=FATIGUE_LEVELS
    )
    parts: Mapping[str, float] | None = _signal(
        "contribution of each part, that of `awake` negative", "PERCLOS unknown", "fatigue_parts",
        low=-1.0, high=1.0, names=FATIGUE_PARTS,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Signals(_Group):
    """Everything that is measured of one face in one frame, in groups; None where it cannot be known."""

    eyes: EyesSignals = field(default_factory=EyesSignals)
    mouth: MouthSignals = field(default_factory=MouthSignals)
    smile: SmileSignals = field(default_factory=SmileSignals)
    head: HeadSignals = field(default_factory=HeadSignals)
    gaze: GazeSignals = field(default_factory=GazeSignals)
    attention: AttentionSignals = field(default_factory=AttentionSignals)
    fatigue: FatigueSignals = field(default_factory=FatigueSignals)
    perclos_p80_60s: float | None = _share(
        "share of the known last 60 s with eyes 80 % closed, blinks left out", "under 20 s known", "perclos_60"
    )
    perclos_p70_60s: float | None = _share("the same, 70 % closed", "under 20 s known", "perclos70_60")
    perclos_p80_180s: float | None = _share("80 % closed, over 180 s", "under 60 s known", "perclos_180")
    perclos_unknown_60s: float | None = _share(
        "share of the last 60 s that PERCLOS leaves out: eyes lowered, covered, turned away or not seen", "never", ""
    )
    glasses_prob: float | None = _share(
        "network's probability of glasses", "face turned away, or network without it", "glasses"
    )
    expression: Mapping[str, float] | None = _signal(
        "probabilities that sum to 1", "not asked for; face turned away, small or unsure", "expression",
        low=0.0, high=1.0, names=EXPRESSIONS,
    )  # fmt: skip
    blendshapes: Mapping[str, float] | None = _signal(
        "ARKit's blendshapes over this face at rest; what cannot be predicted is absent",
        "not asked for; face turned away, or no pose", "", low=0.0, high=1.0, names=ARKIT_52, partial=True,
    )  # fmt: skip

    @property
    def likeliest_expression(self) -> str | None:
        """Name of the most probable expression."""
        found = self.expression
        return None if found is None else max(found, key=lambda name: found[name])

    def __repr__(self) -> str:
        measures = {
            "right eye": self.eyes.right.openness, "left eye": self.eyes.left.openness, "mouth": self.mouth.openness,
            "smile": self.smile.prob, "fatigue": self.fatigue.score,
        }  # fmt: skip
        return f"Signals({', '.join(f'{name} {_text(value)}' for name, value in measures.items())})"


def _text(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
