"""Detection loss: assignment of cells to ground-truth faces, and the losses of score, box and keypoints.

The assignment is task-aligned (Feng et al., TOOD, ICCV 2021): of the cells near a face's centre, those with the best
score and box overlap become its positives. Quality focal loss for scores, generalised IoU for boxes, smooth L1 for
keypoints.
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
    """Parameters of the assignment and weights of the loss terms.

    top: most positive cells per face
    radius: largest distance of a positive cell from the face's centre, in strides
    sizes: range of sqrt(area) / stride of the faces of a level; the levels' ranges overlap, and the alignment chooses
    score_power, iou_power: exponents of score and IoU in the alignment
    focus: exponent of the quality focal loss
    box, keypoints: weights relative to the score's loss
    """

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
    """Ground truth of a batch: its F faces and I ignored regions, concatenated over the images.

    image: (F,) index of each face's image
    boxes: (F, 4) x0 y0 x1 y1 px
    keypoints: (F, 5, 2) px, NaN unknown
    ignored_image: (I,) index of each region's image
    ignored: (I, 4) x0 y0 x1 y1 px
    """

    image: Tensor
    boxes: Tensor
    keypoints: Tensor
    ignored_image: Tensor
    ignored: Tensor

    @classmethod
    def of(cls, batch: dict[str, Tensor]) -> Truth:
        """Collect the faces and ignored regions of a padded batch."""
        face, ignored = (torch.nonzero(batch["kind"] == kind, as_tuple=True) for kind in (FACE, IGNORED))
        return cls(face[0], batch["boxes"][face], batch["keypoints"][face], ignored[0], batch["boxes"][ignored])


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Assignment of the N images' A cells to faces.

    face: (N, A) index into Truth of the face of each positive cell, -1 for negatives
    target: (N, A) target score, 0..1
    counted: (N, A) False for cells without a score loss
    """

    face: Tensor
    target: Tensor
    counted: Tensor


def detection_loss(
    maps: dict[str, Tensor], batch: dict[str, Tensor], options: DetectionLossOptions | None = None
) -> dict[str, Tensor]:
    """Compute the loss of DetectorNet's maps on a batch of `samples.detector.scenes`.

    Returns the terms by name, "total" among them.
    """
    options = options or DetectionLossOptions()
    predicted, truth = decode(maps), Truth.of(batch)
    assignment = assign(predicted, truth, options)
    cells = torch.nonzero(assignment.face >= 0, as_tuple=True)
    face, weight = assignment.face[cells], assignment.target[cells]
    total_weight = weight.sum().clamp(min=1.0)
    boxes = truth.boxes[face]
    distance = keypoint_distance(predicted.keypoints[cells], truth.keypoints[face], boxes)
    score = quality_focal(predicted.logits, assignment.target, options.focus) * assignment.counted
    parts = {
        "score": score.sum() / total_weight,
        "box": ((1 - giou(predicted.boxes[cells], boxes)) * weight).sum() / total_weight,
        "keypoints": (distance * weight).sum() / total_weight,
    }
    parts["total"] = parts["score"] + options.box * parts["box"] + options.keypoints * parts["keypoints"]
    return parts


