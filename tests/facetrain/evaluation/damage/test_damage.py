"""The seeded part of `facetrack eval damage` that fits into a minute; the rest is run by the command."""

from __future__ import annotations

import numpy as np
import pytest

from facetrain.evaluation.damage import data_sets, files, networks
from facetrain.evaluation.damage.measure import BAD, Case, measure, report
from facetrain.evaluation.damage.worker import run


@pytest.mark.parametrize(("kind", "count"), [("files", 40), ("networks", 20), ("data_sets", 25)])
def test_damaged_input_is_read_or_refused_in_a_sentence(kind: str, count: int) -> None:
    cases = measure(kind, count, seed=1)
    assert [case.index for case in cases] == list(range(count))
    assert [case for case in cases if case.outcome in BAD] == []
    assert {case.outcome for case in cases} == {"read", "refused"}
    assert max(case.peak_mb for case in cases) < 1000


@pytest.mark.parametrize("module", [files, networks, data_sets])
def test_the_same_seed_makes_the_same_damage(tmp_path, module) -> None:
    made = []
    for name in ("a", "b"):
        folder = tmp_path / name / "case"
        folder.mkdir(parents=True)
        written = [module.write_case(np.random.default_rng([3, i]), folder)[0] for i in range(3)]
        made.append(written)
    assert made[0] == made[1]


def test_a_process_that_dies_or_hangs_is_counted_and_replaced() -> None:
    assert [case.outcome for case in measure("nothing", 2)] == ["crash", "crash"]
    assert [case.outcome for case in measure("files", 1, limit_s=0.0)] == ["hang"]


def test_what_a_reading_leaves_and_what_it_raises_is_counted(tmp_path, monkeypatch) -> None:
    kept = []  # more than the threads of earlier tests that may end meanwhile
    monkeypatch.setattr(files, "read_case", lambda path: kept.extend(path.open("rb") for _ in range(50)))
    assert run("files", 0, 0, tmp_path)["outcome"] == "left over"
    monkeypatch.setattr(files, "read_case", lambda path: 1 / 0)
    found = run("files", 0, 1, tmp_path)
    assert found["outcome"] == "traceback"
    assert "ZeroDivisionError" in found["said"]
    for file in kept:
        file.close()


def test_the_report_names_every_bad_case() -> None:
    cases = [Case(0, "cut .mp4", "refused", "it is cut short"), Case(1, "flip .png", "crash", "exit status -11")]
    counted, bad = report({"files": cases}, seed=0).tables
    assert list(counted.rows[0][:6]) == ["videos and pictures", "2", "0", "1", "0", "1"]
    assert bad.rows == [("files", "1", "flip .png", "crash", "exit status -11")]
