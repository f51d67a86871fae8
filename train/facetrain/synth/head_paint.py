"""Skin texture of a parametric head: an image over its face plane, painted around its 68 points."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.topology import INNER_LIPS, JAW, LEFT_EYE, NOSE_BASE, OUTER_LIPS, RIGHT_EYE
from facetrack.types import Image
from facetrain.synth.head_shape import X_MM, Y_MM, HeadShape

Array = NDArray[np.float64]
Rng = np.random.Generator
Colour = tuple[float, float, float]

PX_PER_MM = 1.6
SIZE = (round((X_MM[1] - X_MM[0]) * PX_PER_MM) + 1, round((Y_MM[1] - Y_MM[0]) * PX_PER_MM) + 1)
"""(width, height) px of the painted plane; the centre of its pixel (0, 0) is at (X_MM[0], Y_MM[0])."""
SKINS: tuple[Colour, ...] = (
    (186, 208, 240), (170, 195, 232), (150, 178, 222), (126, 160, 208), (98, 132, 186), (74, 104, 158), (52, 74, 118),
    (38, 54, 88),
)  # fmt: skip
"""BGR of lit skin from light to dark, spread like Fitzpatrick's six types."""
HAIRS: tuple[Colour, ...] = ((22, 22, 26), (30, 40, 60), (40, 66, 100), (80, 130, 170), (150, 160, 168), (48, 60, 120))
IRISES: tuple[Colour, ...] = ((30, 48, 78), (40, 74, 104), (150, 120, 80), (90, 110, 70))
_SHIFT = 4


def paint(shape: HeadShape, rng: Rng) -> tuple[Image, NDArray[np.uint8], Colour]:
    """Paint a head; return (H, W, 3) unlit BGR, an (H, W) mask with 255 on the head, and the skin's colour."""
    points = _to_px(shape.points[:, :2])
    skin = _jitter(SKINS[int(rng.integers(len(SKINS)))], rng)
    hair = _jitter(HAIRS[int(rng.integers(len(HAIRS)))], rng)
    canvas = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    canvas[:] = np.array(skin, np.uint8)
    _blush(canvas, points, rng)
    if rng.random() < 0.25:
        _beard(canvas, points, hair, rng)
    _nose(canvas, points)
    _mouth(canvas, points, shape, rng)
    iris = IRISES[int(rng.integers(len(IRISES)))]
    for eye in (RIGHT_EYE, LEFT_EYE):
        _eye(canvas, points[list(eye)], shape.gaze * PX_PER_MM, iris, skin)
    _brows(canvas, points, hair, rng)
    face = _face_outline(points)
    head = _hair(canvas, face, hair, rng)
    if rng.random() < 0.22:
        _glasses(canvas, points, rng)
    return _add_blotches(canvas, rng), head, skin


def _to_px(mm: Array) -> Array:
    return (mm - (X_MM[0], Y_MM[0])) * PX_PER_MM


def _jitter(colour: Colour, rng: Rng) -> Colour:
    blue, green, red = np.clip(np.array(colour) * rng.normal(1, 0.06) + rng.normal(0, 5, 3), 8, 250)
    return float(blue), float(green), float(red)


def _shade(colour: Colour, factor: float, red: float = 0.0) -> Colour:
    return colour[0] * factor, colour[1] * factor, min(255.0, colour[2] * factor + red)


