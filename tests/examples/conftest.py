"""A played film in the place of cameras, videos and networks, for programs that are run as they are printed."""

import itertools

import cv2
import pytest

import facetrack
import facetrack.capture
from facetrack.loops.result import Result
from facetrack.loops.results import Results
from facetrack.types import Event
from made_faces import BLACK, frame, made_face, nodding, write_lines

FRAMES = 60
FILM = nodding(FRAMES)
FILM[30] = (FILM[30][0], [made_face(eyes_closed_s=1.5, attention_on_target=True)], (
    Event("smile", 1, "began", 1.0, 1.0, None), Event.completed("nod", 1, 0.5, 1.0),
))  # fmt: skip


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
