"""Turned heads of MTFL as faces that only teach presence: their five points are too few for a landmark network, but a
network that never saw a profile takes one for no face."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from facetrack import topology
from facetrack.types import Floats
from facetrain.datasets.mtfl import read_mtfl_pack
from facetrain.sample import Sample

NAME = "mtfl_turned"
TURNED_BINS = (1, 2, 4, 5)
"""MTFL's poses: 1 left profile, 2 left, 3 frontal, 4 right, 5 right profile."""


def read_turned_faces(data: Path, faces: list[Sample]) -> list[Sample]:
    """MTFL's turned training faces with 68 points of weight 0: the mean of `faces`, laid onto the five known points, so
    that a crop can be cut around them."""
    mean = mean_face(faces)
    five = topology.five_from_68(mean)
    read = read_mtfl_pack(data / "mtfl.csv").samples
    turned = [
        s
        for s in read
        if s.attributes["split"] == "training"
        and s.attributes.get("pose_bin") in TURNED_BINS
        and len(s.points) == len(five)
        and np.isfinite(s.points).all()
    ]
    return [_with_mean_face(sample, mean, five) for sample in turned]


def mean_face(faces: list[Sample]) -> Floats:
    """(68, 2) mean of the faces, each centred and scaled to an extent of 1."""
    shapes = []
    for face in faces:
        low, high = face.points.min(axis=0), face.points.max(axis=0)
        shapes.append((face.points - (low + high) / 2) / (high - low).max())
    return np.mean(shapes, axis=0).astype(np.float32)


def _with_mean_face(sample: Sample, mean: Floats, five: Floats) -> Sample:
    """Least-squares similarity from the mean face's five points to the sample's (Umeyama 1991, by OpenCV)."""
    matrix, _ = cv2.estimateAffinePartial2D(five, sample.points, method=cv2.LMEDS)
    if matrix is None:
        matrix = np.eye(2, 3)
    points = (mean @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    weight = np.zeros(topology.N_POINTS, np.float32)
    return replace(sample, source=NAME, points=points, weight=weight, scheme=topology.SCHEME)
