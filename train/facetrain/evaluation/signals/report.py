"""Report of `facetrack eval signals`, and a plot of every clip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from functools import partial

from facetrain.evaluation.signals.labelled_spans import FLAGS, LISTED, SpanScore
from facetrain.evaluation.signals.lid_events import EVENTS_OF_LABEL, PersonScore, total
from facetrain.evaluation.signals.measure import SignalsResult
from facetrain.evaluation.signals.picture import save_picture
from facetrain.metrics.events import TOLERANCE, Counts
from facetrain.reporting import markdown
from facetrain.reporting.report import Report, Table

MEANING = {
    "precision, recall, f1": "true / (true + false), true / (true + missed), 2 true / (2 true + false + missed)",
    "onset, end": "the event's first (last) frame minus the label's in frames, mean / mean absolute. An event begins "
    "and ends at half closure, a label at 70 %, so that an event begins up to a frame earlier and ends up to a frame "
    "later",
    "false/h": "false alarms per hour of the time in which the person was tracked",
    "minutes": "time in which the person was tracked / part of it in which the openness of an eye was known",
    "ignored": f"labels that are unsure or `partial`, and events that overlap only such (within {TOLERANCE} frames)",
}

SUBSAMPLED = ("precision", "recall", "f1", "true", "missed", "false")
COLUMNS = ("true", "missed", "false", "precision", "recall", "f1", "onset", "end", "false/h", "minutes")


def report(result: SignalsResult) -> Report:
    """Return the report; the last table has every miss and false alarm with its frames."""
    wink_rows = _kind_rows(result.scores, ("wink_right", "wink_left", "long"))
    blink_rows = [[score.name, *_cells(score.counts["blink"])] for score in result.scores]
    blink_rows.append(["all", *_cells(total(result.scores, "blink"))])
    tables = [
        Table("blinks", ("clip", *COLUMNS), blink_rows),
        Table("winks and long closures", ("kind", *COLUMNS), wink_rows),
        *([_subsampled_table(result)] if result.subsampled else []),
        _span_table(result), _listed_table(result), _fatigue_table(result),
        *([_eyelid_table(result)] if result.eyelids else []),
        _finding_table(result),
    ]  # fmt: skip
    details = [
        Table(f"{run.name}: events predicted in one run only", ("event",), [[line] for line in run.agreement.lines])
        for run in result.subsampled
    ]
    plots = {"openness.png": partial(save_picture, result)}
    return Report("Signals against labels", tables, _figures(result), (), MEANING, plots, details)


def _kind_rows(scores: list[PersonScore], kinds: Iterable[str]) -> list[list[str]]:
    return [[f"{kind} ({' or '.join(EVENTS_OF_LABEL[kind])})", *_cells(total(scores, kind))] for kind in kinds]


def _cells(counts: Counts) -> list[str]:
    texts = {name: _number(name, value) for name, value in counts.figures().items()}
    plain = [texts[name] for name in ("true", "missed", "false", "precision", "recall", "f1")]
    errors = [f"{texts[f'{end}_error']} / {texts[f'{end}_abs']}" for end in ("onset", "end")]
    return [*plain, *errors, texts["false_per_hour"], f"{texts['minutes']} / {texts['minutes_known']}"]


def _number(name: str, value: float) -> str:
    digits = {"true": 0, "missed": 0, "false": 0, "false_per_hour": 0, "precision": 3, "recall": 3, "f1": 3}
    return markdown.fixed(value, digits.get(name, 2))


def _subsampled_table(result: SignalsResult) -> Table:
    head = ("frames used", *SUBSAMPLED, "in_both", "only_all", "only_subsampled")
    rows = [["all", *_blink_cells(result.scores), "", "", ""]]
    for run in result.subsampled:
        agreement = run.agreement
        events = map(str, (agreement.both, agreement.only_all, agreement.only_subsampled))
        rows.append([run.name, *_blink_cells(run.scores), *events])
    return Table("blinks with frames dropped, and agreement of all lid events with those from all frames", head, rows)


def _blink_cells(scores: list[PersonScore]) -> list[str]:
    figures = total(scores, "blink").figures()
    return [_number(name, figures[name]) for name in SUBSAMPLED]


def _span_table(result: SignalsResult) -> Table:
    rows = []
    for kind, scores in result.spans.items():
        for name, score in [*scores.items(), ("all", sum(scores.values(), SpanScore()))]:
            inside, outside = (_number("share", share) for share in score.shares)
            if score.inside or score.predicted_outside:
                row = [name, str(score.inside), inside, str(score.outside), outside]
                rows.append([f"{kind} ({FLAGS[kind][0].rpartition('.')[2]})", *row])
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
    highest = ("highest_perclos", "highest_fatigue", "components")
    head = ("clips", "seconds", "known_s", *highest, "tired", "drowsy", "microsleeps")
    return Table("fatigue over the clips in sequence, all awake: false alarms (per hour)", head, rows)


def _eyelid_table(result: SignalsResult) -> Table:
    rows = [
        [f"{score.fps:.0f} fps", *(_number(name, value) for name, value in score.figures().items())]
        for score in result.eyelids
    ]
    head = ("rate", *result.eyelids[0].figures())
    return Table("rendered eyelids, exact ground truth: errors in frames", head, rows)


def _finding_table(result: SignalsResult) -> Table:
    findings = [finding for scores in result.scores for finding in scores.findings]
    rows = [[f.clip, f.what, f.kind, f"{f.first}-{f.last}", f.why] for f in findings]
    return Table("misses and false alarms", ("clip", "error", "kind", "frames", "explanation"), rows)


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
