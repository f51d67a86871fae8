"""Split of batches over programs of fixed sizes, the machine's cache, interleaved timing."""

import dataclasses
import json

import pytest

from facetrack.engine import cache
from facetrack.engine.cache import CacheKey, load_or_build
from facetrack.engine.device import parts
from facetrack.engine.trial import interleaved_ms


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, [(1, 1)]),
        (2, [(2, 2)]),
        (3, [(3, 4)]),
        (4, [(4, 4)]),
        (5, [(5, 8)]),
        (8, [(8, 8)]),
        (9, [(8, 8), (1, 1)]),
        (11, [(8, 8), (3, 4)]),
        (16, [(8, 8), (8, 8)]),
        (21, [(8, 8), (8, 8), (5, 8)]),
    ],
)
def test_a_batch_is_cut_into_the_smallest_programs_that_hold_it(count, expected):
    assert parts(count, (1, 2, 4, 8)) == expected


def test_a_single_large_program_holds_everything():
    assert parts(5, (4,)) == [(4, 4), (1, 4)]


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        parts(0, (1, 2))


KEY = CacheKey("tensorrt", "ab12", "GPU sm_90, driver 580", ("torch 2.13.0", "tensorrt 11.0"), "fp16", (4, 112, 112, 3))


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "choice"},
        {"weights": "ab13"},
        {"device": "GPU sm_90, driver 581"},
        {"versions": ("torch 2.13.1", "tensorrt 11.0")},
        {"precision": "fp32"},
        {"shape": (8, 112, 112, 3)},
    ],
)
def test_the_name_changes_with_every_ingredient(change):
    assert dataclasses.replace(KEY, **change).name != KEY.name


def test_every_ingredient_is_in_that_test():
    assert [field.name for field in dataclasses.fields(CacheKey)] == [
        "purpose", "weights", "device", "versions", "precision", "shape",
    ]  # fmt: skip


def test_the_name_stays_the_same_and_lies_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path)
    again = dataclasses.replace(KEY)
    assert again.path(".ep") == KEY.path(".ep") == tmp_path / "engines" / f"{KEY.name}.ep"


class Maker:
    def __init__(self, text="made"):
        self.text, self.built = text, 0

    def build(self, path):
        self.built += 1
        path.write_text(json.dumps({"what": self.text}))

    def load(self, path):
        return json.loads(path.read_text())["what"]


def test_a_cached_file_is_built_once(tmp_path):
    maker, path = Maker(), tmp_path / "a" / "x.json"
    assert [load_or_build(path, maker.load, maker.build) for _ in range(3)] == ["made"] * 3
    assert maker.built == 1
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("damage", ["", "{", '{"other": 1}'])
def test_a_damaged_file_is_built_again(tmp_path, damage, caplog):
    maker, path = Maker("new"), tmp_path / "x.json"
    path.write_text(damage)
    assert load_or_build(path, maker.load, maker.build) == "new"
    assert maker.built == 1
    assert "building it again" in caplog.text
    assert load_or_build(path, maker.load, maker.build) == "new"
    assert maker.built == 1


def test_a_build_that_fails_leaves_nothing_behind(tmp_path):
    path = tmp_path / "x.json"

    def build(temporary):
        temporary.write_text("half")
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        load_or_build(path, lambda p: p.read_text(), build)
    assert list(tmp_path.iterdir()) == []


def test_the_weights_hash_is_sha256(tmp_path):
    path = tmp_path / "w"
    path.write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert cache.weights_hash(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_drivers_version_is_its_first_line(tmp_path):
    stated = tmp_path / "version"
    stated.write_text("NVRM version: NVIDIA UNIX 580.65\nGCC version: x\n")
    assert cache.driver_version(stated) == "NVRM version: NVIDIA UNIX 580.65"
    assert cache.driver_version(tmp_path / "none") == "driver not stated"


class FakeTime:
    """Clock that functions of given durations advance."""

    def __init__(self):
        self.now = 0.0
        self.order = []

    def function(self, name, durations):
        remaining = iter(durations)

        def run():
            self.order.append(name)
            self.now += next(remaining)

        return run


def test_functions_are_timed_interleaved_by_their_medians():
    fake = FakeTime()
    # Three rounds to warm up, then rounds of .3 s: the third ends before a second is over, the fourth after it.
    a = fake.function("a", [9, 9, 9, 0.1, 0.1, 0.5, 0.1])
    b = fake.function("b", [9, 9, 9, 0.2, 0.2, 0.2, 0.2])
    median_ms = interleaved_ms({"a": a, "b": b}, 1.0, lambda: fake.now, lambda: fake.now)
    assert median_ms == pytest.approx({"a": 100, "b": 200})
    assert fake.order[6:] == ["a", "b"] * 3  # .3 + .3 + .7 s


def test_three_rounds_at_the_least():
    fake = FakeTime()
    slow = fake.function("slow", [5] * 6)
    assert interleaved_ms({"slow": slow}, 0.1, lambda: fake.now, lambda: fake.now) == {"slow": 5000}
