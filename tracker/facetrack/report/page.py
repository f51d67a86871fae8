"""The page: one HTML file with its style, pictures and timelines inside; it loads nothing."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from facetrack.report.person import UNKNOWN, Person, Shown, Total, totals
from facetrack.report.svg import clock, element
from facetrack.report.timelines import timelines

NOT_CERTIFIED = (
    "facetrack is not a certified driver-monitoring system: these figures are estimates from pictures and must not be "
    "relied on for safety."
)
OPEN_EVENTS = 40
"""A table with more of them is folded up."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Facts of the video for the page. start_s, end_s: of its first and last frame; size: (width, height) px."""

    name: str
    size: tuple[int, int]
    frames: int
    frames_with_faces: int
    start_s: float
    end_s: float
    csv_name: str | None
    version: str


def page(clip: Clip, persons: Sequence[Person]) -> str:
    """Render the whole document."""
    style = (resources.files("facetrack") / "_assets" / "report.css").read_text(encoding="utf-8")
    title = f"Face report: {clip.name}"
    head = element(
        "head",
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        element("title", text=title),
        f"<style>{style}</style>",
    )
    sections = [_person(person, clip) for person in persons]
    if not persons:
        sections = [element("p", text="No face was found in this clip.", class_="empty")]
    body = element("body", element("main", _header(clip, persons), *sections, _footer(clip)))
    return f'<!doctype html>\n<html lang="en">{head}{body}</html>\n'


def _header(clip: Clip, persons: Sequence[Person]) -> str:
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
    listed = [element("div", element("dt", text=name), element("dd", text=value)) for name, value in facts]
    return element(
        "header", element("p", text="facetrack report", class_="kicker"), element("h1", text=clip.name),
        element("dl", *listed, class_="facts"), element("p", text=NOT_CERTIFIED, class_="notice", role="note"),
    )  # fmt: skip


def _person(person: Person, clip: Clip) -> str:
    seen = person.seen.all()
    when = f"in view for {person.seen.total_s():.1f} s"
    if seen:
        when += f", from {clock(seen[0].start_s)} to {clock(seen[-1].end_s)}"
    label = f"person-{person.track_id}"
    portrait = "" if person.portrait is None else _picture(person.portrait, f"Person {person.track_id}", "portrait")
    heading = element("div", element("h2", text=f"Person {person.track_id}", id=label), element("p", text=when))
    cards = [_card(total) for total in totals(person)]
    return element(
        "section", element("div", portrait, heading, class_="who"), element("dl", *cards, class_="totals"),
        element("div", timelines(person, clip.start_s, clip.end_s), class_="timelines", tabindex=0, role="group",
                aria_label=f"Timelines of person {person.track_id}"),
        _events(person), aria_labelledby=label,
    )  # fmt: skip


def _card(total: Total) -> str:
    note = element("dd", text=total.note, class_="note")
    return element("div", element("dt", text=total.name), element("dd", text=total.value), note)


def _events(person: Person) -> str:
    if not person.events:
        return element("p", text="No event of this person.", class_="empty")
    counted = Counter(shown.event.kind for shown in person.events)
    summary = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in counted.most_common())
    names = ("Picture", "Event", "Start", "Duration", "Amplitude", "Closing speed")
    head = element("tr", *(element("th", text=name, scope="col") for name in names))
    ordered = sorted(person.events, key=lambda shown: shown.event.start_s)
    table = element(
        "table", element("caption", text=f"Events of person {person.track_id}, by their start"),
        element("thead", head), element("tbody", *(_event(shown, person.track_id) for shown in ordered)),
    )  # fmt: skip
    openness = {"open": ""} if len(ordered) <= OPEN_EVENTS else {}
    title = element("summary", text=f"{len(ordered)} events: {summary}")
    return element("details", title, element("div", table, class_="scroll"), **openness)


def _event(shown: Shown, track_id: int) -> str:
    event, kind = shown.event, shown.event.kind.replace("_", " ")
    picture = element("span", text=UNKNOWN)
    if shown.picture is not None:
        picture = _picture(shown.picture, f"Person {track_id} at {shown.picture_s:.2f} s: {kind}", "thumb")
    degrees = event.kind in ("nod", "shake", "nod_off", "glance_away", "distraction", "facing_away")
    amplitude = (
        UNKNOWN if event.amplitude is None else f"{event.amplitude:.0f}°" if degrees else f"{event.amplitude:.2f}"
    )
    speed = UNKNOWN if event.closing_speed_per_s is None else f"{event.closing_speed_per_s:.1f} /s"
    if event.evidence:
        speed += "; " + ", ".join(f"{name} {value:.2f}" for name, value in event.evidence.items())
    cells = (f"{event.start_s:.2f} s", f"{event.duration_s:.2f} s", amplitude, speed)
    return element(
        "tr", element("td", picture), element("th", text=kind, scope="row"),
        *(element("td", text=cell, class_="number") for cell in cells),
    )  # fmt: skip


def _picture(jpeg: bytes, alt: str, class_: str) -> str:
    data = b64encode(jpeg).decode("ascii")
    return element("img", src=f"data:image/jpeg;base64,{data}", alt=alt, class_=class_, width=96, height=96)


def _footer(clip: Clip) -> str:
    records = f" All records, frame by frame: {clip.csv_name}." if clip.csv_name else ""
    return element(
        "footer",
        element("p", text=f"Made by facetrack {clip.version}.{records} Right and left are the person's own."),
        element("p", text="A gap in a line is time in which the signal could not be known. Curves of long clips show "
                          "each stretch's mean over a band from its least to its largest value."),
        element("p", text="Dashed lines of PERCLOS: 8 % advisory, 12 % warning (Grace and Steward 2001). Gaze is read "
                          "from eyes and head, or from the head alone. Method and limits: docs of facetrack."),
        element("p", text="This page holds pictures of persons; pass it on only as their consent and the law allow."),
    )  # fmt: skip
