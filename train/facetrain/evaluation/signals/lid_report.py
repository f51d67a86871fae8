"""Report of `facetrack eval lids`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from facetrain.evaluation.signals.lid_minutes import LidResult, Minutes, RateScore
from facetrain.reporting.report import Report, Table

MEANING = {
    "false alarms per hour": "events that ended of people who are awake, by kind of event, over the simulated hours",
    "tired, drowsy": "how often the level was entered, per hour; longest: time at a level other than alert",
    "unknown": "mean share of the last 60 s that PERCLOS leaves out",
    "microsleep, long": "share of the sleeps that a microsleep, or at least a long closure, tells",
    "error": "predicted minus true, of the blinks that were found: mean / mean absolute / largest",
}
ALARM_COLUMNS = (
    "kind", "hours", "microsleep/h", "long_closure/h", "eyes_down/h", "tired/h", "drowsy/h", "longest_s",
    "highest_perclos", "lowered", "unknown", "blink_f1", "blinks", "false_blinks/h",
)  # fmt: skip
SLEEP_COLUMNS = ("kind", "sleeps", "microsleep", "long", "eyes_down", *ALARM_COLUMNS[5:11])
RATE_COLUMNS = ("rate", "blinks", "f1", "missed", "false", "duration_ms", "duration_frames", "completeness")


def report(result: LidResult) -> Report:
    """Return the report."""
    zones = [
        [name, zone, f"{found.events['distraction'] / found.hours:.1f}", f"{found.hours:.2f}"]
        for (name, zone), found in result.zones.items()
    ]
    tables = [
        Table("awake: false alarms", ALARM_COLUMNS, _alarm_rows(result.awake)),
        Table("falling asleep: what is reported", SLEEP_COLUMNS,
              [[name, *_sleep_cells(found)] for name, found in result.asleep.items()]),
        Table("distractions per hour by target zone", ("kind", "zone", "distraction/h", "hours"), zones),
        Table("blinks by frame rate", RATE_COLUMNS, [_rate_row(f"{s.fps:.0f} fps", s) for s in result.rates]),
        Table("blinks with a tenth of the frames dropped", RATE_COLUMNS,
              [_rate_row(f"{s.fps:.0f} fps", s) for s in result.dropped]),
    ]  # fmt: skip
    return Report("Simulated lids", tables, _figures(result), (), MEANING)


def _alarm_rows(kinds: Mapping[str, Minutes]) -> list[list[str]]:
    rows = []
    for name, found in kinds.items():
        counts = [found.events[kind] / found.hours for kind in ("microsleep", "long_closure", "eyes_down")]
        cells = [f"{value:.1f}" for value in counts]
        blinks = (f"{found.f1:.3f}", str(found.blinks), f"{found.false_blinks / found.hours:.1f}")
        rows.append([name, f"{found.hours:.1f}", *cells, *_level_cells(found), *blinks])
    return rows


def _level_cells(found: Minutes) -> list[str]:
    entered = [f"{found.entered[level] / found.hours:.1f}" for level in ("tired", "drowsy")]
    shares = [f"{value:.3f}" for value in (found.perclos, found.down_share, found.unknown_share)]
    return [*entered, f"{found.tired_s:.0f}", *shares]


def _sleep_cells(found: Minutes) -> list[str]:
    shares = [
        f"{reported / max(found.sleeps, 1):.2f}"
        for reported in (found.reported, found.reported_long, found.reported_down)
    ]
    return [str(found.sleeps), *shares, *_level_cells(found)]


def _rate_row(name: str, score: RateScore) -> list[str]:
    found = score.minutes
    counts = (str(found.blinks), f"{found.f1:.3f}", str(found.blinks - found.found), str(found.false_blinks))
    milliseconds = _errors(1000 * score.duration_s, 0)
    return [name, *counts, milliseconds, _errors(score.duration_s * score.fps, 2), _errors(score.completeness, 2)]


def _errors(errors: np.ndarray, digits: int) -> str:
    if not len(errors):
        return ""
    size = np.abs(errors)
    return " / ".join(f"{value:.{digits}f}" for value in (errors.mean(), size.mean(), size.max()))


def _figures(result: LidResult) -> dict[str, object]:
    def plain(found: Minutes) -> dict[str, object]:
        return {
            "hours": found.hours, "events": dict(found.events), "perclos": found.perclos,
            "entered": dict(found.entered),
            "tired_s": found.tired_s, "blink_f1": found.f1, "sleeps": found.sleeps, "reported": found.reported,
            "reported_long": found.reported_long, "reported_down": found.reported_down,
        }  # fmt: skip

    return {
        "awake": {name: plain(found) for name, found in result.awake.items()},
        "asleep": {name: plain(found) for name, found in result.asleep.items()},
        "zones": {f"{name}, {zone}": plain(found) for (name, zone), found in result.zones.items()},
        "rates": {
            f"{score.fps:.0f} fps": {
                "f1": score.minutes.f1, "duration_s": float(np.abs(score.duration_s).mean()),
                "completeness": float(np.abs(score.completeness).mean()),
            }
            for score in result.rates
        },
    }  # fmt: skip
