"""Seven expressions: EAC-Net, and a VGG of which only the last group and the dense layers are trained (CIFE).

Data: the expressions pack. Its classes are imbalanced (6,828 neutral, 21 afraid), so training samples them more evenly,
and the metric is the macro F1, in which all classes have equal weight. The split leaves one afraid face for validation,
so the best epoch is selected by the mean over the classes with enough faces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facetrack import topology
from facetrack.errors import DataError
from facetrack.expression import EXPRESSIONS
from facetrack.geometry import crop_from_box, crop_matrix, cut, points_box, transform
from facetrack.types import Image
from facetrain.augment import webcam as augment
from facetrain.augment.mirror import mirrored
from facetrain.augment.webcam import AugmentOptions
from facetrain.formats import packs
from facetrain.metrics.confusion import MIN_SUPPORT, confusion_matrix, f1_scores, save_confusion
from facetrain.models.eac import EacNet, EacOptions, mark, region_centres
from facetrain.models.predict import predict
from facetrain.models.vgg16 import ExpressionVgg
from facetrain.reporting.figures import Figures, save_figures
from facetrain.sample import Sample
from facetrain.samples.sampling import EpochItems, names_of
from facetrain.seeds.pretrain import pretrain_body
from facetrain.seeds.record import export_seed, seed_spec
from facetrain.training.checkpoint import load_weights
from facetrain.training.fit import FitOptions, fit
from facetrain.training.losses import ExpressionLoss

CLASSES = EXPRESSIONS
"""The pack's nine "contempt" are left out."""
MARGIN = 1.3
AUGMENT = AugmentOptions(
    rotation_deg=8.0, wide_rotation_deg=20.0, shift=0.05, scale=(0.92, 1.09), light=0.5, grey=1.0, blur=0.1, noise=0.1,
    jpeg=0.0, low_resolution=0.1, occlusion=0.0,
)  # fmt: skip
"""Always grey: in the pack colour reveals the source, and with it the class (half of the pack is grey LFW)."""


@dataclass(frozen=True, slots=True)
class ExpressionRecipe:
    """Recipe of the training of eac or expression-vgg.

    network: eac or expression-vgg
    smoothing: label smoothing
    validation_share: held-out fraction of the people
    eac: variant of EAC-Net; input_px and norm apply to expression-vgg, too
    width, dense: of expression-vgg
    body: weights of a trained VggBody (safetensors) for expression-vgg; "" pretrains one on landmarks with `pretrain`
    augment: augmentation
    pretrain: options of the pretraining
    fit: options of the training loop; `balance` is the balance of the classes
    """

    network: str = "eac"
    smoothing: float = 0.1
    validation_share: float = 0.2
    eac: EacOptions = field(default_factory=EacOptions)
    width: float = 0.25
    dense: int = 256
    body: str = ""
    augment: AugmentOptions = field(default_factory=lambda: AUGMENT)
    pretrain: FitOptions = field(default_factory=FitOptions)
    fit: FitOptions = field(default_factory=FitOptions)

    @property
    def marked(self) -> bool:
        """True if crops have region centres in a fourth channel."""
        return self.network == "eac"

    @property
    def input_px(self) -> int:
        return self.eac.input_px


