"""One process that reads damaged cases and says what became of each; a crash ends it, not the measurement.

python -m facetrain.evaluation.damage.worker KIND SEED FIRST COUNT FOLDER
"""

from __future__ import annotations

import gc
import json
import logging
import os
import shutil
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import numpy as np

from facetrack.errors import FacetrackError

KINDS = ("files", "networks", "data_sets")


def module_of(kind: str) -> ModuleType:
    """Return the module with `write_case` and `read_case`."""
    from facetrain.evaluation.damage import data_sets, files, networks

    return {"files": files, "networks": networks, "data_sets": data_sets}[kind]


def run(kind: str, seed: int, index: int, folder: Path) -> dict[str, object]:
    """Make and read one case. Returns its description and outcome: read, refused, traceback or left over."""
    module = module_of(kind)
    case = folder / f"case{index}"
    case.mkdir()
    name, path = module.write_case(np.random.default_rng([seed, index]), case)
    before, opened = _content(case), _handles()
    started = time.perf_counter()
    outcome, said = "read", ""
    try:
        module.read_case(path)
    except FacetrackError as error:
        outcome, said = "refused", str(error)
        if "\n" in said:
            outcome = "traceback"
    except Exception as error:  # what this measurement is for
        outcome, said = (
            "traceback",
            f"{type(error).__name__}: {error} at {traceback.extract_tb(error.__traceback__)[-1]}",
        )
    seconds = time.perf_counter() - started
    if outcome != "traceback" and (_content(case) != before or _keeps_handles(module, path, opened)):
        outcome = "left over"
    shutil.rmtree(case)
    return {"index": index, "name": name, "outcome": outcome, "said": said[:300], "seconds": round(seconds, 3),
            "peak_mb": _peak_mb()}  # fmt: skip


def _keeps_handles(module: ModuleType, path: Path, opened: int) -> bool:
    """Return whether each reading opens files or threads for good; what a library opens once is none of its faults."""
    for _ in range(2):
        gc.collect()
        now = _handles()
        if now <= opened:
            return False
        opened = now
        with suppress(FacetrackError):
            module.read_case(path)
    gc.collect()
    return _handles() > opened


def _content(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def _handles() -> int:
    """Return the number of this process's open files and threads; 0 where the system does not tell."""
    return sum(len(os.listdir(path)) for path in ("/proc/self/fd", "/proc/self/task") if os.path.isdir(path))


def _peak_mb() -> int:
    """Return the largest memory of this process, MB; 0 where the system does not say.

    Not from getrusage, whose figure begins with the memory of the process that started this one.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


def main() -> None:
    kind, seed, first, count, folder = sys.argv[1], *map(int, sys.argv[2:5]), Path(sys.argv[5])
    logging.disable()
    for index in range(first, first + count):
        print(json.dumps({"begun": index}), flush=True)
        print(json.dumps(run(kind, seed, index, folder)), flush=True)


if __name__ == "__main__":
    main()
