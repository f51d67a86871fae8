"""A morphable head fitted to labelled 2-D points of many faces at once: weak perspective, robust least squares, Adam.

Points are given as linear combinations of the head's points, so that another scheme's labels can be fitted as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetrack import topology
from facetrack.angles import rotation_from_deg
from facetrack.types import Floats
from facetrain.synth.rendering.camera import MODEL_TO_CAMERA
from facetrain.synth.rendering.head_model import HeadModel

Array = NDArray[np.float64]

IDENTITIES = 20
EXPRESSIONS = (
    "jawOpen", "mouthSmile_L", "mouthSmile_R", "mouthPucker", "mouthFunnel", "eyeBlink_L", "eyeBlink_R",
    "browDown_L", "browDown_R", "browOuterUp_L", "browOuterUp_R", "browInnerUp_L", "browInnerUp_R",
)  # fmt: skip
EAR_LOBE_CM = (6.95, -1.24, 2.22)
"""The left ear lobe in the model's axes."""
N_HEAD_POINTS = topology.N_POINTS + 2
"""The 68 and the two ear lobes, right and left."""

PITCHES_DEG, ROLLS_DEG = (-30, -15, 0, 15, 30), tuple(range(-60, 61, 12))
EXPRESSION_SPREAD = 0.4
"""Standard deviation of an expression's coefficient in the prior; an identity's is 1."""
POINT_SPREAD = 0.012
"""Standard deviation of a labelled point about the model, in the labels' extent."""
OUTLIER = 0.03
"""Error, in the labels' extent, from which it counts linearly (Huber)."""
NEGATIVE_EXPRESSION = 8.0
"""Weight of the square of a negative coefficient of an expression: expressions run from 0 to 1."""
RATES = (0.03, 0.01, 0.08)
"""Adam's learning rates of the turn (rad), of scale and shift, and of the coefficients."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadBasis:
    """Points of a linear head model, in cm in the head's axes as the camera sees them: x right, y down, z away.

    The origin is midway between the eyes.
    mean: (70, 3) of the mean head. offsets: (B, 70, 3) per coefficient, identities before expressions.
    """

    mean: Array
    offsets: Array


@dataclass(frozen=True, slots=True, eq=False)
class HeadFit:
    """N fitted heads.

    rotation: (N, 3, 3) head to camera. points: (N, 70, 2) px. scale: (N,) px per cm.
    residual: (N,) root mean square error of the fitted combinations over the extent of the 68 points.
    """

    rotation: Floats
    points: Floats
    scale: Floats
    residual: Floats


def head_basis(model: HeadModel, jaw_offset_cm: NDArray[np.floating] | None = None) -> HeadBasis:
    """jaw_offset_cm: (17, 3) added to the jaw's points, in the axes of `HeadBasis` (see `labelling.jaw`)."""
    lobes = [
        int(np.linalg.norm(model.vertices - np.array([side * EAR_LOBE_CM[0], *EAR_LOBE_CM[1:]]), axis=1).argmin())
        for side in (-1, 1)
    ]

    def points(shaped: NDArray[np.floating]) -> Array:
        return np.concatenate([model.points68(shaped), shaped[lobes].astype(np.float64)])

    names = list(model.expression_names)
    moves = [*model.identity[:IDENTITIES], *(model.expression[names.index(name)] for name in EXPRESSIONS)]
    mean = (points(model.vertices) - model.origin) @ MODEL_TO_CAMERA
    if jaw_offset_cm is not None:
        mean[list(topology.JAW)] += jaw_offset_cm
    return HeadBasis(mean, np.stack([points(move) @ MODEL_TO_CAMERA for move in moves]))


def of_points68() -> Floats:
    """(68, 70) combinations for labels that are the 68 points themselves."""
    return np.eye(N_HEAD_POINTS, dtype=np.float32)[: topology.N_POINTS]


def fit_heads(
    basis: HeadBasis,
    combinations: Floats,
    labels: Floats,
    weight: Floats,
    yaws_deg: NDArray[np.floating],
    steps: int = 200,
) -> HeadFit:
    """Fit one head to each face.

    combinations: (M, 70) the labelled points as combinations of the head's. labels: (N, M, 2) px, NaN where unknown.
    weight: (M,) or (N, M). yaws_deg: (N, Y) yaw angles to start from; pitches and rolls are tried on a grid.
    """
    known = np.isfinite(labels).all(axis=2)
    problem = _Problem(
        torch.tensor(combinations @ basis.mean.astype(np.float32), dtype=torch.float32),
        torch.einsum("mk,bkd->bmd", _t(combinations), _t(basis.offsets)),
        _t(labels).nan_to_num(),
        _t(np.broadcast_to(weight, known.shape) * known),
        _t(np.nanmax(np.nanmax(labels, axis=1) - np.nanmin(labels, axis=1), axis=1)),
    )
    start, scale, shift = problem.best_start(np.asarray(yaws_deg, np.float64))
    turn, log_scale, shift, coefficients = problem.refine(start, scale, shift, steps)
    with torch.no_grad():
        rotation = _rodrigues(turn) @ start
        heads = _t(basis.mean) + torch.einsum("nb,bkd->nkd", coefficients, _t(basis.offsets))
        scale = log_scale.exp() * problem.extent
        middle = shift * problem.extent[:, None] + problem.centre
        points = scale[:, None, None] * torch.einsum("nij,nkj->nki", rotation[:, :2], heads) + middle[:, None]
        off = torch.einsum("mk,nkd->nmd", _t(combinations), points) - _t(labels).nan_to_num()
        counted = (problem.weight > 0).float()
        error = (((off**2).sum(dim=2) * counted).sum(dim=1) / counted.sum(dim=1)).sqrt()
        face = points[:, : topology.N_POINTS]
        extent = (face.amax(dim=1) - face.amin(dim=1)).amax(dim=1)
        return HeadFit(rotation.numpy(), points.numpy(), scale.numpy(), (error / extent).numpy())


