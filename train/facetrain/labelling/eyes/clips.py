"""Eyes of video frames in motion: placed by the tracker, labelled by the mesh and by tables of read frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from facetrack.capture import VideoFile
from facetrack.errors import DataError
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Frame
from facetrain.formats.pack_tables import read_table
from facetrain.labelling.eyes.faces import face_eyes, look
from facetrain.labelling.mesh_map import Mesh
from facetrain.samples.eyes.table import Eye

SOURCE, READ = "clips", "lids_frames"
"""Sources of frames whose state follows from events, and of frames that were read one by one."""
SIDES = ("right", "left")
CLOSED = ("blink", "long")
EVENT_WEIGHT = 0.6
EDGE = 3
"""Frames before and after an event in which the lids move: their state is not labelled."""
States = dict[int, tuple[str, str]]


@dataclass(slots=True)
class PersonLabels:
    """What is known of one person of a clip.

    x: range of the face's centre as a share of the image's width. read: states of single frames. events: states that
    follow from events. covered: frames in which the eyes cannot be seen. unknown: frames without a label from events.
    """

    name: str
    x: tuple[float, float] = (-1.0, 2.0)
    read: States = field(default_factory=dict)
    events: States = field(default_factory=dict)
    covered: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)


def read_people(events: Path, frames: Sequence[Path]) -> dict[str, list[PersonLabels]]:
    """Read the people of the clips by the clip's name.

    events: a table of events (docs/labels/README.md), with people.csv beside it. frames: tables of single frames,
    video, person, frame, label, eyes, the last one of a frame counts; persons by the events' names or by numbers.
    """
    people: dict[str, dict[str, PersonLabels]] = {}
    for _, row in read_table(events)[1]:
        person = people.setdefault(row["video"], {}).setdefault(row["person"], PersonLabels(row["person"]))
        _add_event(person, row)
    for _, row in read_table(events.with_name("people.csv"))[1]:
        if row["person"] in people.get(row["video"], {}):
            people[row["video"]][row["person"]].x = float(row["x_from"]), float(row["x_to"])
    for table in frames:
        for number, row in read_table(table)[1]:
            _add_frame(people, row, f"{table}:{number}")
    for known in people.values():
        for person in known.values():
            _settle(person)
    return {video: list(known.values()) for video, known in people.items()}


MAIN_PERSON = {"cafe_0": "woman", "family_4": "girl"}
"""Whom a table of single frames that numbers its people shows in the clips of several."""


def _add_event(person: PersonLabels, row: Mapping[str, str]) -> None:
    first, last, kind = int(row["first_frame"]), int(row["last_frame"]), row["kind"]
    inside, edge = set(range(first, last + 1)), set(range(first - EDGE, last + EDGE + 1))
    if kind in ("smile", "talking", "mouth_wide"):
        return
    if row["sure"] != "1" or kind == "partial":
        person.unknown |= edge
    elif kind == "eyes_hidden":
        person.covered |= inside
    elif kind == "looking_down":
        for frame in inside - set(person.events):
            person.events[frame] = ("lowered", "lowered")
    else:
        shut = ("shut", "shut") if kind in CLOSED else ("shut", "") if kind == "wink_right" else ("", "shut")
        person.unknown |= edge - inside
        person.events.update(dict.fromkeys(inside, shut))


def _add_frame(people: Mapping[str, Mapping[str, PersonLabels]], row: Mapping[str, str], where: str) -> None:
    video = Path(row["video"]).stem
    known = people.get(video, {})
    person = known.get(row["person"]) or known.get(MAIN_PERSON.get(video, ""), next(iter(known.values()), None))
    if person is None:
        raise DataError(f"{where}: {video} has no events; expected a clip of the table of events")
    states = tuple(row["label"] if letter in row["eyes"] else "" for letter in "RL")
    person.read[int(row["frame"])] = (states[0], states[1])


def _settle(person: PersonLabels) -> None:
    """Take the frames at the edges of closures out of the other events."""
    for frame in person.unknown:
        if "shut" not in person.events.get(frame, ()):
            person.events.pop(frame, None)


def clip_eyes(
    folder: Path, people: Mapping[str, list[PersonLabels]], tracker: FaceTracker, mesh: Mesh, every: int = 2
) -> Iterator[Eye]:
    """Yield the eyes of every `every`-th frame and of all with a closure or a reading, placed by the tracker."""
    for video in sorted(people):
        tracker.reset()
        with VideoFile(folder / f"{video}.mp4") as source:
            for index, frame in enumerate(source):
                yield from _frame_eyes(video, index, frame, people[video], tracker, mesh, every)


def _frame_eyes(
    video: str, index: int, frame: Frame, people: Iterable[PersonLabels], tracker: FaceTracker, mesh: Mesh, every: int
) -> Iterator[Eye]:
    for face in tracker.update(frame):
        x = float(face.box[0] + face.box[2]) / 2 / frame.image.shape[1]
        person = next((p for p in people if p.x[0] <= x < p.x[1]), None)
        if person is None or not (index % every == 0 or index in person.read or index in person.events):
            continue
        found = look(frame.image, face.landmarks.points, mesh)
        states = person.read.get(index) or person.events.get(index, ("", ""))
        source = READ if index in person.read else SOURCE
        eyes = face_eyes(
            frame.image, face.landmarks.points, f"{video}/{index:04d}", f"{video} {person.name}", source, 0.0, found,
            states, seen=False,
        )  # fmt: skip
        for side, eye in enumerate(eyes):
            _label(eye, states[side], index, person, found is not None)
            yield eye


def _label(eye: Eye, state: str, index: int, person: PersonLabels, found: bool) -> None:
    """Weigh the labels of a frame: closures and looks down were read, the frames between them are not shut."""
    if index in person.covered:
        eye.set("covered", 1.0, 1.0)
        eye.labels.update({f"{name}_weight": eye.labels[f"{name}_weight"] * 0 for name in ("gap", "contour")})
        eye.set_state(weight=0.0)
        return
    eye.set("covered", 0.0, 0.5)
    if not found:
        eye.set("gap", 0.0, 0.0)
    if index in person.read:
        return
    if state:
        eye.set_state(state, weight=EVENT_WEIGHT)
    elif index in person.unknown:
        eye.set_state(weight=0.0)
    elif eye.labels.get("state_weight", 0) == 0 or eye.labels["state"][2] > 0:
        eye.set_state("open", "lowered", weight=EVENT_WEIGHT)
