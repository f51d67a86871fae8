"""Profile of one person and camera: levels of eyes, mouth, smile, head and gaze, and the lens; a small JSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from facetrack.errors import OutputError, SettingsError
from facetrack.signals.head.screen import GazeCalibration
from facetrack.types import CameraModel

FORMAT = 1
RETIRED = ("eye_right_open", "eye_left_open")
"""Levels that profiles held until November 2026: of a reading of the eyes that the landmark network no longer gives."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Levels of one person as a calibration found them; None for what is learnt while the face is tracked.

    ear_right_open, ear_right_closed, ear_left_open, ear_left_closed: eye aspect ratios of the open and the closed eye,
    head straight.
    mouth_closed: `mouth_opening` at rest. smile_rest, smile_full: the network's `smile` at rest and smiling, 0..1.
    yaw_deg, pitch_deg, roll_deg: the pose of the head that looks straight at the target, with the signs of `Pose`.
    camera: the lens of the camera that the person sits before; None assumes a webcam's.
    gaze: what five points on the screen showed (`facetrack calibrate --gaze`).
    Raises SettingsError for levels that are no numbers, and for an open eye that is not above the closed one.
    """

    ear_right_open: float | None = None
    ear_right_closed: float | None = None
    ear_left_open: float | None = None
    ear_left_closed: float | None = None
    mouth_closed: float | None = None
    smile_rest: float | None = None
    smile_full: float | None = None
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None
    camera: CameraModel | None = None
    gaze: GazeCalibration | None = None

    def __post_init__(self) -> None:
        for name, value in _numbers(self):
            # A bool is an int to Python, but not a level to anybody.
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise SettingsError(f"profile: {name} is {value!r}; expected a number or null")
            if value is not None and not math.isfinite(value):
                raise SettingsError(f"profile: {name} is {value}; expected a finite number or null")
        pairs = (("ear_right", self.ear_right_open, self.ear_right_closed),
                 ("ear_left", self.ear_left_open, self.ear_left_closed))  # fmt: skip
        for name, opened, closed in pairs:
            if opened is not None and opened <= max(0.0, closed or 0.0):
                raise SettingsError(
                    f"profile: {name}_open is {opened}, {name}_closed {closed}; expected the open eye to be above the "
                    "closed one; calibrate again"
                )

    @property
    def eye_levels(self) -> tuple[float | None, ...]:
        """The levels of the eyes."""
        return self.ear_right_open, self.ear_right_closed, self.ear_left_open, self.ear_left_closed

    def save(self, path: str | Path) -> None:
        """Write a JSON file; on any failure the old one stays. Raises OutputError."""
        path = Path(path)
        draft = path.with_name(path.name + ".part")
        text = json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n"
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise OutputError(f"{path} cannot be written: {error.strerror or error}; give another place") from error

    def to_json(self) -> dict[str, Any]:
        """Return the object that `save` writes."""
        levels = asdict(self)
        if self.camera is not None:
            levels["camera"] = {name: value for name, value in asdict(self.camera).items() if value is not None}
        return {"profile": FORMAT, **levels}

    @classmethod
    def load(cls, path: str | Path) -> Profile:
        """Read what `save` wrote. Raises SettingsError."""
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{path} cannot be read ({error.strerror}); give a profile's path") from error
        except (ValueError, RecursionError) as error:
            line = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
            raise SettingsError(
                f"{path} is no JSON file{line}; expected a profile: make one with `facetrack calibrate`"
            ) from error
        if not isinstance(found, dict) or found.pop("profile", None) != FORMAT:
            raise SettingsError(f'{path}: expected a profile with "profile": {FORMAT} in it; calibrate again')
        for name in RETIRED:
            found.pop(name, None)
        if unknown := sorted(set(found) - {field.name for field in fields(cls)}):
            raise SettingsError(f"{path}: unknown entries {', '.join(unknown)}; take them out or calibrate again")
        try:
            return cls(**{**found, "camera": _camera(found.get("camera")), "gaze": _gaze(found.get("gaze"))})
        except SettingsError as error:
            raise SettingsError(f"{path}: {error}") from error


def _numbers(profile: Profile) -> Iterator[tuple[str, object]]:
    """Every level by its name, the camera's as `camera.fx`."""
    for item in fields(profile):
        value = getattr(profile, item.name)
        if isinstance(value, GazeCalibration):
            continue  # it has checked itself
        if isinstance(value, CameraModel):
            yield from ((f"camera.{part.name}", getattr(value, part.name)) for part in fields(value))
        else:
            yield item.name, value


def _camera(found: object) -> CameraModel | None:
    """Read the entry `camera` of a profile's file. Raises SettingsError."""
    if found is None:
        return None
    names = [item.name for item in fields(CameraModel)]
    if not isinstance(found, dict) or not found or set(found) - set(names):
        raise SettingsError(f"profile: camera is {found!r}; expected fov_deg, or fx with any of {', '.join(names[2:])}")
    try:
        return CameraModel(**found)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"profile: camera: {error}; calibrate again, or correct it by hand") from error


def _gaze(found: object) -> GazeCalibration | None:
    """Read the entry `gaze` of a profile's file. Raises SettingsError."""
    if found is None:
        return None
    try:
        assert isinstance(found, dict)
        right, left = (None if found[n] is None else _numbers_of(found[n], 2) for n in ("right_deg", "left_deg"))
        first, second = (_numbers_of(row, 3) for row in found["to_screen"])
        return GazeCalibration(right, left, (first, second), found["sigma_deg"])
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            f"profile: gaze is {found!r}; expected right_deg, left_deg, to_screen and sigma_deg as "
            "`facetrack calibrate --gaze` writes them; calibrate the gaze again"
        ) from error


def _numbers_of(found: object, count: int) -> Any:
    """Return a list's numbers as a tuple. Raises TypeError or ValueError for anything else."""
    if not isinstance(found, list | tuple) or len(found) != count:
        raise ValueError(f"{found!r}; expected {count} numbers")
    return tuple(found)


NO_PROFILE = Profile()
"""Nothing known beforehand."""
