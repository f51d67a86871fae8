"""Episodes in a clip with their frames: ID switches, returns of people, false positives and misses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from facetrain.synth.crowd.truth import ClipTruth

GAP_S = 0.5
"""Minimum duration of an absence that ends in a return."""
Matched = Sequence[dict[int, int]]
"""For each frame, the track IDs by matched person."""


@dataclass(frozen=True, slots=True)
class Episode:
    """Error, or a return of a person, in a span of frames.

    kind: "switch", "false positive", "missed" or "return"
    what: description
    kept: whether a returning person kept the track ID
    """

    kind: str
    scene: str
    first: int
    last: int
    what: str
    kept: bool = False


def episodes_of(truth: ClipTruth, matched: Matched, unmatched: Sequence[Sequence[int]]) -> list[Episode]:
    """Return all episodes; unmatched: for each frame, the track IDs of the false positives."""
    false = _spans(truth, "false positive", _frames_by_key(unmatched), lambda track_id: f"ID {track_id}")
    missing = [
        [face.person for face in faces if face.present and face.person not in track_ids]
        for faces, track_ids in zip(truth.frames, matched, strict=True)
    ]
    missed = _spans(truth, "missed", _frames_by_key(missing), lambda person: f"person {person}")
    return [*_switches(truth, matched), *_returns(truth, matched), *false, *missed]


def _switches(truth: ClipTruth, matched: Matched) -> list[Episode]:
    last: dict[int, int] = {}
    out = []
    for index, track_ids in enumerate(matched):
        for person, track_id in track_ids.items():
            before = last.get(person, track_id)
            if before != track_id:
                out.append(_episode(truth, "switch", index, index, f"person {person}: ID {before} became {track_id}"))
            last[person] = track_id
    return out


def _returns(truth: ClipTruth, matched: Matched) -> list[Episode]:
    """Return the returns after an absence of at least GAP_S, and whether the track ID was kept."""
    out = []
    for person, spans in _present(truth).items():
        for (_, last_frame), (first_frame, end) in pairwise(spans):
            if (first_frame - last_frame - 1) / truth.fps < GAP_S:
                continue
            before = next((ids[person] for ids in reversed(matched[: last_frame + 1]) if person in ids), None)
            found = next((index for index in range(first_frame, end + 1) if person in matched[index]), None)
            out.append(_return_of(truth, person, before, last_frame, first_frame, end, found, matched))
    return out


def _return_of(
    truth: ClipTruth, person: int, before: int | None, last_frame: int, first_frame: int, end: int, found: int | None,
    matched: Matched,
) -> Episode:  # fmt: skip
    """Return the episode of a person's return.

    before: track ID before the absence, None if the person was never matched
    last_frame, first_frame, end: last frame before the absence, first and last frame after it
    found: frame in which the person is matched again, None if never
    """
    absence = f"person {person}, ID {before}, absent for {(first_frame - last_frame - 1) / truth.fps:.1f} s"
    if found is None:
        return _episode(truth, "return", first_frame, end, f"{absence}: not detected again")
    track_id = matched[found][person]
    outcome = "kept the ID" if track_id == before else f"became {track_id}"
    what = f"{absence}: {outcome}, detected after {(found - first_frame) / truth.fps:.2f} s"
    return replace(_episode(truth, "return", first_frame, found, what), kept=track_id == before)


def _present(truth: ClipTruth) -> dict[int, list[tuple[int, int]]]:
    """Return the spans of frames, last included, in which each person is present."""
    frames = _frames_by_key([[face.person for face in faces if face.present] for faces in truth.frames])
    return {person: _runs(indices) for person, indices in frames.items()}


def _frames_by_key(keys: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """Invert keys by frame to frames by key."""
    frames: dict[int, list[int]] = {}
    for index, frame_keys in enumerate(keys):
        for key in frame_keys:
            frames.setdefault(key, []).append(index)
    return frames


def _spans(truth: ClipTruth, kind: str, frames: dict[int, list[int]], what: Callable[[int], str]) -> list[Episode]:
    """Return one episode per run of consecutive frames and scene, in order of time."""
    spans = [(first, last, key) for key, indices in frames.items() for first, last in _runs(indices)]
    out = []
    for first, last, key in sorted(spans):
        for scene in truth.scenes:
            if first <= scene.last and last >= scene.first:
                out.append(Episode(kind, scene.name, max(first, scene.first), min(last, scene.last), what(key)))
    return out


def _runs(indices: list[int]) -> list[tuple[int, int]]:
    """Return (first, last) of each run of consecutive ones of the ascending numbers."""
    # In a run of consecutive numbers, number minus position is constant.
    runs = (list(run) for _, run in groupby(enumerate(indices), lambda pair: pair[1] - pair[0]))
    return [(run[0][1], run[-1][1]) for run in runs]


def shared_ids(matched: Matched) -> dict[int, list[int]]:
    """Return the track IDs that were assigned to more than one person, with these persons."""
    persons: dict[int, set[int]] = {}
    for track_ids in matched:
        for person, track_id in track_ids.items():
            persons.setdefault(track_id, set()).add(person)
    return {track_id: sorted(people) for track_id, people in sorted(persons.items()) if len(people) > 1}


def _episode(truth: ClipTruth, kind: str, first: int, last: int, what: str) -> Episode:
    scene = next(scene.name for scene in truth.scenes if first <= scene.last)
    return Episode(kind, scene, first, last, what)