@torch.no_grad()
def assign(predicted: Decoded, truth: Truth, options: DetectionLossOptions) -> Assignment:
    """Assign cells to faces by the alignment of score and overlap."""
    near = candidates(predicted, truth.boxes, options)  # (F, A)
    overlap = iou(truth.boxes[:, None], predicted.boxes[truth.image]) * near
    score = predicted.logits.sigmoid()[truth.image]
    align = score**options.score_power * (overlap + 1e-3) ** options.iou_power * near
    best = align.topk(min(options.top, align.shape[1]), dim=1)
    chosen = torch.zeros_like(near).scatter_(1, best.indices, best.values > 0)
    # A cell chosen for two faces goes to the one that it overlaps more.
    claim = (overlap + 1e-6) * chosen
    row = truth.image[:, None].expand_as(claim)
    highest = torch.zeros_like(predicted.logits).scatter_reduce_(0, row, claim, "amax")
    positive = chosen & (claim == highest[truth.image])
    # Each face has one cell with target 1, however small their overlap; its other cells have their relative alignment.
    relative = align * positive / (align * positive).amax(dim=1, keepdim=True).clamp(min=1e-30)
    faces, cells = torch.nonzero(positive, as_tuple=True)
    face = torch.full_like(predicted.logits, -1, dtype=torch.long)
    face[truth.image[faces], cells] = faces
    target = torch.zeros_like(predicted.logits)
    target[truth.image[faces], cells] = relative[faces, cells]
    return Assignment(face, target, (face >= 0) | ~_ignored(predicted, truth))


def candidates(predicted: Decoded, boxes: Tensor, options: DetectionLossOptions) -> Tensor:
    """Return an (F, A) mask of the cells near a face's centre, on a level for its size; at least one per face."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    # Boxes may extend beyond the image, where there are no cells.
    middle = middle.clamp(predicted.centres.amin(dim=0), predicted.centres.amax(dim=0))
    distance = (middle[:, None] - predicted.centres).abs().amax(dim=-1)
    sides, strides = boxes[:, 2:] - boxes[:, :2], predicted.strides
    size = sides.clamp(min=1e-6).prod(dim=1).sqrt()[:, None] / strides
    low, high = options.sizes
    level = ((size >= low) | (strides == strides.min())) & ((size <= high) | (strides == strides.max()))
    reach = torch.minimum(options.radius * strides, torch.maximum(sides.amin(dim=1)[:, None] / 2, 0.75 * strides))
    return (distance <= reach) & level


def _ignored(predicted: Decoded, truth: Truth) -> Tensor:
    """Return an (N, A) mask of the cells whose centre lies in an ignored region."""
    low, high = truth.ignored[:, None, :2], truth.ignored[:, None, 2:]
    inside = ((predicted.centres > low) & (predicted.centres < high)).all(dim=-1).float()
    row = truth.ignored_image[:, None].expand_as(inside)
    return torch.zeros_like(predicted.logits).scatter_reduce_(0, row, inside, "amax") > 0


def quality_focal(logits: Tensor, target: Tensor, focus: float) -> Tensor:
    """Compute |target - p|^focus times cross-entropy, elementwise.

    Li et al., Generalized Focal Loss, NeurIPS 2020, eq. 2.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (target - logits.sigmoid()).abs() ** focus * entropy


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Compute the generalised IoU of K pairs of boxes (Rezatofighi et al., CVPR 2019).

    a, b: (K, 4) x0 y0 x1 y1. Returns (K,) in -1..1.
    """
    inside = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(dim=1)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(dim=1)
    union = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1) - inside
    return inside / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Compute the IoU of boxes (..., 4) and (..., 4), broadcast."""
    inside = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(dim=-1)
    areas = (a[..., 2:] - a[..., :2]).prod(dim=-1) + (b[..., 2:] - b[..., :2]).prod(dim=-1)
    return inside / (areas - inside).clamp(min=1e-6)


def keypoint_distance(points: Tensor, truth: Tensor, boxes: Tensor) -> Tensor:
    """Compute the mean smooth L1 loss of a face's known keypoints, in units of a tenth of the box's side.

    points: (K, 5, 2) px. truth: (K, 5, 2) px, NaN unknown. boxes: (K, 4). Returns (K,).
    """
    known = torch.isfinite(truth)
    side = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).clamp(min=1).sqrt()[:, None, None]
    error = torch.where(known, points - torch.nan_to_num(truth), torch.zeros_like(points)) / (0.1 * side)
    each = F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none") * known
    return each.sum(dim=(1, 2)) / known.sum(dim=(1, 2)).clamp(min=1) * 0.5
