"""Events that last: reported when they begin and when they are over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from facetrack.types import BEGAN, ENDED, Event
from facetrack.types.events import NO_EVIDENCE


class LastingEvent:
    """One kind of event of one face: exactly one `ended` for each `began`, and never two at a time."""

    def __init__(self, kind: str, track_id: int) -> None:
        self._kind, self._track_id = kind, track_id
        self._began: Event | None = None

    def reset(self) -> None:
        """Drop what lasts without reporting its end."""
        self._began = None

    @property
    def lasts(self) -> bool:
        """Whether it was reported to have begun and not yet to have ended."""
        return self._began is not None

    def begin(
        self, start_s: float, since_s: float, amplitude: float | None = None,
        closing_speed_per_s: float | None = None, evidence: Mapping[str, float] = NO_EVIDENCE,
    ) -> tuple[Event, ...]:  # fmt: skip
        """Report its beginning; nothing while it lasts already."""
        if self._began is not None:
            return ()
        self._began = Event(
            self._kind, self._track_id, BEGAN, start_s, since_s, None, amplitude, closing_speed_per_s, evidence
        )
        return (self._began,)

    def end(
        self, end_s: float, amplitude: float | None = None, *, start_s: float | None = None,
        closing_speed_per_s: float | None = None, evidence: Mapping[str, float] | None = None,
    ) -> tuple[Event, ...]:  # fmt: skip
        """Report its end; nothing where it does not last. What is None stays as it was at its beginning."""
        began, self._began = self._began, None
        if began is None:
            return ()
        return (
            replace(
                began,
                phase=ENDED,
                end_s=max(end_s, began.since_s),
                start_s=began.start_s if start_s is None else start_s,
                amplitude=began.amplitude if amplitude is None else amplitude,
                closing_speed_per_s=began.closing_speed_per_s if closing_speed_per_s is None else closing_speed_per_s,
                evidence=began.evidence if evidence is None else evidence,
            ),
        )
