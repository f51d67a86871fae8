"""Peak memory of this process."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_mb() -> float | None:
    """Return the peak resident memory, 2^20 bytes; None if the system does not report it (Windows).

    Linux: VmHWM, as getrusage's ru_maxrss of a child process starts at the peak of its parent.
    """
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        if "VmHWM" in fields:
            return int(fields["VmHWM"].split()[0]) / 1024
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024