class ExpressionCrops(EpochItems):
    """Data set of augmented faces with their expression as class.

    Item: crop (S, S, 3, or 4 with region centres) uint8, label (), an index into CLASSES.
    """

    def __init__(self, samples: list[Sample], recipe: ExpressionRecipe) -> None:
        super().__init__(len(samples), recipe.fit.seed)
        self.names = names_of(samples)
        self.samples, self.recipe = samples, recipe
        self.labels = [CLASSES.index(str(sample.attributes["emotion"])) for sample in samples]
        self.classes = self.labels

    def item(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        crop = augmented(self.samples[index], self.recipe, rng)
        return {"crop": torch.from_numpy(crop), "label": torch.tensor(self.labels[index])}


def augmented(sample: Sample, recipe: ExpressionRecipe, rng: np.random.Generator) -> Image:
    """Return an augmented crop, with its region centres if the network needs them."""
    options, input_px = recipe.augment, recipe.input_px
    crop = augment.random_crop(sample.points, MARGIN, rng, options)
    image, matrix = augment.warp(sample.image, crop, input_px, rng)
    points = transform(sample.points, matrix)
    if rng.random() < options.flip:
        image, points = np.ascontiguousarray(image[:, ::-1]), mirrored(points, topology.FLIP, input_px)
    image = augment.corrupt(image, rng, options)
    return mark(image, region_centres(points)) if recipe.marked else image


def exact(sample: Sample, recipe: ExpressionRecipe) -> Image:
    """Return the grey crop of the ground-truth box, with its region centres if the network needs them."""
    input_px = recipe.input_px
    crop = crop_from_box(points_box(sample.points), MARGIN)
    image = cut(sample.image, crop, input_px)
    grey = augment.grey(image)
    if not recipe.marked:
        return grey
    return mark(grey, region_centres(transform(sample.points, crop_matrix(crop, input_px))))


def read_expressions(data: Path) -> list[Sample]:
    """Read every face of the pack that has points and one of the seven labels."""
    return [s for s in packs.read_mesh_pack(data) if s.attributes.get("emotion") in CLASSES]


def train_expression(data: Path, run_dir: Path, recipe: ExpressionRecipe) -> Figures:
    """Train eac or expression-vgg on the pack; see `train_faces`."""
    training, validation = packs.split(read_expressions(data), recipe.validation_share)
    return train_faces(training, validation, run_dir, recipe)


def train_faces(training: list[Sample], held_out: list[Sample], run_dir: Path, recipe: ExpressionRecipe) -> Figures:
    """Train, evaluate, export; the confusion matrix is run_dir/confusion.png."""
    crops = np.stack([exact(sample, recipe) for sample in held_out])
    labels = np.array([CLASSES.index(str(sample.attributes["emotion"])) for sample in held_out])
    model = build(training, run_dir, recipe)
    dataset = ExpressionCrops(training, recipe)
    loss = ExpressionLoss(recipe.smoothing)
    model = fit(model, dataset, loss, lambda net: figures_of(net, crops, labels), recipe.fit, run_dir).eval().cpu()
    figures = figures_of(model, crops, labels)
    scores = f1_scores(confusion_of(model, crops, labels))
    figures |= {f"f1_{name}": float(score) for name, score in zip(CLASSES, scores, strict=True)}
    save_figures(figures, run_dir)
    save_confusion(confusion_of(model, crops, labels), CLASSES, run_dir / "confusion.png")
    spec = seed_spec(recipe.network, model, crops, "expression-7", MARGIN, ["expressions"], figures)
    export_seed(model, spec, crops, run_dir / "model.onnx")
    return figures


def build(training: list[Sample], run_dir: Path, recipe: ExpressionRecipe) -> nn.Module:
    """Build the network, loading or pretraining the body of expression-vgg."""
    torch.manual_seed(recipe.fit.seed)
    if recipe.network == "eac":
        return EacNet(recipe.eac, len(CLASSES))
    if recipe.network != "expression-vgg":
        raise DataError(f"network is '{recipe.network}'; expected eac or expression-vgg")
    model = ExpressionVgg(len(CLASSES), recipe.input_px, recipe.width, recipe.dense, recipe.eac.norm)
    if recipe.body:
        load_weights(model.body, Path(recipe.body))
    elif recipe.pretrain.epochs:
        pretrain_body(model.body, training, recipe.input_px, recipe.width, recipe.pretrain, run_dir / "body")
    return model


def confusion_of(model: nn.Module, crops: Image, labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Compute the confusion matrix of the network's predictions, (7, 7): labels by rows."""
    predicted = predict(model, crops)["expression"].argmax(axis=1)
    return confusion_matrix(labels, predicted, len(CLASSES))


def figures_of(model: nn.Module, crops: Image, labels: NDArray[np.intp]) -> Figures:
    """Compute macro F1 over the classes that occur, over those with MIN_SUPPORT faces or more, and the accuracy."""
    matrix = confusion_of(model, crops, labels)
    scores, faces = f1_scores(matrix), matrix.sum(axis=1)
    return {
        "macro_f1": float(scores[faces > 0].mean()),
        "macro_f1_measurable": float(scores[faces >= MIN_SUPPORT].mean()) if (faces >= MIN_SUPPORT).any() else 0.0,
        "accuracy": float(np.trace(matrix) / matrix.sum()),
    }
