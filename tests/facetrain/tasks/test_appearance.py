"""Training task of the embedding: pairs, InfoNCE loss, verification metrics, export."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from facetrack.engine.onnx import OnnxEngine
from facetrain.synth.drawn_heads import read_synthetic
from facetrain.tasks.appearance import (
    AppearanceRecipe,
    AugmentedPairs,
    InfoNce,
    PairOptions,
    train_appearance,
    verification_metrics,
)
from facetrain.training.fit import FitOptions


@pytest.fixture(scope="module")
def faces():
    return read_synthetic(12, seed=5)


def unit(*rows):
    values = torch.tensor(rows, dtype=torch.float32)
    return values / values.norm(dim=-1, keepdim=True)


def test_a_pair_is_two_views_of_one_person_and_new_in_each_epoch(faces):
    people = [dataclasses.replace(face, group=f"person{i // 2}") for i, face in enumerate(faces[:6])]
    dataset = AugmentedPairs(people, 64, PairOptions())
    views = set()
    for epoch in range(12):
        dataset.set_epoch(epoch)
        item = dataset[4]
        assert item["crop"].shape == (2, 64, 64, 3)
        assert item["person"] == 2
        views.add(item["crop"][1].numpy().tobytes())
    assert len(views) == 12
    assert dataset.of_person["person2"] == [4, 5]


def test_the_loss_is_cross_entropy_over_the_other_people_of_the_batch():
    # Orthogonal embeddings of two people, equal ones of their views: similarity 1 to the partner, 0 to the other two.
    views = unit([1, 0], [0, 1])[:, None].repeat(1, 2, 1)
    loss = InfoNce(temperature=1.0)({"embedding": views}, {"person": torch.tensor([0, 1])})["total"]
    assert float(loss) == pytest.approx(-np.log(np.e / (np.e + 2)), abs=1e-6)
    # The same person twice in a batch: there are no negatives.
    same = InfoNce(temperature=1.0)({"embedding": views}, {"person": torch.tensor([0, 0])})["total"]
    assert float(same) == pytest.approx(0, abs=1e-6)


def test_verification_of_known_embeddings():
    people = np.array(["a", "a", "b", "b"])
    separate = unit([1, 0], [1, 0.01], [0, 1], [0.01, 1]).numpy()
    assert verification_metrics(separate, people)["auc"] == 1
    assert verification_metrics(separate, people)["tpr_at_5"] == 1
    mixed = unit([1, 0], [0, 1], [1, 0], [0, 1]).numpy()  # each person's two embeddings are orthogonal
    # Negative pairs: two of similarity 1, two of 0; positive pairs: both 0, above none of the negatives.
    assert verification_metrics(mixed, people)["auc"] == 0


def test_the_exported_network_returns_normalised_embeddings(tmp_path):
    fit = FitOptions(epochs=1, batch=8, per_epoch=16, learning_rate=1e-3, workers=0, threads=1)
    train_appearance(Path("synthetic:12"), tmp_path / "run", AppearanceRecipe(fit=fit))
    engine = OnnxEngine(tmp_path / "run" / "model.onnx")
    assert engine.spec.kind == "appearance"
    predicted = engine(np.zeros((3, 64, 64, 3), np.uint8))["embedding"]
    assert predicted.shape == (3, 32)
    np.testing.assert_allclose(np.linalg.norm(predicted, axis=1), 1, atol=1e-5)
