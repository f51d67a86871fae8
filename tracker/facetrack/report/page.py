"""The page: one HTML file with its style, pictures and timelines inside; it loads nothing."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from facetrack.report.person import UNKNOWN, Person, Shown, Total, totals
from facetrack.report.svg import clock, moment
from facetrack.report.timelines import Timelines, timelines
from facetrack.sinks.header import Header
from facetrack.types.events import KINDS
from facetrack.types.text import duration_text

if TYPE_CHECKING:
    from facetrack.report.scene import Scene

NOT_CERTIFIED = (
    "facetrack is not a certified driver-monitoring system: these figures are estimates from pictures and must not be "
    "relied on for safety."
)
OPEN_EVENTS = 40
"""A table with more of them is folded up."""
COMPARED = (
    *("Blinks per minute", "PERCLOS P80", "Longest closure", "On target", "Distractions", "Yawns", "Speaking"),
    *("Smiling", "Fatigue"),
)
"""Totals in the table of all persons, of those that are known of anybody."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Facts of the video for the page.

    size: (width, height) px. start_s, end_s: of its first and last frame. scene: the frame with most faces, with their
    boxes. made: date and time as text. command: that made the page, "" if unknown. header: networks and options.
    """

    name: str
    size: tuple[int, int]
    frames: int
    frames_with_faces: int
    start_s: float
    end_s: float
    csv_name: str | None
    version: str
    scene: Scene | None = None
    made: str = ""
    command: str = ""
    header: Header = field(default_factory=Header)


@dataclass(frozen=True, slots=True)
class Section:
    """One person as the template shows them."""

    id: int
    portrait: bytes | None
    seen: str
    when: str
    known: Sequence[Total]
    unknown: Sequence[Total]
    values: Mapping[str, str]
    timelines: Timelines
    counted: str
    events: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Row:
    """An event as text; more: closing speed and evidence."""

    kind: str
    start: str
    duration: str
    amplitude: str
    more: str
    picture: bytes | None
    alt: str


def page(clip: Clip, persons: Sequence[Person]) -> str:
    """Render the whole document."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = PackageLoader("facetrack", "_assets/report")
    environment = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters |= {"jpeg": _data_address, "moment": moment}
    style, script = (Markup(loader.get_source(environment, name)[0]) for name in ("style.css", "hover.js"))
    sections = [_section(person, clip) for person in persons]
    columns = [name for name in COMPARED if any(one.values.get(name, UNKNOWN) != UNKNOWN for one in sections)]
    return environment.get_template("page.html").render(
        clip=clip, persons=sections, columns=columns, facts=_facts(clip, persons), made=_made(clip), style=style,
        script=script, not_certified=NOT_CERTIFIED, open_events=OPEN_EVENTS,
    )  # fmt: skip


def _data_address(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode('ascii')}"


def _facts(clip: Clip, persons: Sequence[Person]) -> list[tuple[str, str]]:
    length_s = clip.end_s - clip.start_s
    rate = f", {(clip.frames - 1) / length_s:.4g} per second" if length_s > 0 else ""
    share = f"{100 * clip.frames_with_faces / clip.frames:.0f} %" if clip.frames else "none"
    facts = [
        ("Duration", f"{length_s:.1f} s" if length_s < 60 else clock(length_s)),
        ("Frames", f"{clip.frames}{rate}"),
        ("Picture", f"{clip.size[0]} x {clip.size[1]} px"),
        ("Persons", str(len(persons))),
        ("Frames with a face", share),
        ("Events", str(sum(len(person.events) for person in persons))),
    ]
    return [*facts, ("Made", clip.made)] if clip.made else facts


def _made(clip: Clip) -> list[tuple[str, str]]:
    """Return what else must be known to make the page again."""
    networks = ", ".join(f"{name} {value}" for name, value in clip.header.networks.items())
    settings = [f"{name.replace('_', ' ')}: {_setting(value)}" for name, value in clip.header.options.items()]
    made = [
        ("Date", clip.made),
        ("Command", clip.command),
        ("facetrack", clip.version),
        ("Networks", networks),
        ("Settings", "; ".join(text for text in settings if not text.endswith(": None"))),
    ]
    return [(name, value) for name, value in made if value]


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return value if isinstance(value, str) else "None" if value is None else json.dumps(value, default=str)


def _section(person: Person, clip: Clip) -> Section:
    spans = person.seen.all()
    seen = f"{person.seen.total_s():.1f} s"
    when = f"in view for {seen}"
    if spans:
        when += f", from {clock(spans[0].start_s)} to {clock(spans[-1].end_s)}"
    found = totals(person)
    counted = Counter(shown.event.kind for shown in person.events)
    return Section(
        person.track_id, person.portrait, seen, when,
        [total for total in found if total.is_known], [total for total in found if not total.is_known],
        {total.name: total.value for total in found}, timelines(person, clip.start_s, clip.end_s),
        ", ".join(f"{_words(kind)} {count}" for kind, count in counted.most_common()),
        [_row(shown, person.track_id) for shown in sorted(person.events, key=lambda shown: shown.event.start_s)],
    )  # fmt: skip


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _row(shown: Shown, track_id: int) -> Row:
    event = shown.event
    amplitude = UNKNOWN
    if event.amplitude is not None:
        amplitude = f"{event.amplitude:.0f}°" if KINDS[event.kind].unit == "deg" else f"{event.amplitude:.2f}"
    more = [f"{event.closing_speed_per_s:.1f} /s"] if event.closing_speed_per_s is not None else []
    more += [f"{name} {value:.2f}" for name, value in (event.evidence or {}).items()]
    return Row(
        _words(event.kind), moment(event.start_s), duration_text(event.duration_s), amplitude,
        "; ".join(more) or UNKNOWN, shown.picture,
        f"Person {track_id} at {moment(shown.picture_s)}: {_words(event.kind)}",
    )  # fmt: skip
