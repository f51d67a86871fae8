"""Recipes: reading, defaults, overrides, round trips and error messages."""

from dataclasses import dataclass, field

import pytest

from facetrack.errors import DataError
from facetrain.tasks.detector import DetectorRecipe
from facetrain.tasks.landmarks import LandmarkRecipe
from facetrain.training import recipe


@dataclass(frozen=True)
class Part:
    rate: float = 0.5
    sizes: tuple[int, int] = (1, 2)


@dataclass(frozen=True)
class Whole:
    name: str = "a"
    count: int = 3
    repeats: dict[str, int] = field(default_factory=dict)
    part: Part = field(default_factory=Part)
    optional: Part | None = None


def load(tmp_path, text, overrides=()):
    path = tmp_path / "r.toml"
    path.write_text(text)
    return recipe.load(Whole, path, overrides)


def test_values_defaults_and_overrides(tmp_path):
    whole = load(tmp_path, 'name = "b"\n[part]\nsizes = [3, 4]\n', ["part.rate=2", "count=7", "name=plain"])
    assert whole == Whole(name="plain", count=7, part=Part(rate=2.0, sizes=(3, 4)))


def test_quick_is_applied_only_on_request(tmp_path):
    text = "count = 9\n[part]\nrate = 1.0\nsizes = [5, 6]\n[quick]\ncount = 1\n[quick.part]\nrate = 0.1\n"
    assert load(tmp_path, text) == Whole(count=9, part=Part(1.0, (5, 6)))
    assert recipe.load(Whole, tmp_path / "r.toml", quick=True) == Whole(count=1, part=Part(0.1, (5, 6)))


def test_a_section_keeps_the_defaults_of_its_owner(tmp_path):
    own = DetectorRecipe().fit
    (tmp_path / "r.toml").write_text("[fit]\nepochs = 2\n")
    fit = recipe.load(DetectorRecipe, tmp_path / "r.toml").fit
    assert fit.epochs == 2
    assert (fit.batch, fit.learning_rate, fit.weight_decay) == (own.batch, own.learning_rate, own.weight_decay)


def test_an_optional_section_is_none_or_starts_from_its_own_defaults(tmp_path):
    assert load(tmp_path, "").optional is None
    assert load(tmp_path, "[optional]\nrate = 3\n").optional == Part(rate=3.0, sizes=(1, 2))
    assert load(tmp_path, "", ["optional.sizes=[4, 5]"]).optional == Part(sizes=(4, 5))
    with pytest.raises(DataError, match="optional is 3; expected a section"):
        load(tmp_path, "optional = 3")


def test_an_optional_section_survives_a_round_trip(tmp_path):
    for whole in (Whole(), Whole(optional=Part()), Whole(optional=Part(rate=2.0))):
        assert load(tmp_path, recipe.dump(whole)) == whole


def test_dump_and_load_give_the_same(tmp_path):
    whole = Whole(name='with "quotes"', repeats={"x": 2}, part=Part(rate=1e-3))
    assert load(tmp_path, recipe.dump(whole)) == whole


@pytest.mark.parametrize("kind", [LandmarkRecipe, DetectorRecipe])
def test_the_real_recipes_survive_a_round_trip(tmp_path, kind):
    (tmp_path / "r.toml").write_text(recipe.dump(kind()))
    assert recipe.load(kind, tmp_path / "r.toml") == kind()


@pytest.mark.parametrize(("name", "kind"), [("landmarks", LandmarkRecipe), ("detector", DetectorRecipe)])
def test_the_bundled_recipes_load(name, kind):
    assert isinstance(recipe.load(kind, recipe.FOLDER / f"{name}.toml"), kind)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 1", "unknown key colour"),
        ('count = "three"', "count is 'three'; expected int"),
        ("part = 3", "part is 3; expected a section"),
        ("[part]\nsizes = [1]", "expected a list of 2"),
        ("count = ", "cannot be read as a recipe"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        load(tmp_path, text)


def test_an_override_without_a_value_is_named(tmp_path):
    with pytest.raises(DataError, match=r"fit\.epochs"):
        load(tmp_path, "", ["fit.epochs"])
