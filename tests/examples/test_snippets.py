"""Every Python snippet of the README and of the documentation runs as it is printed, page by page, on a played film.

docs/programs.md has a test of its own (test_programs.py), which also looks at what its programs do.
"""

import re

import cv2
import numpy as np
import pytest

from places import REPOSITORY

FENCE = re.compile(r"^```python[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
SNIPPETS = {str(page.relative_to(REPOSITORY)): FENCE.findall(page.read_text(encoding="utf-8")) for page in PAGES}
SAID = {
    "README.md": "Pose(yaw",
    "docs/start/index.md": "face at [",
    "docs/start/webcam.md": "left eye 90% open",
    "docs/start/video.md": "face 1: blink from",
    "docs/start/export.md": "landmarks 112 px, crop of",
    "docs/start/app.md": "above 12.0 degrees: 0 frames",
}
"""What the snippets of a page print, in part."""
INCLUDED = {"docs/cookbook.md", "docs/programs.md"}
"""Pages whose programs are run by test_examples.py and test_programs.py."""
NETWORKS = {"docs/start/export.md"}


def test_no_page_is_left_out():
    assert set(SAID) <= {name for name, found in SNIPPETS.items() if found}
    included = re.findall(r'--8<-- "examples/(\w+\.py)"', (REPOSITORY / "docs" / "cookbook.md").read_text())
    assert set(included) == {path.name for path in (REPOSITORY / "examples").glob("*.py")}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.net) if name in NETWORKS else name
        for name, found in SNIPPETS.items()
        if found and name not in INCLUDED
    ],
)
def test_the_snippets_of_a_page_run_one_after_the_other(name, place, capsys):
    if any("to_dataframe" in snippet for snippet in SNIPPETS[name]):
        pytest.importorskip("pandas")
    cv2.imwrite("photo.jpg", np.full((480, 640, 3), 90, np.uint8))
    scope = {"__name__": "__main__"}
    for number, snippet in enumerate(SNIPPETS[name]):
        exec(compile(snippet, f"{name}, snippet {number + 1}", "exec"), scope)
    assert SAID.get(name, "") in capsys.readouterr().out
