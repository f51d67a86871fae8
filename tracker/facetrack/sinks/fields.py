"""The fields of schema 2: signals as their dataclasses have them, the rest by hand; readers and writers follow them.

`FIELDS` is the table in docs/signals.md, `signals_schema()` the part `$defs.signals` of schema.json; the tests compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_type_hints

from facetrack.types.plain import signals_to_dict
from facetrack.types.signals import INFO, SignalInfo, Signals

NUMBER, FLAG, WORD, MAPPING = "number", "flag", "word", "mapping"
MOST_NAMES = 12
"""Names of a mapping that the table of all fields spells out."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One signal: its path from `Signals`, what kind of value it is, and its description."""

    path: tuple[str, ...]
    kind: str
    info: SignalInfo

    @property
    def columns(self) -> tuple[str, ...]:
        """Its CSV columns: its path joined with underscores; of a mapping, one for each key."""
        name = "_".join(self.path)
        return tuple(f"{name}_{key}" for key in self.info.names) if self.kind == MAPPING else (name,)

    @property
    def was(self) -> str:
        """Its name in schema 1."""
        return self.info.was.format(side=self.path[-2] if len(self.path) > 1 else "")

    def cells(self, signals: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Column and value out of the JSON object of `Signals`."""
        value: Any = signals
        for name in self.path:  # a file by an earlier version may lack it
            value = None if value is None else value.get(name)
        if self.kind != MAPPING:
            yield self.columns[0], value
        elif value is not None:
            yield from zip(self.columns, (value.get(name) for name in self.info.names), strict=True)


def _leaves(group: type, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    hints = get_type_hints(group)
    for item in fields(group):
        hint, inner = hints[item.name], (*path, item.name)
        if is_dataclass(hint):
            yield from _leaves(hint, inner)  # type: ignore[arg-type]
        else:
            yield Leaf(inner, _kind(hint), item.metadata[INFO])


def _kind(hint: object) -> str:
    text = str(hint)
    return next(kind for name, kind in _KINDS.items() if name in text)


_KINDS = {"Mapping": MAPPING, "float": NUMBER, "bool": FLAG, "str": WORD}
"""Kinds by the first of these names in the annotation: a mapping holds floats, too."""
LEAVES = tuple(_leaves(Signals))
"""Every signal, in the order in which they are written."""


def _reader(group: Any) -> Callable[[Mapping[str, Any]], Any]:
    hints = get_type_hints(group)
    groups = {item.name: _reader(hints[item.name]) for item in fields(group) if is_dataclass(hints[item.name])}
    names = [item.name for item in fields(group)]

    def read(found: Mapping[str, Any]) -> Any:
        # What a file does not have yet stays None; what this version does not know is passed over.
        return group(**{n: groups[n](found[n]) if n in groups else found[n] for n in names if n in found})

    return read


signals_to_json = signals_to_dict
signals_from_json: Callable[[Mapping[str, Any]], Signals] = _reader(Signals)


def signals_schema(group: type = Signals) -> dict[str, Any]:
    """Build the JSON schema of `Signals`, as it stands in schema.json.

    Required is what schema 1 had by another name; what came later is missing in files by earlier versions.
    """
    hints = get_type_hints(group)
    properties = {}
    for item in fields(group):
        hint = hints[item.name]
        if is_dataclass(hint):
            properties[item.name] = {"description": _doc(hint), **signals_schema(hint)}  # type: ignore[arg-type]
        else:
            properties[item.name] = _leaf_schema(_kind(hint), item.metadata[INFO])
    return {
        "type": "object",
        "required": [item.name for item in fields(group) if _is_of_old(hints[item.name], item.metadata)],
        "additionalProperties": True,
        "properties": properties,
    }


def _is_of_old(hint: object, metadata: Mapping[str, Any]) -> bool:
    """Return whether schema 1 had the signal, or one of the group."""
    return any(leaf.was for leaf in _leaves(hint)) if is_dataclass(hint) else bool(metadata[INFO].was)  # type: ignore[arg-type]


def _doc(group: object) -> str:
    return (group.__doc__ or "").strip().splitlines()[0]


def _leaf_schema(kind: str, info: SignalInfo) -> dict[str, Any]:
    unit = f", {info.unit}" if info.unit else ""
    said = {"description": f"{info.meaning[0].upper()}{info.meaning[1:]}{unit}. null: {info.null}."}
    limits: dict[str, Any] = {}
    if info.low is not None:
        limits["minimum"] = info.low
    if info.high is not None:
        limits["maximum"] = info.high
    if kind == MAPPING:
        number = {"type": ["number", "null"], **limits}
        names = dict.fromkeys(info.names, number)
        required = {} if info.partial else {"required": list(names)}
        shape = {"type": ["object", "null"], **required, "additionalProperties": False}
        return {**said, **shape, "properties": names}
    if kind == WORD and info.names:
        return {**said, "enum": [*info.names, None]}
    types = {NUMBER: "number", FLAG: "boolean", WORD: "string"}
    return {**said, "type": [types[kind], "null"], **limits}


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A row of the table of all fields: its name in schema 1, where it stands now, and its values."""

    was: str
    json: str
    python: str
    csv: str
    unit: str
    values: str
    null: str


def _signal_row(leaf: Leaf) -> FieldRow:
    path, info = ".".join(leaf.path), leaf.info
    low, high = ("" if bound is None else f"{bound:g}" for bound in (info.low, info.high))
    values = {FLAG: "true, false", WORD: ", ".join(info.names) or "word"}.get(leaf.kind, f"{low} .. {high}".strip())
    column = "_".join(leaf.path)
    if leaf.kind == MAPPING:
        named = ", ".join(info.names)
        if len(info.names) > MOST_NAMES:  # a cell of a table; schema.json has them all
            named = f"{len(info.names)} names, {info.names[0]} to {info.names[-1]}"
        values, column = f"{low} .. {high} each of {named}", f"{column}_NAME"
    return FieldRow(leaf.was, f"signals.{path}", f"face.signals.{path}", column, info.unit, values, info.null)


_POSE_NULL = "no pose fits the points"
FIELDS = (
    FieldRow("frame", "frame", "frame.index", "frame", "", "0 ..", "never"),
    FieldRow("time_s", "time_s", "frame.time_s", "time_s", "s", "0 ..", "never"),
    FieldRow("", "image", "frame.name", "image", "", "file name",
             "no such key: source is no folder of pictures"),
    FieldRow("id", "id", "face.track_id", "id", "", "1 ..", "never"),
    FieldRow("box", "box", "face.box", "box_x0, box_y0, box_x1, box_y1", "px", "x0, y0, x1, y1", "never"),
    FieldRow("score", "score", "face.score", "score", "", "0 .. 1", "network without it"),
    FieldRow("points", "points", "face.landmarks.points", "px_0, py_0 to px_67, py_67", "px", "68 of x, y", "never"),
    FieldRow("sigma", "sigma", "face.landmarks.sigma", "sigma_0 to sigma_67", "px", "68 of 0 ..",
             "network without it"),
    FieldRow("", "visibility", "face.landmarks.visibility", "visibility_0 to visibility_67", "", "68 of 0 .. 1",
             "network without it"),
    FieldRow("pose.yaw_deg", "pose.yaw_deg", "face.pose.yaw_deg", "pose_yaw_deg", "deg", "-180 .. 180", _POSE_NULL),
    FieldRow("pose.pitch_deg", "pose.pitch_deg", "face.pose.pitch_deg", "pose_pitch_deg", "deg", "-90 .. 90",
             _POSE_NULL),
    FieldRow("pose.roll_deg", "pose.roll_deg", "face.pose.roll_deg", "pose_roll_deg", "deg", "-180 .. 180",
             _POSE_NULL),
    FieldRow("", "pose.translation_mm", "face.pose.translation_mm",
             "pose_translation_mm_x, pose_translation_mm_y, pose_translation_mm_z", "mm", "x, y, z", _POSE_NULL),
    FieldRow("", "pose.quaternion", "face.pose.quaternion",
             "pose_quaternion_x, pose_quaternion_y, pose_quaternion_z, pose_quaternion_w", "", "x, y, z, w of length 1",
             _POSE_NULL),
    FieldRow("", "pose.sigma_deg", "face.pose.sigma_deg",
             "pose_sigma_deg_yaw, pose_sigma_deg_pitch, pose_sigma_deg_roll", "deg", "yaw, pitch, roll",
             "network without a rotation"),
    *map(_signal_row, LEAVES),
    FieldRow("events.kind", "events.kind", "event.kind", "events", "", "word", "never"),
    FieldRow("events.id", "events.id", "event.track_id", "id", "", "1 ..", "never"),
    FieldRow("", "events.phase", "event.phase", "", "", "began, ended", "never"),
    FieldRow("events.start_s", "events.start_s", "event.start_s", "events", "s", "", "never"),
    FieldRow("", "events.since_s", "event.since_s", "", "s", "start_s .. end_s", "never"),
    FieldRow("events.end_s", "events.end_s", "event.end_s", "events", "s", "", "it lasts"),
    FieldRow("events.amplitude", "events.amplitude", "event.amplitude", "events", "", "0 ..",
             "speech, distraction"),
    FieldRow("events.closing_speed_per_s", "events.closing_speed_per_s", "event.closing_speed_per_s", "events", "1/s",
             "0 ..", "no closure of the eyes"),
    FieldRow("", "events.evidence", "event.evidence", "events", "", "each of completeness, fall_s, pitch_deg, "
             "gaze_down_deg that is known", "never; empty without an eye network"),
)  # fmt: skip
"""Every field: `signals`, `pose` and what a face has stand in each of `faces`. CSV has the events that ended."""


def docs_table() -> str:
    """Render `FIELDS` as the table of docs/signals.md."""
    lines = ["| schema 1 | JSON | Python | CSV column | unit | values | null |", "|---|---|---|---|---|---|---|"]
    for row in FIELDS:
        was, csv = (f"`{text}`" if text else "-" for text in (row.was, row.csv))
        cells = (was, f"`{row.json}`", f"`{row.python}`", csv, row.unit, row.values, row.null)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
