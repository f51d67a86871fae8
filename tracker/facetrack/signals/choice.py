"""Options of the signals from names and paths, as on the command line."""

from __future__ import annotations

from pathlib import Path

from facetrack.errors import FacetrackError
from facetrack.signals.options import SignalOptions
from facetrack.signals.fatigue import FatigueWeights
from facetrack.signals.head.attention import ZONES, AttentionOptions
from facetrack.signals.profile import NO_PROFILE, Profile


def signal_options(
    profile: str | Path | None = None, fatigue_weights: str | Path | None = None, target_zone: str | None = None
) -> SignalOptions:
    """Return the options of the signals. Raises SettingsError for a bad file, FacetrackError for a bad zone."""
    return SignalOptions(
        profile=NO_PROFILE if profile is None else Profile.load(Path(profile)),
        fatigue_weights=FatigueWeights.load(None if fatigue_weights is None else Path(fatigue_weights)),
        attention=zone("screen" if target_zone is None else target_zone),
    )


def zone(text: str) -> AttentionOptions:
    """Look up a zone's name, or parse "20,15" to 20 degrees to either side and 15 up and down."""
    if text in ZONES:
        return ZONES[text]
    try:
        yaw_deg, pitch_deg = (float(part) for part in text.split(","))
    except (ValueError, AttributeError):
        yaw_deg = pitch_deg = 0.0
    if not (0.0 < yaw_deg <= 90.0 and 0.0 < pitch_deg <= 90.0):
        raise FacetrackError(
            f"`target_zone` is {text!r}; expected {', '.join(ZONES)}, or two angles up to 90 degrees, such as 20,15"
        )
    return AttentionOptions((-yaw_deg, yaw_deg), (-pitch_deg, pitch_deg))
