"""A network trained further: few faces, worse results, attributes and gates of the network before."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError
from facetrain.export.metadata import rewrite_spec
from facetrain.models.attributes import AttributeNet
from facetrain.models.landmarks import LandmarkNet, LandmarkNetOptions
from facetrain.reporting.quantities import legend, worse_than_start, written
from facetrain.samples.landmark_crops import CropOptions
from facetrain.samples.sources import LandmarkSources
from facetrain.synth.drawn_heads import read_synthetic
from facetrain.tasks.cross_validation import cross_validate, groups_dealt, repeats_of_fold
from facetrain.tasks.heads import keep_heads
from facetrain.tasks.landmarks import LandmarkRecipe, cross_validate_few
from facetrain.training.fit_options import FitOptions
from small_networks import exported

SMALL = LandmarkNetOptions(input_px=64, stem=4, widths=(4, 4, 8), depths=(1, 1, 1), kernels=(3, 3, 3), head=4)
GATES = {"presence": 1.0, "log_sigma": -1.0, "bias": 0.0, "enter": 1.0, "keep": 0.0, "clear": 2.0}


@pytest.fixture(scope="module")
def samples():
    return read_synthetic(12, seed=3)


@pytest.fixture(scope="module")
def parent(tmp_path_factory) -> Path:
    """Return an exported network with attribute heads and gates."""
    torch.manual_seed(0)
    path = exported(AttributeNet(SMALL).eval(), tmp_path_factory.mktemp("parent") / "parent.onnx")
    rewrite_spec(path, gates=GATES)
    return path


def test_a_network_keeps_the_heads_and_gates_of_its_parent(parent: Path) -> None:
    spec = OnnxEngine(parent).spec
    crops = torch.randint(0, 255, (3, 64, 64, 3), dtype=torch.uint8)
    torch.manual_seed(1)
    new = LandmarkNet(SMALL).eval()
    whole, kept = keep_heads(new, replace(spec, outputs={}, gates={}), parent, spec, crops)
    assert kept.spec.gates == GATES
    assert set(kept.spec.outputs) == {"attributes"}
    with torch.inference_mode():
        before, after = new(crops), whole(crops)
    assert torch.equal(before["points"], after["points"])
    old = OnnxEngine(parent)(crops.numpy())["attributes"]
    assert kept.figures["attributes_moved"] == pytest.approx(np.abs(after["attributes"].numpy() - old).mean(), abs=1e-5)


def test_another_size_keeps_neither(parent: Path) -> None:
    spec = OnnxEngine(parent).spec
    bare = replace(spec, outputs={}, gates={})
    other = LandmarkNet(replace(SMALL, head=8))
    whole, kept = keep_heads(other, bare, parent, spec, torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
    assert whole is other
    assert kept.spec == bare


def test_every_face_is_predicted_once_by_a_network_that_has_not_seen_its_group(samples, tmp_path: Path) -> None:
    seen: list[set[str]] = []

    def train(training, validation, folder):
        assert not {s.group for s in training} & {s.group for s in validation}
        assert len(training) + len(validation) == len(samples)
        seen.append({s.group for s in validation})
        assert folder == tmp_path / f"fold{len(seen)}"
        return len(seen)

    def errors(network, faces):
        return np.full(len(faces), 2.0 if network == "start" else float(network))

    figures = cross_validate(groups_dealt(samples, 3), train, errors, "start", tmp_path)
    assert len(seen) == 3
    assert set.union(*seen) == {s.group for s in samples}
    assert sum(map(len, seen)) == len({s.group for s in samples})
    sizes = [len(part) for part in groups_dealt(samples, 3)]
    assert figures["cross_validation_faces"] == 12
    assert figures["before_cross_validation_nme"] == 2.0
    assert figures["cross_validation_nme"] == pytest.approx(
        sum(n * k for n, k in zip((1, 2, 3), sizes, strict=True)) / 12
    )


def test_few_faces_are_cross_validated_by_the_recipe(samples, tmp_path: Path) -> None:
    fit = FitOptions(epochs=1, batch=4, workers=0)
    recipe = LandmarkRecipe(network=SMALL, folds=2, fit=fit)
    sources = LandmarkSources(samples[2:], {"mine": samples[:2]}, [], {}, [], "none", [])
    figures = cross_validate_few(sources, recipe, CropOptions(input_px=64), tmp_path)
    assert figures["cross_validation_faces"] == 12
    assert 0 < figures["cross_validation_nme"] < 200
    assert "before_cross_validation_nme" not in figures  # random weights have no figure worth comparing with
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fold1", "fold2"]
    assert cross_validate_few(sources, replace(recipe, folds=0), CropOptions(input_px=64), tmp_path) == {}
    many = replace(sources, validation={"mine": samples[:1] * 30})
    assert cross_validate_few(many, recipe, CropOptions(input_px=64), tmp_path) == {}


def test_a_cross_validation_is_not_resumed_with_more_faces(samples, tmp_path: Path) -> None:
    """A face more deals the groups out anew: a part's network may have seen the faces that it would be measured on."""
    recipe = LandmarkRecipe(network=SMALL, folds=3, fit=FitOptions(epochs=1, batch=4, workers=0))
    before = LandmarkSources(samples[2:11], {"mine": samples[:2]}, [], {}, [], "none", [])
    figures = cross_validate_few(before, recipe, CropOptions(input_px=64), tmp_path)
    assert cross_validate_few(before, recipe, CropOptions(input_px=64), tmp_path) == figures
    after = replace(before, training=samples[2:])
    with pytest.raises(DataError, match=r"fold1.last\.pt was trained on other pictures"):
        cross_validate_few(after, recipe, CropOptions(input_px=64), tmp_path)


