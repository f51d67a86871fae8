"""Epoch sampling: every sample once, or classes by exact shares, reproducible after a resume."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from facetrack.errors import DataError
from facetrain.samples.sampling import EpochItems, apportion, balanced_order, class_shares, epoch_order
from facetrain.training.distributed import Workers
from facetrain.training.fit import FitOptions, Run

CLASSES = ["many"] * 900 + ["some"] * 90 + ["rare"] * 10


def rng(*key):
    return np.random.default_rng(key)


def drawn(balance, draws):
    """Return the draws per class, and the drawn numbers."""
    order = balanced_order(CLASSES, balance, rng(0, 0), draws)
    return Counter(CLASSES[number % 1000] for number in order), order


def test_class_shares_are_exact():
    # By hand: in proportion to 900, 90, 10; to their roots 30, 9.487, 3.162 of 42.649; or to 1, 1, 1.
    assert drawn(0.0, 1000)[0] == {"many": 900, "some": 90, "rare": 10}
    assert drawn(0.5, 1000)[0] == {"many": 703, "some": 223, "rare": 74}  # of 703.41, 222.44 and 74.15
    assert drawn(1.0, 600)[0] == {"many": 200, "some": 200, "rare": 200}
    assert sorted(drawn(1.0, 100)[0].values()) == [33, 33, 34]


def test_no_sample_is_repeated_before_all_of_its_class_were_drawn():
    _, order = drawn(1.0, 600)
    times = Counter(int(number) % 1000 for number in order)
    assert {times[index] for index in range(990, 1000)} == {20}  # 200 draws of 10
    assert {times[index] for index in range(900, 990)} == {2, 3}  # 200 draws of 90
    assert max(times[index] for index in range(900)) == 1
    assert len(set(order.tolist())) == 600  # every further draw has its own number and so its own random generator


def test_empty_classes_get_nothing_and_nothing_is_lost_in_rounding():
    np.testing.assert_allclose(class_shares(np.array([4, 0, 1]), 0.5), [2 / 3, 0, 1 / 3])
    assert apportion(np.array([0.5, 0.26, 0.24]), 10).tolist() == [5, 3, 2]
    for total in range(20):
        assert apportion(np.array([0.2, 0.3, 0.5]), total).sum() == total


def test_an_epoch_without_balance_is_numpys_permutation():
    np.testing.assert_array_equal(epoch_order(50, rng(3, 7), 50), rng(3, 7).permutation(50))
    assert sorted(Counter((epoch_order(5, rng(0), 12) % 5).tolist()).values()) == [2, 2, 2, 3, 3]


class Classed(EpochItems):
    def __init__(self, classes=CLASSES):
        super().__init__(len(CLASSES), seed=5)
        self.classes = classes

    def item(self, index, rng):
        return {"index": torch.tensor(index), "draw": torch.tensor(rng.random())}


def batches(tmp_path, epoch, group=None, classes=CLASSES, **options):
    """Return the batches of one epoch as the training loop gets them."""
    fit_options = FitOptions(batch=60, workers=0, device="cpu", seed=1, **options)
    run = Run(
        nn.Linear(1, 1), Classed(classes), lambda o, b: {}, fit_options, tmp_path, torch.device("cpu"), Workers(), ()
    )
    run.group = group or run.group
    run.epoch = epoch
    return list(run._batches())


def test_the_loop_draws_balanced_epochs_that_depend_on_seed_and_epoch(tmp_path):
    first = batches(tmp_path, 0, balance=1.0, per_epoch=600)
    assert [len(batch["index"]) for batch in first] == [60] * 10
    indices = torch.cat([batch["index"] for batch in first]).tolist()
    assert Counter(CLASSES[i] for i in indices) == {"many": 200, "some": 200, "rare": 200}
    again, later = (batches(tmp_path, epoch, balance=1.0, per_epoch=600) for epoch in (0, 1))
    assert all(torch.equal(a["draw"], b["draw"]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0]["index"], later[0]["index"])
    # The 20 draws of a rare sample are 20 different augmentations.
    draws = torch.cat([batch["draw"] for batch in first])
    assert len(draws.unique()) == 600


def test_processes_share_the_epoch_that_one_has(tmp_path):
    whole = batches(tmp_path, 2, balance=0.5, per_epoch=600)
    parts = [batches(tmp_path, 2, Workers(rank, 2), balance=0.5, per_epoch=600) for rank in range(2)]
    for batch, one, two in zip(whole, *parts, strict=True):
        assert sorted(batch["draw"].tolist()) == sorted([*one["draw"].tolist(), *two["draw"].tolist()])


def test_impossible_balance_raises_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"fit\.balance is 0\.5, but this recipe's samples have no classes"):
        batches(tmp_path, 0, classes=None, balance=0.5)
    with pytest.raises(DataError, match="balance is 2; expected 0"):
        FitOptions(balance=2.0)
    with pytest.raises(DataError, match="per_epoch is -1"):
        FitOptions(per_epoch=-1)
