"""Every program of docs/programs.md runs as it is printed, on a played film and a made picture, and does its work."""

import re
import sys

import numpy as np
import pytest

from made_faces import BLACK
from places import REPOSITORY

TEXT = (REPOSITORY / "docs" / "programs.md").read_text()
PROGRAMS = dict(re.findall(r"^([^\n]+):\n```python\n(.*?)```", TEXT, re.MULTILINE | re.DOTALL))

EXPECTED = {
    "Faces in a picture": "Pose(yaw +0.0",
    "The annotated picture": ["annotated.png"],
    "Each face as a picture of its own": ["face1.png"],
    "A folder of pictures": "a.png 1\nb.png 1\n",
    "A picture of Pillow, and how wide its eyes are, px": "[",
    "In a notebook": "",
    "Count blinks": "blinks: 3\n",
    "Everything as a table": ["table.csv"],
    "How open the eyes were, second by second": "eyes_left_openness",
    "The most people at once": "at most 1\n",
    "A picture of every smile": ["smile_30.png"],
    "Answers by nodding and shaking": "1.0 s: yes\n",
    "The head's turn over time, from a file that `facetrack video --json points.jsonl` wrote": ["yaw.png"],
    "A window": "",
    "An alarm when the eyes stay closed (no safety device)": "\a wake up\n",
    "How far away the head is, for a lens of 70 degrees": "60 cm\n",
    "Who looks at the screen": "[]\n[1]\n",
    "Two cameras in threads, a tracker for each": "1 1\n",
    "JSON to any other program, in asyncio": '"frame": 59',
    "Pictures that come from elsewhere, one by one": "1 ()\n",
}
"""Program -> what it prints, in part, or the files that it leaves."""


def test_there_are_twenty_and_each_is_tested():
    assert set(PROGRAMS) == set(EXPECTED)
    assert len(PROGRAMS) == 20


@pytest.mark.parametrize("name", EXPECTED)
def test_a_program_does_its_work(name, place, capsys):
    for package in ("pandas", "PIL", "matplotlib"):
        if package in PROGRAMS[name] or ("to_dataframe" in PROGRAMS[name] and package == "pandas"):
            pytest.importorskip(package)
    exec(compile(PROGRAMS[name], name, "exec"), {"__name__": "__main__"})
    expected = EXPECTED[name]
    if isinstance(expected, list):
        assert all((place / file).stat().st_size > 0 for file in expected)
        return
    assert expected in capsys.readouterr().out
    plt = sys.modules.get("matplotlib.pyplot")
    if "plt" in PROGRAMS[name]:
        assert np.asarray(plt.gca().images[0].get_array()).shape == BLACK.shape
