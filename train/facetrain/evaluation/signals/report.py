"""Report of `facetrack eval signals`: tables, report.md, figures.json, and a plot of every clip."""

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
    "onset, end": "the event's first (last) frame minus the label's in frames, mean / mean absolute. An event begins "
    "and ends at half closure, a label at 70 %, so that an event begins up to a frame earlier and ends up to a frame "
    "later",
    "false/h": "false alarms per hour of the time in which the person was tracked",
    "minutes": "time in which the person was tracked / part of it in which the openness of an eye was known",
    "ignored": f"labels that are unsure or `partial`, and events that overlap only such (within {TOLERANCE} frames)",
}

COLUMNS = ("true", "missed", "false", "precision", "recall", "f1", "onset", "end", "false/h", "minutes")


@dataclass(frozen=True, slots=True)
class Table:
    """Table of text."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(result: SignalsResult) -> list[Table]:
    """Return the tables for the console and for report.md."""
    wink_rows = _kind_rows(result.scores, ("wink_right", "wink_left", "long"))
    out = [
        Table("blinks", ("clip", *COLUMNS), _count_rows(result.scores, "blink")),
        Table("winks and long closures", ("kind", *COLUMNS), wink_rows),
    ]
    if result.subsampled:
        out.append(_subsampled_table(result))
    out += [_span_table(result), _listed_table(result), _fatigue_table(result)]
    if result.eyelids:
        out.append(_eyelid_table(result))
    return out


def findings(result: SignalsResult) -> Table:
    """Return the table of every miss and false alarm with all frames."""
    rows = [_finding_row(finding) for scores in result.scores for finding in scores.findings]
    return Table("misses and false alarms", ("clip", "error", "kind", "frames", "explanation"), rows)


def save(result: SignalsResult, folder: Path, command: str) -> None:
    """Write report.md, figures.json and openness.png."""
    folder.mkdir(parents=True, exist_ok=True)
    save_picture(result, folder / "openness.png")
    (folder / "figures.json").write_text(json.dumps(_finite(_figures(result)), indent=2) + "\n")
    parts = ["# Signals against labels\n", markdown.code(command)]
    for table in [*tables(result), findings(result)]:
        body = markdown.table(table.head, table.rows) if table.rows else "None.\n"
        parts += [f"## {table.title.capitalize()}\n", body]
    for subsampled in result.subsampled:
        lines = "".join(f"- {line}\n" for line in subsampled.agreement.lines) or "- no difference\n"
        parts += [f"### {subsampled.name.capitalize()}: events predicted in one run only\n", lines]
    parts += [
        "## Columns\n",
        markdown.table(("column", "meaning"), list(MEANING.items())),
        markdown.pictures([folder / "openness.png"], folder),
    ]
    (folder / "report.md").write_text("\n".join(parts))


def _count_rows(scores: list[PersonScore], kind: str) -> list[list[str]]:
    rows = [[score.name, *_cells(score.counts[kind])] for score in scores]
    return [*rows, ["all", *_cells(total(scores, kind))]]


def _kind_rows(scores: list[PersonScore], kinds: Iterable[str]) -> list[list[str]]:
    return [[f"{kind} ({' or '.join(EVENTS_OF_LABEL[kind])})", *_cells(total(scores, kind))] for kind in kinds]


def _cells(counts: Counts) -> list[str]:
    texts = {name: _number(name, value) for name, value in counts.figures().items()}
    plain = [texts[name] for name in ("true", "missed", "false", "precision", "recall", "f1")]
    errors = [f"{texts[f'{end}_error']} / {texts[f'{end}_abs']}" for end in ("onset", "end")]
    return [*plain, *errors, texts["false_per_hour"], f"{texts['minutes']} / {texts['minutes_known']}"]


def _number(name: str, value: float) -> str:
    if not math.isfinite(value):
        return "-"
    digits = {"true": 0, "missed": 0, "false": 0, "false_per_hour": 0, "precision": 3, "recall": 3, "f1": 3}
    return f"{value:.{digits.get(name, 2)}f}"


def _subsampled_table(result: SignalsResult) -> Table:
    head = (
        "frames used",
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
    rows = [["all", *_blink_cells(result.scores), "", "", ""]]
    for run in result.subsampled:
        agreement = run.agreement
        events = map(str, (agreement.both, agreement.only_all, agreement.only_subsampled))
        rows.append([run.name, *_blink_cells(run.scores), *events])
    return Table("blinks with frames dropped, and agreement of all lid events with those from all frames", head, rows)


def _blink_cells(scores: list[PersonScore]) -> list[str]:
    figures = total(scores, "blink").figures()
    return [_number(name, figures[name]) for name in ("precision", "recall", "f1", "true", "missed", "false")]


def _span_table(result: SignalsResult) -> Table:
    rows = []
    for kind, scores in result.spans.items():
        for name, score in [*scores.items(), ("all", sum(scores.values(), SpanScore()))]:
            inside, outside = (_number("share", share) for share in score.shares)
            if score.inside or score.predicted_outside:
                row = [name, str(score.inside), inside, str(score.outside), outside]
                rows.append([f"{kind} ({FLAGS[kind][0]})", *row])
    head = ("label (signal)", "clip", "frames_inside", "predicted_inside", "frames_outside", "predicted_outside")
    return Table("speech and smiles, frame by frame", head, rows)


def _listed_table(result: SignalsResult) -> Table:
    rows = []
    for event in result.listed:
        amplitude = "" if event.amplitude is None else f"{event.amplitude:.2f}"
        rows.append([event.kind, event.clip, f"{event.first}-{event.last}", amplitude, event.beside])
    counts = ", ".join(f"{sum(event.kind == kind for event in result.listed)} {kind}" for kind in LISTED)
    title = f"yawns (each false), gestures and glances (not labelled): {counts}"
    return Table(title, ("kind", "clip", "frames", "amplitude", "overlapping labels"), rows)


def _fatigue_table(result: SignalsResult) -> Table:
    rows = []
    for name, score in result.fatigue.items():
        entered = [f"{count} ({_number('false_per_hour', score.per_hour(count))})" for count in score.entered.values()]
        microsleeps = f"{score.microsleeps} ({_number('false_per_hour', score.per_hour(score.microsleeps))})"
        numbers = [f"{score.seconds:.0f}", f"{score.known_s:.0f}", f"{score.highest_perclos:.3f}"]
        parts = ", ".join(f"{part} {share:.2f}" for part, share in score.parts.items())
        rows.append([name, *numbers, f"{score.highest:.3f}", parts, *entered, microsleeps])
    head = (
        "clips",
        "seconds",
        "known_s",
        "highest_perclos",
        "highest_fatigue",
        "components",
        "tired",
        "drowsy",
        "microsleeps",
    )
    return Table("fatigue over the clips in sequence, all awake: false alarms (per hour)", head, rows)


def _eyelid_table(result: SignalsResult) -> Table:
    rows = [
        [f"{score.fps:.0f} fps", *(_number(name, value) for name, value in score.figures().items())]
        for score in result.eyelids
    ]
    head = ("rate", *result.eyelids[0].figures())
    return Table("rendered eyelids, exact ground truth: errors in frames", head, rows)


def _finding_row(finding: Finding) -> list[str]:
    return [finding.clip, finding.what, finding.kind, f"{finding.first}-{finding.last}", finding.why]


def _figures(result: SignalsResult) -> dict[str, object]:
    return {
        "clips": {
            person.name: {kind: counts.figures() for kind, counts in person.counts.items()} for person in result.scores
        },
        "all": {kind: total(result.scores, kind).figures() for kind in EVENTS_OF_LABEL},
        "subsampled": {
            run.name: {"blink": total(run.scores, "blink").figures(), **asdict(run.agreement)}
            for run in result.subsampled
        },
        "spans": {
            kind: {name: asdict(score) for name, score in scores.items()} for kind, scores in result.spans.items()
        },
        "listed": [asdict(event) for event in result.listed],
        "fatigue": {name: asdict(score) for name, score in result.fatigue.items()},
        "eyelids": {f"{score.fps:.0f} fps": score.figures() for score in result.eyelids},
        "findings": [asdict(finding) for person in result.scores for finding in person.findings],
    }


def _finite(value: object) -> object:
    """Replace NaN and infinity by None, for JSON."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
