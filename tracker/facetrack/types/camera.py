"""Pinhole camera model: a field of view, or intrinsics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

DEFAULT_FOV_DEG = 60.0
"""Assumed field of view across the longer side: webcams and phones lie between 55 and 75 degrees."""


@dataclass(frozen=True, slots=True, repr=False)
class CameraModel:
    """Pinhole camera, as far as it is known: a field of view, or intrinsics.

    fov_deg: horizontal field of view, degrees across the width of the upright picture. Without it and without fx a
        webcam's is assumed: DEFAULT_FOV_DEG across the longer side, so that a camera held upright keeps its lens.
    fx, fy: focal lengths, px; fy is taken from fx where it is left out.
    cx, cy: principal point, px, pixel centres at integers; the picture's centre where it is left out.
    width, height: px of the pictures for which those hold; left out, of whatever picture comes. Others are scaled, and
        of another aspect ratio taken for the middle of those, cut off; of a camera turned upright, axes are swapped.
    Raises ValueError where these do not make a camera, TypeError for what is no number.
    """

    fov_deg: float | None = None
    fx: float | None = None
    fy: float | None = None
    cx: float | None = None
    cy: float | None = None
    width: float | None = None
    height: float | None = None

    def __post_init__(self) -> None:
        for name, value in ((name, getattr(self, name)) for name in self.__slots__):
            if not (value is None or _is_number(value)):
                raise TypeError(f"{name} is {value!r}; expected a number")
            if value is not None and not (math.isfinite(value) and (value > 0.0 or name in ("cx", "cy"))):
                raise ValueError(f"{name} is {value}; expected a number above 0")
        if self.fov_deg is not None and self.fov_deg >= 180.0:
            raise ValueError(f"fov_deg is {self.fov_deg}; expected a horizontal field of view under 180 degrees")
        if self.fov_deg is not None and self.fx is not None:
            raise ValueError("both fov_deg and fx are given; expected one of them: leave one out")
        if self.fx is None and any(x is not None for x in (self.fy, self.cx, self.cy, self.width, self.height)):
            raise ValueError("fy, cx, cy, width or height is given without fx; expected fx with them")

    def __repr__(self) -> str:
        known = [f"{name}={value:g}" for name in self.__slots__ if (value := getattr(self, name)) is not None]
        return f"CameraModel({', '.join(known)})"

    def intrinsics(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return (fx, fy, cx, cy) in px for pictures of this size, (width, height) px."""
        width, height = size
        centre_x, centre_y = (width - 1) / 2.0, (height - 1) / 2.0
        if self.fx is None:
            across = (max(width, height), DEFAULT_FOV_DEG) if self.fov_deg is None else (width, self.fov_deg)
            focal = across[0] / 2.0 / math.tan(math.radians(across[1]) / 2.0)
            return focal, focal, centre_x, centre_y
        fx, fy = self.fx, self.fx if self.fy is None else self.fy
        own_width, own_height = self.width or width, self.height or height
        if self.width and self.height and (width - height) * (self.width - self.height) < 0:
            # Which way it was turned is unknown: the principal point is taken in the middle.
            scale = max(width / own_height, height / own_width)
            return scale * fy, scale * fx, centre_x, centre_y
        scale = width / own_width if self.height is None else max(width / own_width, height / own_height)
        cx = centre_x if self.cx is None else centre_x + scale * (self.cx - (own_width - 1) / 2.0)
        cy = centre_y if self.cy is None else centre_y + scale * (self.cy - (own_height - 1) / 2.0)
        return scale * fx, scale * fy, cx, cy

    def horizontal_fov_deg(self, size: tuple[int, int]) -> float:
        """Degrees across the width of pictures of this size."""
        fx = self.intrinsics(size)[0]
        return math.degrees(2.0 * math.atan(size[0] / 2.0 / fx))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