def smooth(line: Array, closed: bool = False, steps: int = 6) -> Array:
    """Return a Catmull-Rom curve through the points of a line (N, 2)."""
    if closed:
        padded = np.concatenate([line[-1:], line, line[:2]])
    else:
        padded = np.concatenate([2 * line[:1] - line[1:2], line, 2 * line[-1:] - line[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    a, b, c, d = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    points = curve.transpose(1, 0, 2).reshape(-1, 2)
    return points if closed else np.concatenate([points, line[-1:]])


def fixed(line: Array) -> NDArray[np.int32]:
    """Convert to OpenCV's fixed-point coordinates with 4 fractional bits."""
    return np.rint(line * 2**_SHIFT).astype(np.int32)


def fill(canvas: NDArray[np.uint8], outline: Array, colour: Colour | float) -> None:
    cv2.fillPoly(canvas, [fixed(outline)], colour, cv2.LINE_AA, _SHIFT)


def _stroke(canvas: Image, line: Array, colour: Colour, width: int) -> None:
    cv2.polylines(canvas, [fixed(line)], False, colour, width, cv2.LINE_AA, _SHIFT)


def _tint(canvas: Image, centre: Array, radii: tuple[float, float], colour: Colour, share: float) -> None:
    """Blend a soft spot of colour into the canvas."""
    x, y = (round(float(v)) for v in centre)
    rx, ry = (max(2, round(r * PX_PER_MM)) for r in radii)
    x0, y0 = max(0, x - 2 * rx), max(0, y - 2 * ry)
    part = canvas[y0 : y + 2 * ry + 1, x0 : x + 2 * rx + 1]
    rows, columns = np.ogrid[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]]
    cover = share * np.exp(-(((columns - x) / rx) ** 2) - ((rows - y) / ry) ** 2)[..., None]
    part[:] = (part + cover * (np.array(colour) - part)).astype(np.uint8)


def _blush(canvas: Image, points: Array, rng: Rng) -> None:
    skin = tuple(float(v) for v in canvas[0, 0])
    cheeks = _shade((skin[0], skin[1], skin[2]), 0.92, 22)
    sockets = _shade((skin[0], skin[1], skin[2]), 0.72)
    for eye, mouth in ((RIGHT_EYE, topology.MOUTH_RIGHT), (LEFT_EYE, topology.MOUTH_LEFT)):
        middle = points[list(eye)].mean(axis=0)
        _tint(canvas, (middle + 1.2 * points[mouth]) / 2.2 - (0, 10), (16, 14), cheeks, rng.uniform(0.1, 0.6))
        _tint(canvas, middle - (0, 3), (19, 12), sockets, rng.uniform(0.2, 0.6))


def _nose(canvas: Image, points: Array) -> None:
    skin = tuple(float(v) for v in canvas[0, 0])
    dark = _shade((skin[0], skin[1], skin[2]), 0.45)
    base = points[list(NOSE_BASE)]
    for index, inward in ((1, -1.2), (3, 1.2)):
        centre = base[index] + [inward * PX_PER_MM, -0.5 * PX_PER_MM]
        cv2.ellipse(canvas, (round(centre[0]), round(centre[1])), (6, 3), 0, 0, 360, dark, -1, cv2.LINE_AA)
    for wing, side in ((base[0], -1), (base[4], 1)):
        curl = wing + np.array([(side * -1, -9), (side * 2, -4), (side * 1.5, 0), (side * -2, 2)]) * PX_PER_MM
        _stroke(canvas, smooth(curl), _shade((skin[0], skin[1], skin[2]), 0.7), 2)
    _tint(canvas, base[2] + [0, 3], (11, 4), dark, 0.35)


def _mouth(canvas: Image, points: Array, shape: HeadShape, rng: Rng) -> None:
    skin = tuple(float(v) for v in canvas[0, 0])
    lip = _shade((skin[0], skin[1], skin[2]), rng.uniform(0.62, 0.85), rng.uniform(0, 40))
    outer, inner = points[list(OUTER_LIPS)], points[list(INNER_LIPS)]
    for corner, side in ((0, -1), (len(OUTER_LIPS) // 2, 1)):
        fold = np.array([points[NOSE_BASE[0 if side < 0 else -1]] + [side * 5, 0], outer[corner] + [side * 10, 2]])
        if shape.smile > 0.25:
            _stroke(canvas, fold, _shade((skin[0], skin[1], skin[2]), 0.85), 2)
    fill(canvas, smooth(outer, closed=True), lip)
    inside = smooth(inner, closed=True)
    fill(canvas, inside, (34, 26, 58))
    mouth = np.zeros(canvas.shape[:2], np.uint8)
    fill(mouth, inside, 255)
    teeth, tongue = canvas.copy(), inner.mean(axis=0)
    width = float(np.ptp(inner[:, 0]))
    upper = np.concatenate(
        [inner[: len(inner) // 2 + 1], inner[: len(inner) // 2 + 1][::-1] + np.array((0, 7 * PX_PER_MM))]
    )
    fill(teeth, upper, (205, 222, 228))
    if shape.opening > 0.3:
        low = inner[len(inner) // 2 + 2]
        axes = (round(width * 0.3), round(8 * PX_PER_MM))
        cv2.ellipse(teeth, (round(tongue[0]), round(low[1])), axes, 0, 0, 360, (92, 86, 168), -1, cv2.LINE_AA)
    canvas[mouth > 127] = teeth[mouth > 127]
    middle = len(inner) // 2
    _stroke(canvas, smooth(inner[: middle + 1]), _shade(lip, 0.5), 2)


def _eye(canvas: Image, eye: Array, gaze: Array, iris: Colour, skin: Colour) -> None:
    """Paint an eye.

    eye: (6, 2) corner, upper, upper, corner, lower, lower.
    """
    upper, lower = smooth(eye[:4]), smooth(np.concatenate([eye[3:], eye[:1]]))
    outline = np.concatenate([upper, lower])
    mask = np.zeros(canvas.shape[:2], np.uint8)
    fill(mask, outline, 255)
    ball = canvas.copy()
    fill(ball, outline, (215, 220, 226))
    width = float(np.linalg.norm(eye[3] - eye[0]))
    middle = (eye[0] + eye[3]) / 2 + gaze + [0, -0.06 * width]
    centre, radius = (round(middle[0]), round(middle[1])), max(3, round(0.215 * width))
    cv2.circle(ball, centre, radius, iris, -1, cv2.LINE_AA)
    cv2.circle(ball, centre, radius, _shade(iris, 0.45), 1, cv2.LINE_AA)
    cv2.circle(ball, centre, max(1, round(0.42 * radius)), (12, 12, 14), -1, cv2.LINE_AA)
    cv2.circle(ball, (centre[0] - radius // 3, centre[1] - radius // 3), max(1, radius // 4), (250, 250, 250), -1)
    cover = (mask.astype(np.float32) / 255)[..., None]
    x, y, w, h = cv2.boundingRect(fixed(outline) >> _SHIFT)
    part = (slice(max(y - 2, 0), y + h + 3), slice(max(x - 2, 0), x + w + 3))
    canvas[part] = (canvas[part] * (1 - cover[part]) + ball[part] * cover[part]).astype(np.uint8)
    _stroke(canvas, upper, _shade(skin, 0.28), 3)
    _stroke(canvas, lower, _shade(skin, 0.62), 1)
    crease = upper - [0, 0.17 * width]
    _stroke(canvas, crease[2:-2], _shade(skin, 0.75), 1)


def _brows(canvas: Image, points: Array, hair: Colour, rng: Rng) -> None:
    thick = float(rng.uniform(2.0, 5.0)) * PX_PER_MM
    colour = _shade(hair, 0.9)
    for brow, inner_end in ((topology.RIGHT_BROW, -1), (topology.LEFT_BROW, 0)):
        line = smooth(points[list(brow)])
        swell = np.linspace(0.35, 1.0, len(line)) if inner_end else np.linspace(1.0, 0.35, len(line))
        half = np.stack([np.zeros(len(line)), swell * thick / 2], axis=1)
        patch = canvas.copy()
        fill(patch, np.concatenate([line - half, (line + half)[::-1]]), colour)
        cv2.addWeighted(patch, 0.8, canvas, 0.2, 0, dst=canvas)


def _beard(canvas: Image, points: Array, hair: Colour, rng: Rng) -> None:
    jaw = points[list(JAW[2:-2])]
    mouth = points[list(OUTER_LIPS)].mean(axis=0)
    inner = mouth + (jaw - mouth) * [0.55, 0.12]
    cover = np.zeros(canvas.shape[:2], np.uint8)
    fill(cover, np.concatenate([jaw * [1, 1] + [0, 20], inner[::-1]]), 255)
    soft = cv2.GaussianBlur(cover, (0, 0), 7).astype(np.float32) / 255 * rng.uniform(0.25, 0.8)
    grain = rng.uniform(0.6, 1.0, canvas.shape[:2]).astype(np.float32)
    share = (soft * grain)[..., None]
    canvas[:] = (canvas * (1 - share) + np.array(hair) * share).astype(np.uint8)


def _face_outline(points: Array) -> Array:
    """Return the jaw line, closed over the forehead by half an ellipse."""
    jaw = points[list(JAW)]
    right, left = jaw[0], jaw[-1]
    middle, half = (right + left) / 2, (left[0] - right[0]) / 2
    angle = np.linspace(0, np.pi, 14)[1:-1]
    top = middle + np.stack([half * np.cos(angle), -78 * PX_PER_MM * np.sin(angle)], axis=1)
    return np.concatenate([smooth(jaw), top])


def _hair(canvas: Image, face: Array, hair: Colour, rng: Rng) -> NDArray[np.uint8]:
    """Paint the hair around the face; return the head mask."""
    skin = np.zeros(canvas.shape[:2], np.uint8)
    fill(skin, face, 255)
    skull = np.zeros_like(skin)
    centre = _to_px(np.array([[0.0, -20.0]]))[0]
    bald = rng.random() < 0.15
    axes = (round((82 if bald else 87) * PX_PER_MM), round((86 if bald else 94) * PX_PER_MM))
    cv2.ellipse(skull, (round(centre[0]), round(centre[1])), axes, 0, 180, 360, 255, -1, cv2.LINE_AA)
    streaks = rng.uniform(0.7, 1.2, (1, SIZE[0] // 2)).astype(np.float32)
    pattern = cv2.resize(streaks, SIZE, interpolation=cv2.INTER_LINEAR)[..., None] * np.array(hair, np.float32)
    # The hairline is an ellipse around the face; a fringe may reach down to the brows.
    line = np.full_like(skin, 255)
    open_face = _to_px(np.array([[rng.normal(0, 8), 25.0]]))[0]
    height = rng.uniform(66, 92)
    size = (round(rng.uniform(66, 80) * PX_PER_MM), round(height * PX_PER_MM))
    cv2.ellipse(line, (round(open_face[0]), round(open_face[1])), size, 0, 0, 360, 0, -1, cv2.LINE_AA)
    line[round(_to_px(np.array([[0.0, rng.uniform(0, 40)]]))[0, 1]) :] = 0
    cover = (cv2.GaussianBlur(line, (0, 0), 2.0).astype(np.float32) / 255)[..., None]
    if not bald:
        canvas[:] = (canvas * (1 - cover) + np.clip(pattern, 0, 255) * cover).astype(np.uint8)
    return np.maximum(skin, skull)


def _glasses(canvas: Image, points: Array, rng: Rng) -> None:
    colour = _jitter(((20, 20, 24), (60, 60, 66), (40, 56, 92))[int(rng.integers(3))], rng)
    thick, box = int(rng.integers(2, 6)), rng.uniform(0.0, 1.0)
    radii = (round(rng.uniform(19, 24) * PX_PER_MM), round(rng.uniform(14, 20) * PX_PER_MM))
    middles = [points[list(eye)].mean(axis=0) - (0, -3) for eye in (RIGHT_EYE, LEFT_EYE)]
    for middle in middles:
        corner = np.array([-radii[0], -radii[1]])
        if box > 0.5:
            low, high = np.rint(middle + corner).astype(int), np.rint(middle - corner).astype(int)
            cv2.rectangle(canvas, (int(low[0]), int(low[1])), (int(high[0]), int(high[1])), colour, thick, cv2.LINE_AA)
        else:
            cv2.ellipse(canvas, (round(middle[0]), round(middle[1])), radii, 0, 0, 360, colour, thick, cv2.LINE_AA)
    bridge = np.array([middles[0] + [radii[0], -4], middles[1] + [-radii[0], -4]])
    _stroke(canvas, bridge, colour, thick)
    for middle, side in zip(middles, (-1, 1), strict=True):
        start = middle - (-side * radii[0], 4)
        _stroke(canvas, np.array([start, start - (-side * 60, 2)]), colour, thick)


def _add_blotches(canvas: Image, rng: Rng) -> Image:
    """Add blotches of the skin tone."""
    coarse = rng.normal(1.0, 0.035, (SIZE[1] // 24, SIZE[0] // 24, 1)).astype(np.float32)
    blotch = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(canvas * blotch, 0, 255).astype(np.uint8)
