"""What the detector is taught: which cells answer for which face, and how wrong they are.

Assignment is task-aligned (Feng et al., TOOD, ICCV 2021): among the cells near a face's middle, those that already
score and box it best are its own. Scores learn by quality focal loss, boxes by generalised IoU, points by smooth L1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from facetrain.models.detector import Decoded, decode

FACE, IGNORED = 1, 2


@dataclass(frozen=True, slots=True)
class DetectionLossOptions:
    """top: cells that answer for one face at most. radius: how far from its middle they may lie, in strides.
    sizes: range of sqrt(area) over stride a level answers for; they overlap, and the alignment chooses.
    box, keypoints: weights against the score's loss."""

    top: int = 7
    radius: float = 1.6
    sizes: tuple[float, float] = (1.5, 10.0)
    score_power: float = 0.5
    iou_power: float = 4.0
    focus: float = 2.0
    box: float = 2.0
    keypoints: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The faces of a whole batch in one row, F of them: picture (F,) which picture each is in, boxes (F, 4), keypoints
    (F, 5, 2). Likewise ignored_picture (I,) and ignored (I, 4)."""

    picture: Tensor
    boxes: Tensor
    keypoints: Tensor
    ignored_picture: Tensor
    ignored: Tensor

    @classmethod
    def of(cls, batch: dict[str, Tensor]) -> Truth:
        face, ignored = (torch.nonzero(batch["kind"] == kind, as_tuple=True) for kind in (FACE, IGNORED))
        return cls(face[0], batch["boxes"][face], batch["keypoints"][face], ignored[0], batch["boxes"][ignored])


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """face: (N, A) index into Truth of the face each cell answers for, -1 none. target: (N, A) the score to learn,
    0..1. counted: (N, A) False where the score does not count."""

    face: Tensor
    target: Tensor
    counted: Tensor


def detection_loss(
    maps: dict[str, Tensor], batch: dict[str, Tensor], options: DetectionLossOptions | None = None
) -> dict[str, Tensor]:
    """The maps of DetectorNet against a batch of `samples.detector_scenes`: total, and its parts for the log."""
    options = options or DetectionLossOptions()
    found, truth = decode(maps), Truth.of(batch)
    owner = assign(found, truth, options)
    cells = torch.nonzero(owner.face >= 0, as_tuple=True)
    face, weight = owner.face[cells], owner.target[cells]
    whole = weight.sum().clamp(min=1.0)
    boxes = truth.boxes[face]
    off = keypoint_distance(found.keypoints[cells], truth.keypoints[face], boxes)
    parts = {
        "score": (quality_focal(found.logits, owner.target, options.focus) * owner.counted).sum() / whole,
        "box": ((1 - giou(found.boxes[cells], boxes)) * weight).sum() / whole,
        "keypoints": (off * weight).sum() / whole,
    }
    parts["total"] = parts["score"] + options.box * parts["box"] + options.keypoints * parts["keypoints"]
    return parts


@torch.no_grad()
def assign(found: Decoded, truth: Truth, options: DetectionLossOptions) -> Assignment:
    """Which cell answers for which face."""
    near = candidates(found, truth.boxes, options)  # (F, A)
    overlap = iou(truth.boxes[:, None], found.boxes[truth.picture]) * near
    score = found.logits.sigmoid()[truth.picture]
    align = score**options.score_power * (overlap + 1e-3) ** options.iou_power * near
    best = align.topk(min(options.top, align.shape[1]), dim=1)
    chosen = torch.zeros_like(near).scatter_(1, best.indices, best.values > 0)
    # A cell wanted by two faces goes to the one that it overlaps more.
    claim = (overlap + 1e-6) * chosen
    row = truth.picture[:, None].expand_as(claim)
    highest = torch.zeros_like(found.logits).scatter_reduce_(0, row, claim, "amax")
    kept = chosen & (claim == highest[truth.picture])
    # Each face has one cell with target 1, however hard it is to box; its lesser cells follow by alignment.
    relative = align * kept / (align * kept).amax(dim=1, keepdim=True).clamp(min=1e-30)
    faces, cells = torch.nonzero(kept, as_tuple=True)
    face = torch.full_like(found.logits, -1, dtype=torch.long)
    face[truth.picture[faces], cells] = faces
    target = torch.zeros_like(found.logits)
    target[truth.picture[faces], cells] = relative[faces, cells]
    return Assignment(face, target, (face >= 0) | ~_ignored(found, truth))


def candidates(found: Decoded, boxes: Tensor, options: DetectionLossOptions) -> Tensor:
    """(F, A) cells near enough to a face's middle, on a level that suits its size; at least one for each face."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    # Faces may reach beyond the picture; the cells may not.
    middle = middle.clamp(found.centres.amin(dim=0), found.centres.amax(dim=0))
    away = (middle[:, None] - found.centres).abs().amax(dim=-1)
    sides, strides = boxes[:, 2:] - boxes[:, :2], found.strides
    size = sides.clamp(min=1e-6).prod(dim=1).sqrt()[:, None] / strides
    low, high = options.sizes
    suits = ((size >= low) | (strides == strides.min())) & ((size <= high) | (strides == strides.max()))
    reach = torch.minimum(options.radius * strides, torch.maximum(sides.amin(dim=1)[:, None] / 2, 0.75 * strides))
    return (away <= reach) & suits


def _ignored(found: Decoded, truth: Truth) -> Tensor:
    """(N, A) cells whose middle lies in an ignored region."""
    low, high = truth.ignored[:, None, :2], truth.ignored[:, None, 2:]
    inside = ((found.centres > low) & (found.centres < high)).all(dim=-1).float()
    row = truth.ignored_picture[:, None].expand_as(inside)
    return torch.zeros_like(found.logits).scatter_reduce_(0, row, inside, "amax") > 0


def quality_focal(logits: Tensor, target: Tensor, focus: float) -> Tensor:
    """|target - p|^focus times cross-entropy, elementwise (Li et al., Generalized Focal Loss, NeurIPS 2020, eq. 2)."""
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (target - logits.sigmoid()).abs() ** focus * entropy


def giou(a: Tensor, b: Tensor) -> Tensor:
    """(K, 4), (K, 4) -> (K,) in -1..1 (Rezatofighi et al., CVPR 2019)."""
    inside = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(dim=1)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(dim=1)
    union = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1) - inside
    return inside / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Boxes (..., 4) against (..., 4), broadcast."""
    inside = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(dim=-1)
    areas = (a[..., 2:] - a[..., :2]).prod(dim=-1) + (b[..., 2:] - b[..., :2]).prod(dim=-1)
    return inside / (areas - inside).clamp(min=1e-6)


def keypoint_distance(points: Tensor, truth: Tensor, boxes: Tensor) -> Tensor:
    """(K, 5, 2), (K, 5, 2) with NaN unknown, (K, 4) -> (K,) smooth L1 in units of a tenth of the box's side, mean of
    the known."""
    known = torch.isfinite(truth)
    side = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).clamp(min=1).sqrt()[:, None, None]
    off = torch.where(known, points - torch.nan_to_num(truth), torch.zeros_like(points)) / (0.1 * side)
    each = F.smooth_l1_loss(off, torch.zeros_like(off), reduction="none") * known
    return each.sum(dim=(1, 2)) / known.sum(dim=(1, 2)).clamp(min=1) * 0.5
