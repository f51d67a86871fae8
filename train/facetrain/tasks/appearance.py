"""Contrastive training of the face embedding for re-identification.

InfoNCE over the pairs of a batch (van den Oord et al., 2018, eq. 4; Chen et al., "SimCLR", ICML 2020). A positive pair
is two images of a person where there are several, else two augmented views of one image: at run time the embedding has
to recognise a face that was seen seconds ago.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from facetrack.geometry import crop_from_points, cut
from facetrack.modelfile import ModelSpec
from facetrack.types import Image
from facetrain.augment import webcam as augment
from facetrain.augment.webcam import AugmentOptions
from facetrain.export.onnx import export_onnx
from facetrain.formats.reading import print_skipped
from facetrain.models.appearance import AppearanceNet, AppearanceNetOptions
from facetrain.models.predict import predict
from facetrain.sample import Sample
from facetrain.samples.sampling import EpochItems, names_of
from facetrain.samples.sources import read_sources
from facetrain.training.fit import FitOptions, fit


@dataclass(frozen=True, slots=True)
class PairOptions:
    """Augmentation of the pairs; a recipe's section `looks`.

    margin: the crop's side over the face's extent, with hair and shoulders
    edge: probability that up to a third of a view is cut off, as at the edge of the frame
    augment: of each view independently
    """

    margin: float = 1.9
    edge: float = 0.2
    augment: AugmentOptions = field(
        default_factory=lambda: dataclasses.replace(
            AugmentOptions(), rotation_deg=4.0, wide_rotation_deg=12.0, shift=0.05, scale=(0.92, 1.09), occlusion=0.2
        )
    )


@dataclass(frozen=True, slots=True)
class AppearanceRecipe:
    """Recipe of the embedding's training.

    name, reproduce: for the network's metadata
    repeats: how often each pack is repeated in an epoch
    validation_share: held-out fraction of the people
    temperature: of the softmax over a batch's similarities
    network: size of the network
    looks: augmentation of the pairs
    fit: options of the training loop
    """

    name: str = "appearance"
    reproduce: str = "facetrack train appearance --data DATA"
    repeats: dict[str, int] = field(default_factory=lambda: {"ytfaces_train": 3, "expressions": 1})
    validation_share: float = 0.15
    temperature: float = 0.1
    network: AppearanceNetOptions = field(default_factory=AppearanceNetOptions)
    looks: PairOptions = field(default_factory=PairOptions)
    fit: FitOptions = field(default_factory=FitOptions)


class AugmentedPairs(EpochItems):
    """Data set of augmented positive pairs for contrastive learning.

    Item: crop (2, S, S, 3) uint8, two views of one person; person (), the person's index.
    """

    def __init__(self, samples: Sequence[Sample], input_px: int, options: PairOptions, seed: int = 0) -> None:
        super().__init__(len(samples), seed)
        self.names = names_of(samples)
        self.samples, self.input_px, self.options = samples, input_px, options
        self.of_person: dict[str, list[int]] = defaultdict(list)
        for index, sample in enumerate(samples):
            self.of_person[sample.group].append(index)
        self.numbers = {person: number for number, person in enumerate(self.of_person)}

    def item(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        person = self.samples[index].group
        other = self.of_person[person][int(rng.integers(len(self.of_person[person])))]
        mirrored = bool(rng.random() < self.options.augment.flip)  # both or none: a hair parting is not symmetric
        crops = np.stack([self._augmented_crop(self.samples[i], mirrored, rng) for i in (index, other)])
        return {"crop": torch.from_numpy(crops), "person": torch.tensor(self.numbers[person])}

    def _augmented_crop(self, sample: Sample, mirrored: bool, rng: np.random.Generator) -> Image:
        options = self.options.augment
        limit = options.wide_rotation_deg
        crop = crop_from_points(sample.points, self.options.margin)
        turn = float(np.deg2rad(np.clip(rng.normal(0, options.rotation_deg), -limit, limit)))
        dx, dy = rng.uniform(-options.shift, options.shift, 2) * crop.size_px
        size = crop.size_px * float(np.exp(rng.uniform(*np.log(options.scale))))
        crop = dataclasses.replace(
            crop, x=crop.x + float(dx), y=crop.y + float(dy), size_px=size, roll_rad=crop.roll_rad + turn
        )
        image, _ = augment.warp(sample.image, crop, self.input_px, rng)
        if mirrored:
            image = np.ascontiguousarray(image[:, ::-1])
        image = augment.corrupt(image, rng, options)
        return cut_off_side(image, rng) if rng.random() < self.options.edge else image


def cut_off_side(image: Image, rng: np.random.Generator) -> Image:
    """Blacken up to a third of the crop on one side, as `geometry.cut` does beyond the frame's edge."""
    out = image.copy()
    width = int(rng.integers(1, image.shape[0] // 3 + 1))
    side = int(rng.integers(4))
    strip = (slice(None, width), slice(-width, None))[side % 2]
    out[(slice(None), strip) if side < 2 else strip] = 0
    return out


class InfoNce:
    """InfoNCE loss: cross-entropy of each view's partner under the softmax over the batch's other views.

    Further views of the same person are excluded from the softmax, so that they are no negatives.
    """

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature

    def __call__(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        views = outputs["embedding"]  # (N, 2, D)
        count = len(views)
        flat = views.transpose(0, 1).flatten(0, 1)  # (2 N, D): all first views, then all second views
        person = batch["person"].repeat(2)
        partner = torch.arange(2 * count, device=flat.device).roll(count)
        same = person[:, None] == person[None]
        same[torch.arange(2 * count), partner] = False
        logits = (flat @ flat.T / self.temperature).masked_fill(same, float("-inf"))
        return {"total": F.cross_entropy(logits, partner)}


class Validation:
    """Verification metrics on held-out people with two images or more."""

    def __init__(self, samples: Sequence[Sample], input_px: int, margin: float) -> None:
        several = {person for person, count in Counter(sample.group for sample in samples).items() if count > 1}
        kept = [sample for sample in samples if sample.group in several]
        self.people = np.array([sample.group for sample in kept])
        crops = [cut(sample.image, crop_from_points(sample.points, margin), input_px) for sample in kept]
        self.crops = np.array(crops)

    def __call__(self, model: nn.Module) -> dict[str, float]:
        if not len(self.crops):
            return {}
        return verification_metrics(predict(model, self.crops)["embedding"], self.people)


def verification_metrics(embeddings: NDArray[np.floating], people: NDArray[np.str_]) -> dict[str, float]:
    """Compute the verification metrics over all pairs of embeddings.

    auc: probability that a positive pair (one person) is more similar than a negative pair (two people)
    tpr_at_5: true positive rate at a false positive rate of 5 %
    similarity_at_5: the similarity threshold of that rate

    embeddings: (N, D), L2-normalised. people: (N,) names.
    """
    similarity = embeddings @ embeddings.T
    same = people[:, None] == people[None]
    upper = np.triu(np.ones_like(same), 1).astype(bool)
    positives, negatives = similarity[same & upper], np.sort(similarity[~same & upper])
    threshold = float(np.quantile(negatives, 0.95))
    auc = float(np.searchsorted(negatives, positives).mean() / len(negatives))
    return {"auc": auc, "tpr_at_5": float((positives > threshold).mean()), "similarity_at_5": threshold}


def train_appearance(data: Path, run_dir: Path, recipe: AppearanceRecipe) -> dict[str, float]:
    """Train and export to run_dir/model.onnx; returns the figures on the held-out people."""
    sources = read_sources(data, recipe.repeats, recipe.validation_share)
    print_skipped(sources.problems)
    training = [s for s in sources.training for _ in range(sources.repeats.get(s.source, 1))]
    dataset = AugmentedPairs(training, recipe.network.input_px, recipe.looks, recipe.fit.seed)
    held_out = Validation(
        [s for part in sources.validation.values() for s in part], recipe.network.input_px, recipe.looks.margin
    )
    torch.manual_seed(recipe.fit.seed)
    loss = InfoNce(recipe.temperature)
    model = fit(AppearanceNet(recipe.network), dataset, loss, held_out, recipe.fit, run_dir).eval().cpu()
    figures = held_out(model)
    spec = ModelSpec(
        name=recipe.name,
        kind="appearance",
        input_px=recipe.network.input_px,
        mean=AppearanceNet.MEAN,
        scale=AppearanceNet.SCALE,
        topology="none",
        margin=recipe.looks.margin,
        outputs={"embedding": "(N, D) of length one; the scalar product of two is their similarity"},
        data=sources.data,
        terms=sources.terms,
        reproduce=recipe.reproduce,
        metrics={f"validation/{name}": round(value, 3) for name, value in figures.items()},
    )
    examples = torch.stack([dataset[i]["crop"][0] for i in range(min(32, len(dataset)))])
    export_onnx(model, spec, examples, run_dir / "model.onnx", {"embedding": 1e-4})
    return figures
