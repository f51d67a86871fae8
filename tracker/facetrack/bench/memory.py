"""How much memory this process has used."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_mb() -> float | None:
    """Resident memory at its largest, 2^20 bytes; None where the system does not say (Windows).

    Linux: VmHWM. getrusage's ru_maxrss starts, in a process that another one started, with what that one had used.
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
