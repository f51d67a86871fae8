"""Training task of the expression network: data, validation, temperature scaling, test on held-out people, export.

Data: the expressions pack. Its classes are imbalanced (6,828 neutral, 21 afraid), so training samples them more evenly.
The pack's nine faces of contempt and 32 without a label are left out.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facetrack import topology
from facetrack.errors import DataError
from facetrack.expression import EXPRESSIONS, OUTPUT, expression_crop, face_sheet, sheet_of
from facetrack.geometry import transform
from facetrack.modelfile import ModelSpec
from facetrack.types import Image
from facetrain.augment import webcam as augment
from facetrain.augment.mirror import mirrored
from facetrain.augment.webcam import AugmentOptions
from facetrain.export.onnx import export_onnx
from facetrain.formats import packs
from facetrain.metrics.calibration import (
    Numbers,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    save_reliability_diagram,
    softmax,
)
from facetrain.metrics.confusion import MIN_SUPPORT, confusion_matrix, f1_scores, save_confusion
from facetrain.models.expression import ExpressionNet, ExpressionNetOptions
from facetrain.models.predict import predict
from facetrain.reporting.figures import Figures, save_figures
from facetrain.sample import Sample
from facetrain.samples.provenance import describe, terms_of
from facetrain.samples.sampling import EpochItems, names_of
from facetrain.training.fit import FitOptions, fit
from facetrain.training.losses import ExpressionLoss


@dataclass(frozen=True, slots=True)
class ExpressionTaskRecipe:
    """Recipe of the expression network's training.

    name, reproduce: for the network's metadata
    smoothing: label smoothing, because many labels are a single annotator's
    validation_share, test_share: held-out fractions of the people
    jitter: of the landmarks, one standard deviation over the crop's side: at run time they are predicted
    network: size and inputs of the network
    augment: augmentation
    fit: options of the training loop; `balance` is the balance of the classes
    """

    name: str = "expression"
    reproduce: str = "facetrack train expression --data DATA"
    smoothing: float = 0.1
    validation_share: float = 0.2
    test_share: float = 0.2
    jitter: float = 0.01
    network: ExpressionNetOptions = field(default_factory=ExpressionNetOptions)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    fit: FitOptions = field(default_factory=FitOptions)


class Sheets(EpochItems):
    """Data set of augmented sheets (`facetrack.expression.face_sheet`).

    Item: crop (S, S, 3) uint8, the network's input; label (), an index into EXPRESSIONS.
    """

    def __init__(self, samples: list[Sample], recipe: ExpressionTaskRecipe) -> None:
        super().__init__(len(samples), recipe.fit.seed)
        self.names = names_of(samples)
        self.samples, self.recipe = samples, recipe
        self.labels = labels_of(samples)
        self.classes = self.labels.tolist()

    def item(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        crop = augmented(self.samples[index], self.recipe, rng)
        return {"crop": torch.from_numpy(crop), "label": torch.tensor(int(self.labels[index]))}


def labels_of(samples: list[Sample]) -> Numbers:
    """Return the samples' expressions, (N,) indices into EXPRESSIONS."""
    return np.array([EXPRESSIONS.index(str(sample.attributes["emotion"])) for sample in samples], np.intp)


def augmented(sample: Sample, recipe: ExpressionTaskRecipe, rng: np.random.Generator) -> Image:
    """Return an augmented sheet of the face: rotated, shifted, scaled, corrupted, mirrored, with jittered landmarks."""
    options, side = recipe.augment, recipe.network.input_px
    crop = expression_crop(sample.points)
    turn = np.clip(rng.normal(0, options.rotation_deg), -options.wide_rotation_deg, options.wide_rotation_deg)
    dx, dy = rng.uniform(-options.shift, options.shift, 2) * crop.size_px
    crop = dataclasses.replace(
        crop, x=crop.x + float(dx), y=crop.y + float(dy), roll_rad=crop.roll_rad + float(np.deg2rad(turn)),
        size_px=crop.size_px * float(np.exp(rng.uniform(*np.log(options.scale)))),
    )  # fmt: skip
    image, matrix = augment.warp(sample.image, crop, side, rng)
    points = transform(sample.points, matrix)
    points += rng.normal(0, recipe.jitter * side, points.shape).astype(np.float32)
    if rng.random() < options.flip:
        image, points = np.ascontiguousarray(image[:, ::-1]), mirrored(points, topology.FLIP, side)
    return face_sheet(augment.corrupt(image, rng, options), points)


def exact(samples: list[Sample], side: int) -> Image:
    """Return (N, S, S, 3) sheets without augmentation, as `facetrack.expression.Expression` makes them."""
    return np.stack([sheet_of(sample.image, sample.points, side) for sample in samples])


class Validation:
    """Metrics on the faces of held-out people."""

    def __init__(self, samples: list[Sample], side: int) -> None:
        self.sheets, self.labels = exact(samples, side), labels_of(samples)

    def logits(self, model: nn.Module) -> np.ndarray:
        return predict(model, self.sheets)["expression"]

    def __call__(self, model: nn.Module) -> Figures:
        return figures_of(softmax(self.logits(model)), self.labels)