def _t(values: NDArray[np.floating]) -> Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)


class _Problem:
    """The fit in units of each face's labels: centred on their weighted mean, divided by their extent.

    mean (M, 3) and offsets (B, M, 3) cm of the labelled combinations; labels (N, M, 2) px; weight (N, M); extent (N,).
    """

    def __init__(self, mean: Tensor, offsets: Tensor, labels: Tensor, weight: Tensor, extent: Tensor) -> None:
        self.mean, self.offsets, self.weight, self.extent = mean, offsets, weight, extent
        self.total = weight.sum(dim=1)
        self.centre = self._weighted(labels)
        self.goal = (labels - self.centre[:, None]) / extent[:, None, None]

    def _weighted(self, points: Tensor) -> Tensor:
        return (points * self.weight[..., None]).sum(dim=1) / self.total[:, None]

    def best_start(self, yaws_deg: Array) -> tuple[Tensor, Tensor, Tensor]:
        """Rotation (N, 3, 3), scale (N,) and shift (N, 2) of the mean head: the best of a grid of angles."""
        n = len(self.goal)
        error = torch.full((n,), torch.inf)
        rotation, scale, shift = torch.zeros(n, 3, 3), torch.zeros(n), torch.zeros(n, 2)
        goal = self._weighted(self.goal)
        for turned in _grid(yaws_deg):
            seen = torch.einsum("nij,mj->nmi", turned[:, :2], self.mean)
            middle = self._weighted(seen)
            a, b = seen - middle[:, None], self.goal - goal[:, None]
            s = ((a * b).sum(dim=2) * self.weight).sum(dim=1) / ((a**2).sum(dim=2) * self.weight).sum(dim=1)
            s = s.clamp(min=1e-3)
            off = (((s[:, None, None] * a - b) ** 2).sum(dim=2) * self.weight).sum(dim=1) / self.total
            better = off < error
            error = torch.where(better, off, error)
            rotation[better], scale[better] = turned[better], s[better]
            shift[better] = (goal - s[:, None] * middle)[better]
        return rotation, scale, shift

    def refine(self, start: Tensor, scale: Tensor, shift: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Turn (N, 3) rad on top of `start`, log of the scale (N,), shift (N, 2) and coefficients (N, B)."""
        turn = torch.zeros(len(start), 3, requires_grad=True)
        log_scale, shift = scale.log().requires_grad_(), shift.clone().requires_grad_()
        coefficients = torch.zeros(len(start), len(self.offsets), requires_grad=True)
        groups = [[turn], [log_scale, shift], [coefficients]]
        optimizer = torch.optim.Adam([{"params": p, "lr": lr} for p, lr in zip(groups, RATES, strict=True)])
        for step in range(steps):
            for group, rate in zip(optimizer.param_groups, RATES, strict=True):
                group["lr"] = rate * (1.02 - step / steps)
            rotation = _rodrigues(turn) @ start
            shape = self.mean + torch.einsum("nb,bmd->nmd", coefficients, self.offsets)
            seen = log_scale.exp()[:, None, None] * torch.einsum("nij,nmj->nmi", rotation[:, :2], shape)
            loss = self._loss(seen + shift[:, None], coefficients)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return turn.detach(), log_scale.detach(), shift.detach(), coefficients.detach()

    def _loss(self, points: Tensor, coefficients: Tensor) -> Tensor:
        error = (((points - self.goal) ** 2).sum(dim=2) + 1e-8).sqrt()
        robust = torch.where(error < OUTLIER, error**2, 2 * OUTLIER * error - OUTLIER**2)
        data = (robust * self.weight).sum() / POINT_SPREAD**2 / 2
        spread = torch.ones(coefficients.shape[1])
        spread[IDENTITIES:] = EXPRESSION_SPREAD
        negative = (-coefficients[:, IDENTITIES:]).clamp(min=0)
        return data + 0.5 * ((coefficients / spread) ** 2).sum() + NEGATIVE_EXPRESSION * (negative**2).sum()


def _grid(yaws_deg: Array) -> Iterator[Tensor]:
    """(N, 3, 3) rotations to start from, for each column of yaws and each pitch and roll."""
    for column in yaws_deg.T:
        yaws, which = np.unique(column, return_inverse=True)
        for pitch in PITCHES_DEG:
            for roll in ROLLS_DEG:
                yield _t(np.stack([rotation_from_deg(float(yaw), pitch, roll) for yaw in yaws]))[which]


def _rodrigues(turns: Tensor) -> Tensor:
    """(N, 3) rotation vectors -> (N, 3, 3)."""
    angle = turns.norm(dim=1).clamp(min=1e-8)[:, None, None]
    x, y, z = (turns / angle[:, :, 0]).unbind(dim=1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).view(-1, 3, 3)
    return torch.eye(3)[None] + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)
