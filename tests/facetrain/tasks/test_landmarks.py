"""Size of the landmark network to train: the recipe's own, or that of the file it starts from."""

from pathlib import Path

import pytest

from facetrain.models.landmarks import LandmarkNet, LandmarkNetOptions
from facetrain.tasks.attributes import AttributeRecipe
from facetrain.tasks.catalogue import find
from facetrain.tasks.landmarks import LandmarkRecipe, network_of
from facetrain.tasks.turned import TurnedRecipe
from facetrain.training import recipe as recipes
from facetrain.training.checkpoint import save_weights

SMALL = LandmarkNetOptions(stem=4, widths=(4, 4, 8), depths=(1, 1, 1), kernels=(3, 3, 3), head=4)


@pytest.fixture
def small(tmp_path: Path) -> str:
    save_weights(LandmarkNet(SMALL), tmp_path / "small.safetensors")
    return str(tmp_path / "small.safetensors")


def test_a_recipe_without_a_network_takes_that_of_its_start(small: str) -> None:
    assert network_of(small, None) == SMALL


def test_a_network_that_equals_the_defaults_is_one(small: str) -> None:
    """It used to count as left out, so that nothing could be grown or pruned to the default size."""
    assert network_of(small, LandmarkNetOptions()) == LandmarkNetOptions()


def test_without_a_start_the_defaults_are_trained() -> None:
    assert network_of("", None) == LandmarkNetOptions()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("landmarks", LandmarkRecipe), ("landmarks-turned", TurnedRecipe), ("attributes", AttributeRecipe)],
)
def test_bundled_recipes_that_follow_their_start_name_no_network(name: str, kind: type) -> None:
    _, path = find(name)
    assert recipes.load(kind, path).network is None
    grown = recipes.load(kind, path, ["network.head=64"]).network
    assert grown == LandmarkNetOptions(head=64)
