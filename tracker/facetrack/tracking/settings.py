"""Options of a tracker from names, paths and numbers, as they are typed on the command line or in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from facetrack.errors import FacetrackError

if TYPE_CHECKING:
    from facetrack.tracking.gating import TrackerOptions

NO_SETTINGS: Mapping[str, Any] = MappingProxyType({})
OF_SIGNALS = ("profile", "fatigue_weights", "target_zone")
"""Names for `signals.choice.signal_options`."""


def chosen_options(options: TrackerOptions | None, settings: Mapping[str, Any] = NO_SETTINGS) -> TrackerOptions:
    """Return the options, or those made of settings. Raises TypeError for another type, FacetrackError for both."""
    from facetrack.tracking.gating import TrackerOptions

    if options is None:
        return tracker_options(**settings)
    if not isinstance(options, TrackerOptions):
        raise TypeError(
            f"`options` is {options!r}; expected a facetrack.TrackerOptions, such as TrackerOptions(max_faces=1)"
        )
    if settings:
        raise FacetrackError(f"both `options` and `{next(iter(settings))}` are given; put it into the TrackerOptions")
    return options


def tracker_options(*, fov_deg: float | None = None, **values: Any) -> TrackerOptions:
    """`TrackerOptions` from what was typed. Raises FacetrackError for a value that it does not take.

    fov_deg: horizontal field of view of the camera; None leaves it to the profile.
    values: fields of `TrackerOptions`; instead of `signals` also profile and fatigue_weights, paths, and target_zone,
        a name or two angles as text.
    """
    from facetrack.signals.choice import signal_options
    from facetrack.tracking.gating import TrackerOptions
    from facetrack.types import CameraModel

    of_signals = {name: values.pop(name) for name in OF_SIGNALS if name in values}
    names = [item.name for item in fields(TrackerOptions)]
    for name in values:
        if name not in names:
            known = ", ".join((*names, "fov_deg", *OF_SIGNALS))
            raise FacetrackError(f"there is no option `{name}` of a tracker; expected one of {known}")
    if of_signals:
        if "signals" in values:
            raise FacetrackError(f"both `signals` and `{next(iter(of_signals))}` are given; leave one of them out")
        values["signals"] = signal_options(**of_signals)
    if fov_deg is not None and values.get("camera") is not None:
        raise FacetrackError("both `camera` and `fov_deg` are given; leave one of them out")
    try:
        if fov_deg is not None:
            values["camera"] = CameraModel(fov_deg=fov_deg)
        return TrackerOptions(**values)
    except (TypeError, ValueError) as error:
        raise FacetrackError(str(error)) from error
