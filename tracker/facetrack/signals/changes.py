"""Change of a face's profile while it is followed."""

from __future__ import annotations

from dataclasses import replace

from facetrack.signals.eyes.openness import EyeMeter
from facetrack.signals.face import FaceSignals, in_order, neutral_of
from facetrack.signals.head.neutral import NeutralHead
from facetrack.signals.mouth.openness import Mouth
from facetrack.signals.mouth.smile import Smiles
from facetrack.signals.profile import Profile
from facetrack.types import Event


def take_profile(signals: FaceSignals, profile: Profile) -> tuple[Event, ...]:
    """Go on with another profile: what it changes the levels of starts anew; returns the events that end so."""
    options, old = signals.options, signals.options.profile
    ended: tuple[Event, ...] = ()
    signals.options = replace(options, profile=profile)
    if neutral_of(old) != neutral_of(profile):
        signals._head = NeutralHead(options.head, neutral_of(profile))
    if old.mouth_closed != profile.mouth_closed:
        signals._mouth = Mouth(options.mouth, profile.mouth_closed)
    if (old.smile_rest, old.smile_full) != (profile.smile_rest, profile.smile_full):
        ended = in_order(tuple(signals._smiles.interrupt()))
        signals._smiles = Smiles(signals.track_id, options.smile, profile.smile_rest, profile.smile_full)
    if old.eye_levels != profile.eye_levels:
        signals._eyes = EyeMeter(options.eyes, profile)
    return ended
