"""Every program of docs/programs.md runs as it is printed, on a played film and a made picture, and does its work."""

import itertools
import re
import sys

import cv2
import numpy as np
import pytest

import facetrack
import facetrack.capture
from facetrack.loops.result import Result
from facetrack.loops.results import Results
from facetrack.types import Event
from made_faces import BLACK, frame, made_face, nodding, write_lines
from places import REPOSITORY

TEXT = (REPOSITORY / "docs" / "programs.md").read_text()
PROGRAMS = dict(re.findall(r"^([^\n]+):\n```python\n(.*?)```", TEXT, re.MULTILINE | re.DOTALL))
FRAMES = 60
FILM = nodding(FRAMES)
FILM[30] = (FILM[30][0], [made_face(eyes_closed_s=1.5, attention_on_target=True)], (
    Event("smile", 1, "began", 1.0, 1.0, None), Event.completed("nod", 1, 0.5, 1.0),
))  # fmt: skip

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


class Played:
    """A tracker in whose every source the film is played."""

    def __init__(self, *_, **__):
        self.reset()

    def reset(self):
        self.film, self.events = iter(FILM), ()
        return ()

    def update(self, frame, search=True, *, time_s=None, rgb=False):
        _, faces, self.events = next(self.film)
        return faces

    def finish(self):
        return ()

    def search_is_due(self, time_s, interval_s=None):
        return False

    def track(self, source, **asked):
        return Results(self, source, **asked)


class Source(list):
    """An open source of black frames."""

    size, fps, live = (640, 480), 30.0, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def close(self):
        """Do nothing."""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a folder with what the programs read, in which they run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    (tmp_path / "photos").mkdir()
    for name in ("photo.jpg", "photos/a.png", "photos/b.png"):
        cv2.imwrite(name, BLACK)
    write_lines(tmp_path / "points.jsonl", FILM)
    monkeypatch.setattr(facetrack.FaceTracker, "from_weights", Played)
    monkeypatch.setattr(facetrack, "find_faces", lambda image: Result(frame(0), (made_face(),)), raising=False)
    monkeypatch.setattr(facetrack.capture, "open_source", lambda *_, **__: Source(map(frame, range(FRAMES))))
    monkeypatch.setattr(cv2, "imshow", lambda title, image: image.shape)
    keys = itertools.chain([-1, -1, ord("q")])
    monkeypatch.setattr(cv2, "waitKey", lambda _: next(keys))
    return tmp_path


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
