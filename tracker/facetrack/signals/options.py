"""Options of all signals of a face."""

from __future__ import annotations

from dataclasses import dataclass, field

from facetrack.signals.eyes.blink import BlinkOptions
from facetrack.signals.eyes.lid_gap import GapOptions
from facetrack.signals.eyes.lid_options import LidEventOptions
from facetrack.signals.eyes.openness import EyeOptions
from facetrack.signals.fatigue import FatigueWeights
from facetrack.signals.head.attention import AttentionOptions
from facetrack.signals.head.away import AwayOptions
from facetrack.signals.head.gaze import GazeOptions
from facetrack.signals.head.gestures import GestureOptions
from facetrack.signals.head.neutral import HeadOptions
from facetrack.signals.mouth.openness import MouthOptions
from facetrack.signals.mouth.smile import SmileOptions
from facetrack.signals.mouth.speech import SpeechOptions
from facetrack.signals.mouth.yawn import YawnOptions
from facetrack.signals.profile import NO_PROFILE, Profile


@dataclass(frozen=True, slots=True)
class SignalOptions:
    """Options of all signals.

    profile: the person's, where one was calibrated (`Profile.load`).
    fatigue_weights: `FatigueWeights.load(path)`; the default file's if left out.
    The others: of each signal. Raises TypeError for a path instead of what it holds.
    """

    profile: Profile = NO_PROFILE
    fatigue_weights: FatigueWeights = field(default_factory=FatigueWeights.load)
    eyes: EyeOptions = field(default_factory=EyeOptions)
    blink: BlinkOptions = field(default_factory=BlinkOptions)
    gap: GapOptions = field(default_factory=GapOptions)
    lids: LidEventOptions = field(default_factory=LidEventOptions)
    mouth: MouthOptions = field(default_factory=MouthOptions)
    speech: SpeechOptions = field(default_factory=SpeechOptions)
    yawn: YawnOptions = field(default_factory=YawnOptions)
    smile: SmileOptions = field(default_factory=SmileOptions)
    head: HeadOptions = field(default_factory=HeadOptions)
    gestures: GestureOptions = field(default_factory=GestureOptions)
    attention: AttentionOptions = field(default_factory=AttentionOptions)
    away: AwayOptions = field(default_factory=AwayOptions)
    gaze: GazeOptions = field(default_factory=GazeOptions)

    def __post_init__(self) -> None:
        for name, kind in (("profile", Profile), ("fatigue_weights", FatigueWeights), ("attention", AttentionOptions)):
            if not isinstance(getattr(self, name), kind):
                raise TypeError(
                    f"`{name}` is {getattr(self, name)!r}; expected a {kind.__name__}; paths and names are for "
                    "FaceTracker.from_weights(profile=.., fatigue_weights=.., target_zone=..)"
                )
