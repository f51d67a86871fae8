"""Measure the attribute outputs of a network: gender, smile, glasses, head pose, expression.

Each on the samples that have the label.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.engine.onnx import OnnxEngine
from facetrack.expression import EXPRESSIONS
from facetrack.geometry import CropBox, crop_matrix, cut, transform
from facetrack.modelfile import ModelSpec
from facetrack.types import Image
from facetrain.augment.webcam import grey
from facetrain.evaluation.landmarks.framing import centre_crop, frame
from facetrain.metrics.binary import binary_figures
from facetrain.metrics.confusion import confusion_matrix, f1_scores, save_confusion
from facetrain.models.eac import mark, region_centres
from facetrain.reporting.progress import with_progress
from facetrain.sample import Sample
from facetrain.samples.task_labels import TASKS, UNKNOWN, label_of

EXPRESSION = "expression"
POSE_NAMES = ("left profile", "left", "frontal", "right", "right profile")
CLASS_NAMES = {"pose": POSE_NAMES, EXPRESSION: EXPRESSIONS}
"""Class names of the multi-class outputs; the other tasks are binary."""


@dataclass(frozen=True, slots=True, eq=False)
class Attributes:
    """Metrics of the attribute outputs.

    figures: metrics by name
    confusions: (C, C) counts of each multi-class output, row = label
    ms_per_crop: median duration of cutting one crop and one forward pass
    """

    figures: dict[str, float] = field(default_factory=dict)
    confusions: dict[str, NDArray[np.intp]] = field(default_factory=dict)
    ms_per_crop: float | None = None


def attributes_of(spec: ModelSpec) -> list[str]:
    """Return the names of the attribute outputs."""
    return [name for name in spec.outputs if name in (*TASKS, EXPRESSION)]


def label(sample: Sample, task: str) -> float:
    """Return the label: 0 or 1, a class index, or -1 if unknown."""
    if task != EXPRESSION:
        return label_of(sample, task)
    emotion = sample.attributes.get("emotion")
    return float(EXPRESSIONS.index(str(emotion))) if emotion in EXPRESSIONS else UNKNOWN


def measure_attributes(engine: OnnxEngine, samples: list[Sample]) -> Attributes:
    """Measure every attribute output on the samples that have its label.

    Binary outputs: precision, recall and F1. Multi-class outputs: macro F1 and accuracy. Empty if no sample has a label
    and a crop.
    """
    tasks = attributes_of(engine.spec)
    labels = {task: np.array([label(sample, task) for sample in samples], np.float32) for task in tasks}
    known = [i for i in range(len(samples)) if any(labels[task][i] >= 0 for task in tasks)]
    predicted: dict[str, list[NDArray[np.float32]]] = {task: [] for task in tasks}
    kept: list[int] = []
    durations_s: list[float] = []
    marked = channels(engine) > len("BGR")
    for i, crop in _crops(engine.spec, samples, known):
        kept.append(i)
        started = time.perf_counter()
        outputs = engine(network_input(engine.spec, samples[i], crop, marked)[None])
        durations_s.append(time.perf_counter() - started)
        for task in tasks:
            predicted[task].append(outputs[task][0])
    if not kept:
        return Attributes()
    result = _measure({t: labels[t][kept] for t in tasks}, {t: np.array(values) for t, values in predicted.items()})
    return replace(result, ms_per_crop=1000 * float(np.median(durations_s)))


def _crops(spec: ModelSpec, samples: list[Sample], indices: list[int]) -> Iterable[tuple[int, CropBox]]:
    """Yield (index, crop) of the samples that can be cropped.

    An expression network needs the face's points; for samples without points, the other networks get the image's
    centre crop, as in their training.
    """
    numbers = iter(indices)
    for sample in with_progress([samples[i] for i in indices], "reading attributes"):
        i, crop = next(numbers), frame(spec, sample)
        if crop is None and spec.kind != EXPRESSION:
            crop = centre_crop(spec, sample.image)
        if crop is not None:
            yield i, crop


def network_input(spec: ModelSpec, sample: Sample, crop: CropBox, marked: bool) -> Image:
    """Cut the input of the network; greyscale for expressions.

    marked: add the face's regions as a fourth channel, as EAC-Net expects
    """
    assert spec.input_px is not None  # only a detector has none, and it gives no attributes
    image = cut(sample.image, crop, spec.input_px)
    if spec.kind != EXPRESSION:
        return image
    image = grey(image)
    return mark(image, region_centres(transform(sample.points, crop_matrix(crop, spec.input_px)))) if marked else image


def channels(engine: OnnxEngine) -> int:
    """Return the number of channels C of the network's input (N, S, S, C)."""
    import onnx

    shape = onnx.load(engine.path, load_external_data=False).graph.input[0].type.tensor_type.shape
    return int(shape.dim[3].dim_value)


def _measure(labels: dict[str, NDArray[np.float32]], predicted: dict[str, NDArray[np.float32]]) -> Attributes:
    """Compare predictions with labels, both by task; negative labels are unknown."""
    result = Attributes()
    for task, truth in labels.items():
        known = truth >= 0
        if not known.any():
            continue
        result.figures[f"{task}_faces"] = float(known.sum())
        if task not in CLASS_NAMES:
            values = binary_figures(predicted[task] > 0, truth)
        else:
            names = CLASS_NAMES[task]
            chosen = predicted[task][known].argmax(axis=1)
            matrix = confusion_matrix(truth[known].astype(np.intp), chosen, len(names))
            result.confusions[task] = matrix
            values = class_figures(matrix, names)
        result.figures.update({f"{task}_{name}": value for name, value in values.items()})
    return result


def class_figures(matrix: NDArray[np.intp], names: tuple[str, ...]) -> dict[str, float]:
    """Return macro F1 over the classes that have labels, accuracy, and the F1 of each of these classes."""
    present, scores = matrix.sum(axis=1) > 0, f1_scores(matrix)
    each = {f"f1_{name.replace(' ', '_')}": float(scores[i]) for i, name in enumerate(names) if present[i]}
    return {"macro_f1": float(scores[present].mean()), "accuracy": float(np.trace(matrix) / matrix.sum()), **each}


def confusion_plots(result: Attributes) -> dict[str, Callable[[Path], None]]:
    """Return confusion_OUTPUT.png of each multi-class output, with the function that draws it."""
    return {
        f"confusion_{task}.png": partial(save_confusion, matrix, CLASS_NAMES[task], title=task)
        for task, matrix in result.confusions.items()
    }


def required_labels(spec: ModelSpec) -> str:
    """Return in words which labels a sample must have, for an error message."""
    if spec.kind == EXPRESSION:
        return f"the attribute emotion, one of {', '.join(EXPRESSIONS)}, and points that map to {topology.SCHEME}"
    return f"one of the attributes {', '.join(attributes_of(spec))}"
