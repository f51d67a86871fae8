"""Runs that are resumed only as they were begun, and what a report takes for their stages."""

from dataclasses import replace
from pathlib import Path

import pytest

from facetrack.errors import DataError
from facetrain.tasks.landmarks import LandmarkRecipe
from facetrain.training.report import stage_folders
from facetrain.training.run_folder import check_same_run, recorded

RECIPE = LandmarkRecipe(repeats={"a": 2, "b": 1})


def begin(run_dir: Path, recipe: LandmarkRecipe) -> None:
    (run_dir / "recipe.toml").write_text(recorded(run_dir, Path("data"), recipe, "facetrack train", "landmarks"))


@pytest.mark.parametrize(
    ("repeats", "message"),
    [
        ({"a": 2}, r"repeats\.b 1, now none"),
        ({"a": 2, "b": 1, "c": 3}, r"repeats\.c none, now 3"),
        ({"a": 2, "b": 4}, r"repeats\.b 1, now 4"),
    ],
)
def test_a_pack_more_or_fewer_is_another_run(repeats, message, tmp_path: Path) -> None:
    begin(tmp_path, RECIPE)
    check_same_run(tmp_path, RECIPE, Path("data"), "landmarks")
    with pytest.raises(DataError, match=message):
        check_same_run(tmp_path, replace(RECIPE, repeats=repeats), Path("data"), "landmarks")


def test_another_task_and_other_initial_weights_are_another_run(tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    start.write_bytes(b"weights")
    recipe = replace(RECIPE, init=str(start))
    begin(tmp_path, recipe)
    check_same_run(tmp_path, recipe, Path("data"), "landmarks")
    with pytest.raises(DataError, match="task landmarks, now eyes"):
        check_same_run(tmp_path, recipe, Path("data"), "eyes")
    start.write_bytes(b"others")
    with pytest.raises(DataError, match="other weights in"):
        check_same_run(tmp_path, recipe, Path("data"), "landmarks")


def test_what_does_not_change_the_result_may_change(tmp_path: Path) -> None:
    begin(tmp_path, RECIPE)
    workers = replace(RECIPE, name="mine", fit=replace(RECIPE.fit, workers=7))
    check_same_run(tmp_path, workers, Path("data"), "landmarks")


def test_folds_are_no_stages(tmp_path: Path) -> None:
    for name in ("dense", "fold1", "fold12", "folding"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "history.jsonl").touch()
    assert stage_folders(tmp_path) == [tmp_path, tmp_path / "dense", tmp_path / "folding"]
