"""Memory of this process."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_mb() -> float | None:
    """Return the peak resident memory, 2^20 bytes; None if the system does not report it (Windows).

    Linux: VmHWM, as getrusage's ru_maxrss of a child process starts at the peak of its parent.
    """
    peak = _status_mb("VmHWM")
    if peak is not None:
        return peak
    if sys.platform == "win32":
        return None
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage / 2**20 if sys.platform == "darwin" else usage / 1024


def resident_mb() -> float | None:
    """Return the resident memory now, 2^20 bytes; None where there is no /proc."""
    return _status_mb("VmRSS")


def _status_mb(name: str) -> float | None:
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return int(fields[name].split()[0]) / 1024 if name in fields else None