def figures_of(probabilities: np.ndarray, labels: Numbers) -> Figures:
    """Compute the metrics of (N, 7) probabilities against the (N,) labels.

    macro_f1: mean F1 over the expressions that occur
    macro_f1_measurable: mean F1 over those with at least MIN_SUPPORT faces
    accuracy, calibration_error (ECE), nll: over all faces
    """
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1), len(EXPRESSIONS))
    scores, faces = f1_scores(matrix), matrix.sum(axis=1)
    measurable = faces >= MIN_SUPPORT
    return {
        "macro_f1": float(scores[faces > 0].mean()),
        "macro_f1_measurable": float(scores[measurable].mean()) if measurable.any() else 0.0,
        "accuracy": float(np.trace(matrix) / matrix.sum()),
        "calibration_error": expected_calibration_error(probabilities, labels),
        "nll": negative_log_likelihood(probabilities, labels),
    }


def split_people(
    samples: list[Sample], recipe: ExpressionTaskRecipe
) -> tuple[list[Sample], list[Sample], list[Sample]]:
    """Split by the hash of the person's name; returns (training, validation, test).

    The test set is the one that the recipe `eac` validates on. Raises DataError if a set is empty.
    """
    rest, test = packs.split(samples, recipe.test_share)
    training, validation = packs.split(rest, recipe.test_share + recipe.validation_share)
    if not (training and validation and test):
        raise DataError(
            f"{len(samples)} faces give {len(training)} to train, {len(validation)} to validate, {len(test)} to test "
            "on; expected at least one of each: add faces of more people, or change the shares"
        )
    return training, validation, test


def train_expression(data: Path, run_dir: Path, recipe: ExpressionTaskRecipe) -> Figures:
    """Train on the expressions pack; see `train_faces`. Raises DataError without the pack."""
    samples = [s for s in packs.read_mesh_pack(data) if s.attributes.get("emotion") in EXPRESSIONS]
    return train_faces(*split_people(samples, recipe), run_dir, recipe)


def train_faces(
    training: list[Sample], validation: list[Sample], test: list[Sample], run_dir: Path, recipe: ExpressionTaskRecipe
) -> Figures:
    """Train, calibrate on the validation set, evaluate on the test set, export to run_dir/model.onnx.

    Returns the figures, those of the test set named test/..; confusion.png and reliability.png are of the test set.
    """
    side = recipe.network.input_px
    held_out, test_set = Validation(validation, side), Validation(test, side)
    torch.manual_seed(recipe.fit.seed)
    network, loss = ExpressionNet(recipe.network), ExpressionLoss(recipe.smoothing)
    model = fit(network, Sheets(training, recipe), loss, held_out, recipe.fit, run_dir).eval().cpu()
    assert isinstance(model, ExpressionNet)
    before = {"validation": held_out(model), "test": test_set(model)}
    uncalibrated = softmax(test_set.logits(model))
    temperature = fit_temperature(held_out.logits(model), held_out.labels)
    model.apply_temperature(temperature)
    figures = {f"validation/{name}": value for name, value in held_out(model).items()}
    figures |= {f"test/{name}": value for name, value in test_set(model).items()}
    figures |= {f"{part}/calibration_error_before": before[part]["calibration_error"] for part in before}
    figures["temperature"] = temperature
    calibrated = softmax(test_set.logits(model))
    matrix = confusion_matrix(test_set.labels, calibrated.argmax(axis=1), len(EXPRESSIONS))
    figures |= {f"test/f1_{name}": float(f1) for name, f1 in zip(EXPRESSIONS, f1_scores(matrix), strict=True)}
    save_figures(figures, run_dir)
    save_confusion(matrix, EXPRESSIONS, run_dir / "confusion.png", "expressions, test faces")
    pairs = {"as trained": (uncalibrated, test_set.labels), "calibrated": (calibrated, test_set.labels)}
    save_reliability_diagram(pairs, run_dir / "reliability.png", "expressions, test faces")
    export(model, recipe, held_out.sheets, figures, run_dir)
    return figures


def export(model: ExpressionNet, recipe: ExpressionTaskRecipe, sheets: Image, figures: Figures, run_dir: Path) -> None:
    """Export to run_dir/model.onnx, checked against torch."""
    spec = ModelSpec(
        name=recipe.name,
        kind="expression",
        input_px=recipe.network.input_px,
        mean=ExpressionNet.MEAN,
        scale=ExpressionNet.SCALE,
        topology="expression-7",
        outputs={OUTPUT: f"(N, 7) of {', '.join(EXPRESSIONS)}; crops are sheets, see facetrack.expression.face_sheet"},
        data=[describe("expressions")],
        terms=terms_of(["expressions"]),
        reproduce=recipe.reproduce,
        metrics={name: round(value, 4) for name, value in figures.items()},
    )
    export_onnx(model, spec, torch.from_numpy(sheets[:32]), run_dir / "model.onnx", {OUTPUT: 1e-4})
