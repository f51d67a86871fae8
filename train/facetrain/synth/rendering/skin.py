"""Procedural skin texture: a cylindrical map on which skin tones, brows, beard and lids are painted.

Every vertex keeps its position on the map (that of the mean head), so the texture moves with the face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats
from facetrain.synth.rendering.head_model import HeadModel

Rng = np.random.Generator
Colour = NDArray[np.float32]
"""(3,) BGR in 0..1, as displayed (not linear light)."""

MAP_PX = (1024, 640)
AXIS_Z_CM = 2.0
TOP_CM, PX_PER_CM = 15.0, 18.3
"""Height of the map's first row, and the map's scale along the head's axis."""
SKINS = np.array(
    [
        (190, 208, 240), (172, 195, 232), (150, 178, 222), (126, 160, 208), (98, 132, 186), (74, 104, 158),
        (52, 74, 118), (38, 54, 88),
    ],
    np.float32,
) / 255  # fmt: skip
"""BGR of lit skin from light to dark, spread like Fitzpatrick's six types."""
HAIRS = np.array(
    [(22, 22, 26), (28, 36, 52), (40, 62, 92), (76, 118, 158), (150, 160, 168), (44, 58, 118)], np.float32
) / 255  # fmt: skip
_SHIFT = 4


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Appearance of a person's skin, hair and eyes; colours are BGR in 0..1.

    brow_cover, beard, stubble, make_up, freckles, wrinkles: strengths 0..1.
    hairline_cm: height of the hairline in the middle of the forehead, in the model's y.
    """

    skin: Colour
    hair: Colour
    brow: Colour
    lip: Colour
    iris: Colour
    brow_cover: float
    brow_width: float
    beard: float
    stubble: float
    make_up: float
    freckles: float
    wrinkles: float
    hairline_cm: float
    seed: int


def random_look(rng: Rng) -> Look:
    tone = float(rng.uniform(0, len(SKINS) - 1))
    share = tone - int(tone)
    skin = SKINS[int(tone)] * (1 - share) + SKINS[min(int(tone) + 1, len(SKINS) - 1)] * share
    skin = np.clip(skin * rng.normal(1, 0.05) + rng.normal(0, 0.015, 3), 0.04, 0.97).astype(np.float32)
    dark = tone > 4 or rng.random() < 0.3
    hair = HAIRS[int(rng.integers(2)) if dark else int(rng.integers(len(HAIRS)))]
    hair = np.clip(hair * rng.normal(1, 0.15) + rng.normal(0, 0.01, 3), 0.02, 0.9).astype(np.float32)
    irises = np.array([(26, 42, 70), (22, 34, 52), (44, 72, 98), (122, 100, 72), (84, 98, 72)], np.float32) / 255
    bearded = rng.random() < 0.3
    made_up = rng.random() < 0.25 and not bearded
    lip = skin * [rng.uniform(0.62, 0.85), rng.uniform(0.58, 0.8), rng.uniform(0.85, 1.02)]
    if made_up:
        lip = 0.45 * lip + 0.55 * np.array([rng.uniform(0.1, 0.4), rng.uniform(0.05, 0.3), rng.uniform(0.4, 0.85)])
    return Look(
        skin=skin, hair=hair, brow=np.minimum(hair * rng.uniform(0.6, 1.0), 0.7 * skin).astype(np.float32),
        lip=lip.astype(np.float32),
        iris=irises[int(rng.integers(2 if dark else len(irises)))] * np.float32(rng.uniform(0.8, 1.3)),
        brow_cover=float(rng.uniform(0.35, 0.95)), brow_width=float(rng.uniform(0.35, 0.95)),
        beard=float(rng.uniform(0.3, 1)) if bearded and rng.random() < 0.6 else 0.0,
        stubble=float(rng.uniform(0.1, 0.6)) if bearded else 0.0,
        make_up=float(rng.uniform(0.3, 1)) if made_up else 0.0,
        freckles=float(rng.uniform(0.3, 1)) if rng.random() < 0.2 else 0.0,
        wrinkles=float(np.clip(rng.normal(0.2, 0.35), 0, 1)), hairline_cm=float(rng.normal(11.3, 0.7)),
        seed=int(rng.integers(2**31)),
    )  # fmt: skip


def map_px(points: NDArray[np.floating]) -> Floats:
    """Map (..., 3) cm on the mean head to (..., 2) map px: the angle around the head's axis and the height."""
    angle = np.arctan2(points[..., 0], points[..., 2] - AXIS_Z_CM)
    x = (angle / (2 * np.pi) + 0.5) * MAP_PX[0]
    y = (TOP_CM - points[..., 1]) * PX_PER_CM
    return np.stack([x, y], axis=-1).astype(np.float32)


