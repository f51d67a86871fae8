"""What `facetrack eval signals` prints and saves: tables, report.md, figures.json, and a picture of every clip."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from facetrain.evaluation.signals.labelled_spans import FLAGS, LISTED, SpanScore
from facetrain.evaluation.signals.lid_events import EVENTS_OF_LABEL, Finding, PersonScore, total
from facetrain.evaluation.signals.measure import SignalsResult
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


def tables(found: SignalsResult) -> list[Table]:
    """All figures, for the screen and for report.md."""
    out = [
        Table("blinks", ("clip", *COLUMNS), _count_rows(found.scores, "blink")),
        Table(
            "winks and long closures", ("kind", *COLUMNS), _kind_rows(found.scores, ("wink_right", "wink_left", "long"))
        ),
    ]
    if found.subsampled:
        out.append(_subsampled_table(found))
    out += [_span_table(found), _listed_table(found), _fatigue_table(found)]
    if found.eyelids:
        out.append(_eyelid_table(found))
    return out


def findings(found: SignalsResult) -> Table:
    """Every miss and false alarm with all frames."""
    rows = [_finding_row(finding) for scores in found.scores for finding in scores.findings]
    return Table("misses and false alarms", ("clip", "what", "kind", "frames", "why"), rows)


def save(found: SignalsResult, folder: Path, command: str) -> None:
    """report.md, figures.json and openness.png."""
    folder.mkdir(parents=True, exist_ok=True)
    save_picture(found, folder / "openness.png")
    (folder / "figures.json").write_text(json.dumps(_finite(_figures(found)), indent=2) + "\n")
    parts = ["# Signals against labels\n", markdown.code(command)]
    for table in [*tables(found), findings(found)]:
        body = markdown.table(table.head, table.rows) if table.rows else "None.\n"
        parts += [f"## {table.title.capitalize()}\n", body]
    for subsampled in found.subsampled:
        lines = "".join(f"- {line}\n" for line in subsampled.agreement.lines) or "- no difference\n"
        parts += [f"### {subsampled.name.capitalize()}: events told in one run only\n", lines]
    parts += [
        "## What the columns are\n",
        markdown.table(("column", "what it is"), list(MEANING.items())),
        markdown.pictures([folder / "openness.png"], folder),
    ]
    (folder / "report.md").write_text("\n".join(parts))


def _count_rows(scores: list[PersonScore], kind: str) -> list[list[str]]:
    rows = [[one.name, *_cells(one.counts[kind])] for one in scores]
    return [*rows, ["all", *_cells(total(scores, kind))]]


def _kind_rows(scores: list[PersonScore], kinds: Iterable[str]) -> list[list[str]]:
    return [[f"{kind} ({' or '.join(EVENTS_OF_LABEL[kind])})", *_cells(total(scores, kind))] for kind in kinds]


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


def _subsampled_table(found: SignalsResult) -> Table:
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
        "only_subsampled",
    )
    rows = [["all", *_blink_cells(found.scores), "", "", ""]]
    for one in found.subsampled:
        same = one.agreement
        rows.append([one.name, *_blink_cells(one.scores), *map(str, (same.both, same.only_all, same.only_subsampled))])
    return Table("blinks with frames left out, and all lid events beside those from all frames", head, rows)


def _blink_cells(scores: list[PersonScore]) -> list[str]:
    figures = total(scores, "blink").figures()
    return [_number(name, figures[name]) for name in ("precision", "recall", "f1", "true", "missed", "false")]


def _span_table(found: SignalsResult) -> Table:
    rows = []
    for kind, scores in found.spans.items():
        for name, score in [*scores.items(), ("all", sum(scores.values(), SpanScore()))]:
            inside, outside = (_number("share", share) for share in score.shares)
            if score.inside or score.predicted_outside:
                row = [name, str(score.inside), inside, str(score.outside), outside]
                rows.append([f"{kind} ({FLAGS[kind][0]})", *row])
    head = ("label (signal)", "clip", "frames_inside", "predicted_inside", "frames_outside", "predicted_outside")
    return Table("speech and smiles, frame by frame", head, rows)


def _listed_table(found: SignalsResult) -> Table:
    rows = []
    for one in found.listed:
        amplitude = "" if one.amplitude is None else f"{one.amplitude:.2f}"
        rows.append([one.kind, one.clip, f"{one.first}-{one.last}", amplitude, one.beside])
    counted = ", ".join(f"{sum(one.kind == kind for one in found.listed)} {kind}" for kind in LISTED)
    title = f"yawns (each false), gestures and glances (not labelled): {counted}"
    return Table(title, ("kind", "clip", "frames", "amplitude", "labels beside"), rows)


def _fatigue_table(found: SignalsResult) -> Table:
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


def _eyelid_table(found: SignalsResult) -> Table:
    rows = [
        [f"{one.fps:.0f} fps", *(_number(name, value) for name, value in one.figures().items())]
        for one in found.eyelids
    ]
    return Table("rendered lids, exact truth: errors in frames", ("rate", *found.eyelids[0].figures()), rows)


def _finding_row(finding: Finding) -> list[str]:
    return [finding.clip, finding.what, finding.kind, f"{finding.first}-{finding.last}", finding.why]


def _figures(found: SignalsResult) -> dict[str, object]:
    return {
        "clips": {one.name: {kind: c.figures() for kind, c in one.counts.items()} for one in found.scores},
        "all": {kind: total(found.scores, kind).figures() for kind in EVENTS_OF_LABEL},
        "subsampled": {
            one.name: {"blink": total(one.scores, "blink").figures(), **asdict(one.agreement)}
            for one in found.subsampled
        },
        "spans": {kind: {name: asdict(one) for name, one in scores.items()} for kind, scores in found.spans.items()},
        "listed": [asdict(one) for one in found.listed],
        "fatigue": {name: asdict(one) for name, one in found.fatigue.items()},
        "eyelids": {f"{one.fps:.0f} fps": one.figures() for one in found.eyelids},
        "findings": [asdict(finding) for one in found.scores for finding in one.findings],
    }


def _finite(value: object) -> object:
    """What is no number is null in JSON."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
