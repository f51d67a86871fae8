"""What `facetrack eval signals` prints and saves: tables, report.md, figures.json, and a picture of every clip."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from facetrain.evaluation.signals.labelled_spans import FLAGS, LISTED, SpanScore
from facetrain.evaluation.signals.lid_events import TOLD_AS, Finding, Judged, total
from facetrain.evaluation.signals.measure import Found
from facetrain.evaluation.signals.picture import save_picture
from facetrain.metrics.events import TOLERANCE, Counts
from facetrain.reporting import markdown

MEANING = {
    "precision, recall, f1": "true / (true + false), true / (true + missed), 2 true / (2 true + false + missed)",
    "onset, end": "the event's first (last) frame minus the label's in frames, mean / mean without the sign. An "
    "event is taken at half of the lids' way, a label at 70 %, so that an event begins up to a frame earlier and ends "
    "up to a frame later",
    "false/h": "false alarms per hour of the time in which the person was followed",
    "minutes": "in which the person was followed / of these, in which an eye was known",
    "neither": f"labels that are unsure or `partial`, and events that touch (by {TOLERANCE} frames) only such",
}

COLUMNS = ("true", "missed", "false", "precision", "recall", "f1", "onset", "end", "false/h", "minutes")


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(found: Found) -> list[Table]:
    """All figures, for the screen and for report.md."""
    out = [
        Table("blinks", ("clip", *COLUMNS), _count_rows(found.judged, "blink")),
        Table(
            "winks and long closures", ("kind", *COLUMNS), _kind_rows(found.judged, ("wink_right", "wink_left", "long"))
        ),
    ]
    if found.thinned:
        out.append(_thinned_table(found))
    out += [_span_table(found), _listed_table(found), _fatigue_table(found)]
    if found.eyelids:
        out.append(_eyelid_table(found))
    return out


def findings(found: Found) -> Table:
    """Every miss and false alarm with all frames."""
    rows = [_finding_row(finding) for judged in found.judged for finding in judged.findings]
    return Table("misses and false alarms", ("clip", "what", "kind", "frames", "why"), rows)


def save(found: Found, folder: Path, command: str) -> None:
    """report.md, figures.json and openness.png."""
    folder.mkdir(parents=True, exist_ok=True)
    save_picture(found, folder / "openness.png")
    (folder / "figures.json").write_text(json.dumps(_finite(_figures(found)), indent=2) + "\n")
    parts = ["# Signals against labels\n", markdown.code(command)]
    for table in [*tables(found), findings(found)]:
        body = markdown.table(table.head, table.rows) if table.rows else "None.\n"
        parts += [f"## {table.title.capitalize()}\n", body]
    for thinned in found.thinned:
        lines = "".join(f"- {line}\n" for line in thinned.agreement.lines) or "- no difference\n"
        parts += [f"### {thinned.name.capitalize()}: events told in one run only\n", lines]
    parts += [
        "## What the columns are\n",
        markdown.table(("column", "what it is"), list(MEANING.items())),
        markdown.pictures([folder / "openness.png"], folder),
    ]
    (folder / "report.md").write_text("\n".join(parts))


def _count_rows(judged: list[Judged], kind: str) -> list[list[str]]:
    rows = [[one.name, *_cells(one.counts[kind])] for one in judged]
    return [*rows, ["all", *_cells(total(judged, kind))]]


def _kind_rows(judged: list[Judged], kinds: Iterable[str]) -> list[list[str]]:
    return [[f"{kind} ({' or '.join(TOLD_AS[kind])})", *_cells(total(judged, kind))] for kind in kinds]


def _cells(counts: Counts) -> list[str]:
    of = {name: _number(name, value) for name, value in counts.figures().items()}
    plain = [of[name] for name in ("true", "missed", "false", "precision", "recall", "f1")]
    errors = [f"{of[f'{end}_error']} / {of[f'{end}_abs']}" for end in ("onset", "end")]
    return [*plain, *errors, of["false_per_hour"], f"{of['minutes']} / {of['minutes_known']}"]


def _number(name: str, value: float) -> str:
    if not math.isfinite(value):
        return "-"
    digits = {"true": 0, "missed": 0, "false": 0, "false_per_hour": 0, "precision": 3, "recall": 3, "f1": 3}
    return f"{value:.{digits.get(name, 2)}f}"


def _thinned_table(found: Found) -> Table:
    head = (
        "frames given",
        "precision",
        "recall",
        "f1",
        "true",
        "missed",
        "false",
        "in_both",
        "only_all",
        "only_thinned",
    )
    rows = [["all", *_blink_cells(found.judged), "", "", ""]]
    for one in found.thinned:
        same = one.agreement
        rows.append([one.name, *_blink_cells(one.judged), *map(str, (same.both, same.only_all, same.only_thinned))])
    return Table("blinks with frames left out, and all lid events beside those from all frames", head, rows)


def _blink_cells(judged: list[Judged]) -> list[str]:
    figures = total(judged, "blink").figures()
    return [_number(name, figures[name]) for name in ("precision", "recall", "f1", "true", "missed", "false")]


def _span_table(found: Found) -> Table:
    rows = []
    for kind, scores in found.spans.items():
        for name, score in [*scores.items(), ("all", sum(scores.values(), SpanScore()))]:
            inside, outside = (_number("share", share) for share in score.shares)
            if score.inside or score.told_outside:
                row = [name, str(score.inside), inside, str(score.outside), outside]
                rows.append([f"{kind} ({FLAGS[kind][0]})", *row])
    head = ("label (signal)", "clip", "frames_inside", "told_inside", "frames_outside", "told_outside")
    return Table("speech and smiles, frame by frame", head, rows)


def _listed_table(found: Found) -> Table:
    rows = []
    for one in found.listed:
        amplitude = "" if one.amplitude is None else f"{one.amplitude:.2f}"
        rows.append([one.kind, one.clip, f"{one.first}-{one.last}", amplitude, one.beside])
    counted = ", ".join(f"{sum(one.kind == kind for one in found.listed)} {kind}" for kind in LISTED)
    title = f"yawns (each false), gestures and glances (not labelled): {counted}"
    return Table(title, ("kind", "clip", "frames", "amplitude", "labels beside"), rows)


def _fatigue_table(found: Found) -> Table:
    rows = []
    for name, one in found.fatigue.items():
        entered = [f"{count} ({_number('false_per_hour', one.per_hour(count))})" for count in one.entered.values()]
        microsleeps = f"{one.microsleeps} ({_number('false_per_hour', one.per_hour(one.microsleeps))})"
        seconds = [f"{one.seconds:.0f}", f"{one.known_s:.0f}", f"{one.highest_perclos:.3f}", f"{one.highest:.3f}"]
        made_of = ", ".join(f"{part} {share:.2f}" for part, share in one.parts.items())
        rows.append([name, *seconds, made_of, *entered, microsleeps])
    head = (
        "clips",
        "seconds",
        "known_s",
        "highest_perclos",
        "highest_fatigue",
        "made_of",
        "tired",
        "drowsy",
        "microsleeps",
    )
    return Table("fatigue over the clips in a row, all awake: false alarms (per hour)", head, rows)


def _eyelid_table(found: Found) -> Table:
    rows = [
        [f"{one.fps:.0f} fps", *(_number(name, value) for name, value in one.figures().items())]
        for one in found.eyelids
    ]
    return Table("rendered lids, exact truth: errors in frames", ("rate", *found.eyelids[0].figures()), rows)


def _finding_row(finding: Finding) -> list[str]:
    return [finding.clip, finding.what, finding.kind, f"{finding.first}-{finding.last}", finding.why]


def _figures(found: Found) -> dict[str, object]:
    return {
        "clips": {one.name: {kind: c.figures() for kind, c in one.counts.items()} for one in found.judged},
        "all": {kind: total(found.judged, kind).figures() for kind in TOLD_AS},
        "thinned": {
            one.name: {"blink": total(one.judged, "blink").figures(), **asdict(one.agreement)} for one in found.thinned
        },
        "spans": {kind: {name: asdict(one) for name, one in scores.items()} for kind, scores in found.spans.items()},
        "listed": [asdict(one) for one in found.listed],
        "fatigue": {name: asdict(one) for name, one in found.fatigue.items()},
        "eyelids": {f"{one.fps:.0f} fps": one.figures() for one in found.eyelids},
        "findings": [asdict(finding) for one in found.judged for finding in one.findings],
    }


def _finite(value: object) -> object:
    """What is no number is null in JSON."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