def sample(canvas: Floats, at: Floats) -> Floats:
    """Sample an (H, W, C) map at (N, 2) px bilinearly; returns (N, C)."""
    if not len(at):
        return np.zeros((0, canvas.shape[2]), np.float32)
    rows = -(-len(at) // 4096)  # cv2.remap needs 2-D maps with sides up to 32767
    padded = np.zeros((rows * 4096, 2), np.float32)
    padded[: len(at)] = at
    grid = padded.reshape(rows, 4096, 2)
    sampled = cv2.remap(canvas, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled.reshape(rows * 4096, -1)[: len(at)], dtype=np.float32)


def hairline(angle: NDArray[np.floating], middle_cm: float) -> NDArray[np.floating]:
    """Return the hairline's height in cm at angles from the front in radians: forehead, temple, sideburn, nape."""
    degrees = np.rad2deg(np.abs(angle))
    heights = [middle_cm, middle_cm - 0.2, middle_cm - 1.2, 7.5, 4.0, 1.5, 5.0, 5.5, 0.5, -4.0, -5.0]
    return np.interp(degrees, [0, 20, 36, 50, 62, 74, 78, 105, 118, 140, 180], heights)


def paint(model: HeadModel, look: Look) -> Floats:
    """Paint the (H, W, 3) float32 BGR map of the skin."""
    rng = np.random.default_rng(look.seed)
    at = map_px(model.vertices[model.landmarks]).astype(np.float64)
    canvas = np.empty((MAP_PX[1], MAP_PX[0], 3), np.float32)
    canvas[:] = look.skin
    _tones(canvas, at, look, rng)
    _spots(canvas, at, look, rng)
    _wrinkles(canvas, at, look)
    _beard(canvas, at, look, rng)
    _lids(canvas, at, look)
    _nostrils(canvas, at, look)
    _brows(canvas, at, look, rng)
    _scalp(canvas, look, rng)
    return np.clip(canvas, 0, 1)


def noise(rng: Rng, cell: float, stretch: float = 1.0) -> Floats:
    """Return (H, W) smooth noise of unit deviation with blobs of `cell` px, `stretch` times as high as wide."""
    rolled = np.roll(_noise(cell, stretch), (int(rng.integers(MAP_PX[1])), int(rng.integers(MAP_PX[0]))), (0, 1))
    return -rolled if rng.random() < 0.5 else rolled


@lru_cache(maxsize=16)
def _noise(cell: float, stretch: float) -> Floats:
    """Return one noise field per blob size, shared by all heads (and shifted for each), since noise is costly."""
    width, height = max(2, round(MAP_PX[0] / cell)), max(2, round(MAP_PX[1] / cell / stretch))
    coarse = np.random.default_rng(round(cell * 100)).standard_normal((height, width)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, MAP_PX, interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _mask() -> NDArray[np.uint8]:
    return np.zeros((MAP_PX[1], MAP_PX[0]), np.uint8)


def _blend(canvas: Floats, colour: NDArray[np.floating], cover: NDArray[np.floating]) -> None:
    rows = np.flatnonzero(cover.any(axis=1))
    if not len(rows):
        return
    part = slice(rows[0], rows[-1] + 1)
    columns = np.flatnonzero(cover[part].any(axis=0))
    where = (part, slice(columns[0], columns[-1] + 1))
    canvas[where] += cover[where][..., None] * (np.asarray(colour, np.float32) - canvas[where])


def _spot(
    canvas: Floats, centre: NDArray[np.floating], radii: tuple[float, float], colour: Colour, share: float
) -> None:
    x0, y0 = (max(0, round(float(centre[axis] - 2.5 * radii[axis]))) for axis in (0, 1))
    part = canvas[y0 : round(centre[1] + 2.5 * radii[1]), x0 : round(centre[0] + 2.5 * radii[0])]
    across = np.exp(-(((np.arange(part.shape[1]) + x0 - centre[0]) / radii[0]) ** 2))
    down = np.exp(-(((np.arange(part.shape[0]) + y0 - centre[1]) / radii[1]) ** 2))
    _blend(part, colour, (share * down[:, None] * across).astype(np.float32))


def _coverage(lines: Sequence[NDArray[np.floating]], width: int, blur: float, closed: bool = False) -> Floats:
    """Return the (H, W) coverage 0..1 of lines or filled outlines."""
    mask = _mask()
    fixed = [np.rint(line * 2**_SHIFT).astype(np.int32) for line in lines]
    if closed:
        cv2.fillPoly(mask, fixed, 255, cv2.LINE_AA, _SHIFT)
    else:
        cv2.polylines(mask, fixed, False, 255, width, cv2.LINE_AA, _SHIFT)
    return _blur_near(mask, np.concatenate(lines), blur)


def _blur_near(mask: NDArray[np.uint8], near: NDArray[np.floating], blur: float) -> Floats:
    """Blur a mask to (H, W) 0..1 around the points (N, 2) it was drawn at only, which is faster."""
    margin = 4 * blur + 8
    x0, y0 = (max(0, int(v)) for v in near.min(axis=0) - margin)
    x1, y1 = (int(v) for v in near.max(axis=0) + margin)
    out = np.zeros(mask.shape, np.float32)
    soft = cv2.GaussianBlur(mask[y0:y1, x0:x1], (0, 0), blur)
    out[y0:y1, x0:x1] = soft.astype(np.float32) / 255
    return out


def _tones(canvas: Floats, at: NDArray[np.float64], look: Look, rng: Rng) -> None:
    """Paint redder cheeks and nose, darker eye sockets, blotches and pores."""
    red = look.skin * np.array([0.84, 0.82, 1.03], np.float32)
    dark = look.skin * np.array([0.72, 0.7, 0.78], np.float32)
    blush = float(rng.uniform(0.15, 0.6)) + 0.4 * look.make_up
    for eye, mouth in ((topology.RIGHT_EYE, topology.MOUTH_RIGHT), (topology.LEFT_EYE, topology.MOUTH_LEFT)):
        middle = at[list(eye)].mean(axis=0)
        _spot(canvas, (middle * 1.1 + at[mouth]) / 2.1 + [(middle[0] - at[27, 0]) * 0.25, 0], (50, 40), red, blush)
        _spot(canvas, middle + np.array([0, 14]), (46, 20), dark, float(rng.uniform(0.1, 0.45)))
        lid = (
            look.skin * 0.75
            if look.make_up == 0
            else (0.5 * look.skin + 0.5 * rng.uniform(0.1, 0.6)).astype(np.float32)
        )
        _spot(canvas, middle - [0, 11], (36, 13), lid, 0.25 + 0.35 * look.make_up)
    _spot(canvas, at[topology.NOSE_TIP], (34, 30), red, float(rng.uniform(0.1, 0.5)))
    for cell, strength in ((77, 0.03), (19, 0.018), (4, 0.02), (1.5, 0.02)):
        canvas *= (1 + np.float32(strength) * noise(rng, cell))[..., None]


def _spots(canvas: Floats, at: NDArray[np.float64], look: Look, rng: Rng) -> None:
    """Paint freckles and moles."""
    middle, mask = at[topology.NOSE_TIP - 1], _mask()
    for _ in range(int(260 * look.freckles) + int(rng.integers(0, 9))):
        x, y = middle + rng.normal(0, 1, 2) * (110, 60)
        cv2.circle(mask, (round(float(x)), round(float(y))), int(rng.integers(1, 3)), int(rng.integers(60, 200)), -1)
    soft = _blur_near(mask, middle + np.array([[-440, -240], [440, 240]]), 1.0)
    _blend(canvas, look.skin * np.array([0.45, 0.5, 0.62], np.float32), soft)


def _wrinkles(canvas: Floats, at: NDArray[np.float64], look: Look) -> None:
    lines = []
    for wing, corner, side in ((31, topology.MOUTH_RIGHT, -1), (35, topology.MOUTH_LEFT, 1)):
        start, end = at[wing] + [side * 12, -6], at[corner] + [side * 16, 10]
        lines.append(np.array([start, (start + end) / 2 + [side * 10, -4], end]))
    for height in (1.0, 1.7, 2.4):
        brow = at[[19, 21, 22, 24]]
        lines.append(brow - [0, height * PX_PER_CM])
    _blend(canvas, look.skin * 0.55, 0.6 * look.wrinkles * _coverage(lines, 2, 1.6))


def _beard(canvas: Floats, at: NDArray[np.float64], look: Look, rng: Rng) -> None:
    """Paint stubble or a beard on the jaw, the chin and the upper lip."""
    strength = max(look.beard, look.stubble)
    if strength == 0:
        return
    jaw, mouth = at[list(topology.JAW[2:-2])], at[[31, 48, 59, 58, 57, 56, 55, 54, 35]]
    outline = np.concatenate([jaw + np.array([0, 60]), mouth[::-1] + np.array([0, 6])])
    cover = _coverage([outline], 1, 12, closed=True)
    lips = at[list(topology.OUTER_LIPS)]
    cover *= 1 - _coverage([lips], 1, 2, closed=True)
    grain = np.clip(0.75 + 0.35 * noise(rng, 2.2, 2.5), 0, 1)
    colour = look.hair * 0.8 if look.beard else 0.5 * look.hair + 0.35 * look.skin
    _blend(canvas, colour, cover * grain * strength * (0.95 if look.beard else 0.75))


def _lids(canvas: Floats, at: NDArray[np.float64], look: Look) -> None:
    """Paint the darker edges of the lids (with make-up an eyeliner) and the upper lid's crease."""
    upper = [at[list(eye[:4])] for eye in (topology.RIGHT_EYE, topology.LEFT_EYE)]
    lower = [at[[eye[3], eye[4], eye[5], eye[0]]] for eye in (topology.RIGHT_EYE, topology.LEFT_EYE)]
    dark = look.skin * 0.35 * (1 - 0.8 * look.make_up)
    _blend(canvas, dark, (0.55 + 0.45 * look.make_up) * _coverage(upper, 3, 1.2))
    _blend(canvas, look.skin * np.array([0.5, 0.48, 0.65], np.float32), 0.5 * _coverage(lower, 2, 1.2))
    crease = [line[1:3] - [0, 9] for line in upper]
    _blend(canvas, look.skin * 0.6, 0.3 * _coverage(crease, 2, 2.0))


def _nostrils(canvas: Floats, at: NDArray[np.float64], look: Look) -> None:
    base = at[list(topology.NOSE_BASE)]
    for index in (1, 3):
        _spot(canvas, base[index] + [0, -2], (8, 4), look.skin * 0.3, 0.4)


def _brows(canvas: Floats, at: NDArray[np.float64], look: Look, rng: Rng) -> None:
    """Paint single hairs over a soft shade, thick near the nose and thin outside, leaning outwards."""
    mask = _mask()
    for brow, outer_first, side in ((topology.RIGHT_BROW, True, -1), (topology.LEFT_BROW, False, 1)):
        line = at[list(brow)] if not outer_first else at[list(brow)][::-1]  # from the nose outwards
        position = np.sort(rng.uniform(0, 1, 240))
        x, y = (np.interp(position, np.linspace(0, 1, 5), line[:, axis]) for axis in (0, 1))
        half = look.brow_width * PX_PER_CM * 0.5 * np.interp(position, [0, 0.15, 0.6, 1], [0.7, 1, 0.8, 0.2])
        y = y + rng.uniform(-1, 1, len(position)) * half
        lean = side * np.interp(position, [0, 0.3, 1], [1.5, 6.0, 8.0])
        rise = np.interp(position, [0, 0.3, 1], [-6.0, -3.0, 3.0])
        for start, end in zip(np.stack([x, y], 1), np.stack([x + lean, y + rise], 1), strict=True):
            ends = np.rint(np.stack([start, end]) * 2**_SHIFT).astype(int)
            cv2.line(mask, ends[0].tolist(), ends[1].tolist(), 255, 1, cv2.LINE_AA, _SHIFT)
    hairs = mask.astype(np.float32) / 255
    shade = _blur_near(mask, at[list(topology.RIGHT_BROW + topology.LEFT_BROW)] + np.array([[0, 12]]), 3.0)
    _blend(canvas, look.brow, np.clip(0.75 * hairs + 0.55 * shade, 0, 1) * look.brow_cover)


def _scalp(canvas: Floats, look: Look, rng: Rng) -> None:
    """Paint short hair above the hairline; thicker hair is geometry over it."""
    angle = (np.arange(MAP_PX[0]) / MAP_PX[0] - 0.5) * 2 * np.pi
    line = (TOP_CM - hairline(angle, look.hairline_cm)) * PX_PER_CM
    inside = (line[None, :] - np.arange(MAP_PX[1])[:, None]) / 12 + 0.6 * noise(rng, 3, 2)
    cover = np.clip(inside, 0, 1).astype(np.float32) * (0.92 - 0.1 * np.abs(noise(rng, 2.5, 3)))
    _blend(canvas, look.hair, np.clip(cover, 0, 1).astype(np.float32))
