"""Data sets of the multi-task network: faces with points and attributes, in jittered crops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetrack import topology_maps
from facetrack.geometry import crop_matrix, cut, transform
from facetrack.types import Floats, Image
from facetrain.augment import webcam
from facetrain.augment.jittered_crop import BOX_JITTER, jittered_crop
from facetrain.augment.mirror import mirrored
from facetrain.augment.webcam import AugmentOptions
from facetrain.models.tcdcn import POSES
from facetrain.sample import Sample
from facetrain.samples.sampling import EpochItems, names_of
from facetrain.samples.task_labels import TASKS, UNKNOWN, label_of


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Cropped faces in memory.

    crops: (N, S, S, 3) uint8
    points: (N, K, 2) crop px
    labels: (N,) of each task, -1 unknown
    """

    crops: Image
    points: Floats
    labels: dict[str, NDArray[np.float32]]


def jittered_faces(samples: list[Sample], margin: float, input_px: int) -> Faces:
    """Crop with boxes jittered like a detector's; every sample must have points."""
    crops, points = [], []
    for sample in samples:
        crop = jittered_crop(sample, margin, BOX_JITTER)
        crops.append(cut(sample.image, crop, input_px))
        points.append(transform(sample.points, crop_matrix(crop, input_px)))
    labels = {task: np.array([label_of(s, task) for s in samples], np.float32) for task in TASKS}
    return Faces(np.stack(crops), np.stack(points), labels)


def limit_evenly(samples: list[Sample], limit: int) -> list[Sample]:
    """Return at most about `limit` evenly spaced samples; all of them for 0."""
    return samples[:: -(-len(samples) // limit)] if limit else samples


class TaskFaces(EpochItems):
    """Data set of augmented crops with points of one scheme, weights, and the four labels; its classes are the poses.

    A face without points is cropped at its image's centre, so that its attributes are still used.
    """

    def __init__(
        self,
        samples: list[Sample],
        scheme: str,
        input_px: int,
        margin: float,
        options: AugmentOptions,
        seed: int = 0,
    ) -> None:
        super().__init__(len(samples), seed)
        self.names = names_of(samples)
        self.samples, self.scheme, self.input_px, self.margin = samples, scheme, input_px, margin
        self.options = options
        self.classes = [label_of(sample, "pose") for sample in samples]

    def item(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        sample = self.samples[index]
        labelled = len(sample.points) > 0 and bool(np.isfinite(sample.points).all())
        points = sample.points if labelled else _placeholder(sample.image, topology_maps.N_POINTS[self.scheme])
        crop = webcam.random_crop(points, self.margin, rng, self.options)
        image, matrix = webcam.warp(sample.image, crop, self.input_px, rng)
        weight = sample.weight if labelled else np.zeros(len(points), np.float32)
        points = transform(points, matrix)
        labels = {task: label_of(sample, task) for task in TASKS}
        if rng.random() < self.options.flip:
            order = topology_maps.FLIPS[self.scheme]
            image, weight = np.ascontiguousarray(image[:, ::-1]), weight[order]
            points = mirrored(points, order, self.input_px)
            labels["pose"] = POSES - 1 - labels["pose"] if labels["pose"] >= 0 else UNKNOWN
        image = webcam.corrupt(image, rng, self.options)
        arrays = {"crop": image, "points": points, "weight": weight}
        return {name: torch.from_numpy(value) for name, value in arrays.items()} | {
            task: torch.tensor(value, dtype=torch.float32) for task, value in labels.items()
        }


def _placeholder(image: Image, count: int) -> Floats:
    """Return `count` placeholder points that place the crop: they span the central four tenths of the image."""
    height, width = image.shape[:2]
    corners = np.array([[0.3, 0.3], [0.7, 0.3], [0.3, 0.7], [0.7, 0.7], [0.5, 0.5]], np.float32)
    filled = np.resize(corners, (count, 2))
    return (filled * np.array([width, height], np.float32)).astype(np.float32)