def test_groups_of_unlike_size_make_parts_of_like_size(samples) -> None:
    counts = {"a": 4, "b": 1, "c": 3, "d": 2, "e": 2}
    groups = [name for name, count in counts.items() for _ in range(count)]
    parts = groups_dealt([replace(s, group=g) for s, g in zip(samples, groups, strict=True)], 3)
    assert sorted(map(len, parts)) == [4, 4, 4]  # a; c and b; d and e


def test_a_fold_has_as_many_crops_as_the_whole_training() -> None:
    assert repeats_of_fold({"mine": 21}, 100, 80) == {"mine": 27}  # 2100 crops of 100 faces, 2160 of 80
    assert repeats_of_fold({"a": 2, "b": 1}, 50, 50) == {"a": 2, "b": 1}


@pytest.mark.parametrize(("large", "batch", "why"), [(11, 4, "1 of the 12 faces"), (6, 7, "6 crops")])
def test_parts_that_are_too_small_are_not_cross_validated(samples, large, batch, why, tmp_path, capsys) -> None:
    two = [replace(s, group=str(index < large)) for index, s in enumerate(samples)]
    recipe = LandmarkRecipe(network=SMALL, folds=5, fit=FitOptions(epochs=1, batch=batch, workers=0))
    sources = LandmarkSources(two[:-1], {"mine": two[-1:]}, [], {}, [], "none", [])
    assert cross_validate_few(sources, recipe, CropOptions(input_px=64), tmp_path) == {}
    assert why in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_result_that_is_worse_is_said() -> None:
    few = {"before_mine_nme": 5.0, "mine_nme": 5.5, "mine_nme51": 9.0}
    assert "mine NME 5.00 -> 5.50 %" in worse_than_start(few)
    deciding = few | {"before_cross_validation_nme": 5.2, "cross_validation_nme": 5.1}
    assert worse_than_start(deciding) == ""
    assert worse_than_start({"mine_nme": 9.0}) == ""
    assert "nan" in worse_than_start({"before_mine_nme": 5.0, "mine_nme": float("nan")})
    assert worse_than_start({"before_mine_nme": float("nan"), "mine_nme": float("nan")}) == ""


def test_figures_have_units_and_a_direction() -> None:
    assert written("helen_train_nme", 3.2412) == "helen_train NME 3.241 % ↓"
    assert written("nme_51", 2.0) == "NME 51 2 % ↓"
    assert written("genki4k_smile", 95.25) == "genki4k smile 95.25 % right ↑"
    assert written("sigma_factor", 1.1) == "sigma_factor 1.1"
    assert written("nme", float("nan")) == "NME unknown % ↓"
    assert "NME 51" not in legend(["nme"])
