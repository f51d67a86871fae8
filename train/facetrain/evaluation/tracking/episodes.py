"""What happened in a clip besides the figures: switches, returns, false positives and misses, each with its frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from facetrain.synth.crowd.truth import ClipTruth

GAP_S = 0.5
"""Who is away for at least so long comes back."""
Matched = Sequence[dict[int, int]]
"""Of each frame: the persons found and their numbers."""


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that went wrong, or a return, from one frame to another: kind is switch, false positive, missed, or
    return. kept: of a return, whether the number is the old one."""

    kind: str
    scene: str
    first: int
    last: int
    what: str
    kept: bool = False


def episodes_of(truth: ClipTruth, matched: Matched, wrong: Sequence[Sequence[int]]) -> list[Episode]:
    """All episodes. wrong: of each frame, the numbers over nobody."""
    false = _spans(truth, "false positive", _frames_by_key(wrong), lambda number: f"number {number}")
    missing = [
        [face.person for face in faces if face.present and face.person not in found]
        for faces, found in zip(truth.frames, matched, strict=True)
    ]
    missed = _spans(truth, "missed", _frames_by_key(missing), lambda person: f"person {person}")
    return [*_switches(truth, matched), *_returns(truth, matched), *false, *missed]


def _switches(truth: ClipTruth, matched: Matched) -> list[Episode]:
    last: dict[int, int] = {}
    out = []
    for index, found in enumerate(matched):
        for person, number in found.items():
            before = last.get(person, number)
            if before != number:
                out.append(_episode(truth, "switch", index, index, f"person {person}: number {before} became {number}"))
            last[person] = number
    return out


def _returns(truth: ClipTruth, matched: Matched) -> list[Episode]:
    """Everyone who was not present for GAP_S and then was: whether the number is the one before."""
    out = []
    for person, spans in _present(truth).items():
        for (_, gone), (back, end) in pairwise(spans):
            if (back - gone - 1) / truth.fps < GAP_S:
                continue
            before = next((f[person] for f in reversed(matched[: gone + 1]) if person in f), None)
            found = next((index for index in range(back, end + 1) if person in matched[index]), None)
            out.append(_return_of(truth, person, before, gone, back, end, found, matched))
    return out


def _return_of(
    truth: ClipTruth, person: int, before: int | None, gone: int, back: int, end: int, found: int | None,
    matched: Matched,
) -> Episode:  # fmt: skip
    away = f"person {person}, number {before}, away for {(back - gone - 1) / truth.fps:.1f} s"
    if found is None:
        return _episode(truth, "return", back, end, f"{away}: not found again")
    number = matched[found][person]
    fate = "kept it" if number == before else f"became {number}"
    what = f"{away}: {fate}, found after {(found - back) / truth.fps:.2f} s"
    return replace(_episode(truth, "return", back, found, what), kept=number == before)


def _present(truth: ClipTruth) -> dict[int, list[tuple[int, int]]]:
    """The spans of frames, last included, in which each person is present."""
    there = _frames_by_key([[face.person for face in faces if face.present] for faces in truth.frames])
    return {person: _runs(indices) for person, indices in there.items()}


def _frames_by_key(keys: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """Keys of each frame -> frames of each key."""
    frames: dict[int, list[int]] = {}
    for index, of_frame in enumerate(keys):
        for key in of_frame:
            frames.setdefault(key, []).append(index)
    return frames


def _spans(truth: ClipTruth, kind: str, frames: dict[int, list[int]], what: Callable[[int], str]) -> list[Episode]:
    """One episode per run of frames of one scene, in order of time."""
    spans = [(first, last, key) for key, indices in frames.items() for first, last in _runs(indices)]
    out = []
    for first, last, key in sorted(spans):
        for scene in truth.scenes:
            if first <= scene.last and last >= scene.first:
                out.append(Episode(kind, scene.name, max(first, scene.first), min(last, scene.last), what(key)))
    return out


def _runs(indices: list[int]) -> list[tuple[int, int]]:
    """Rising numbers as (first, last) of each run without a gap."""
    runs = (list(run) for _, run in groupby(enumerate(indices), lambda pair: pair[1] - pair[0]))
    return [(run[0][1], run[-1][1]) for run in runs]


def shared_ids(matched: Matched) -> dict[int, list[int]]:
    """Numbers that more than one person wore, and these persons."""
    worn: dict[int, set[int]] = {}
    for found in matched:
        for person, number in found.items():
            worn.setdefault(number, set()).add(person)
    return {number: sorted(people) for number, people in sorted(worn.items()) if len(people) > 1}


def _episode(truth: ClipTruth, kind: str, first: int, last: int, what: str) -> Episode:
    scene = next(scene.name for scene in truth.scenes if first <= scene.last)
    return Episode(kind, scene, first, last, what)
