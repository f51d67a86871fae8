"""The tracker's options in a command's signature: names, defaults and what reaches the tracker."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from facetrack.cli import options
from facetrack.cli.options import Tracking, takes_tracking

TAKEN = []


def command_of(*names, **defaults):
    app = typer.Typer()

    @app.command()
    @takes_tracking(*names, **defaults)
    def run(tracking: Tracking, source: Path, loud: bool = False) -> None:
        TAKEN.append((source, loud, tracking))

    return app


def take(app, *words):
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return TAKEN.pop()


def test_every_option_is_a_parameter_of_the_command():
    source, loud, tracking = take(
        command_of(max_faces=4),
        "in.mp4",
        "--loud",
        "--smooth",
        "high",
        "--fov",
        "70",
        "--expressions",
        "--threads",
        "2",
    )
    assert (source, loud) == (Path("in.mp4"), True)
    assert tracking == Tracking(smooth="high", fov=70.0, expressions=True, threads=2, max_faces=4)


def test_left_out_options_have_their_defaults_and_those_not_taken_are_refused():
    app = command_of("model", "max_faces", max_faces=64)
    assert take(app, "a.png")[2] == Tracking(max_faces=64)
    refused = CliRunner().invoke(app, ["a.png", "--smooth", "off"])
    assert refused.exit_code == 2
    assert "No such option" in refused.output


@pytest.mark.parametrize("words", [("--threads", "0"), ("--fov", "200"), ("--max-faces", "many")])
def test_ranges_are_checked(words):
    assert CliRunner().invoke(command_of(), ["in.mp4", *words]).exit_code == 2


def test_the_options_reach_the_tracker(monkeypatch):
    monkeypatch.setattr(options, "make_tracker", lambda *values: values)
    model, built, threads, detector_px, *rest = Tracking(
        Path("m.onnx"), max_faces=3, smooth="low", fov=80.0, threads=2, engine="openvino", target_zone="10,5"
    ).tracker(640, confirmations=1)
    assert (model, threads, detector_px) == (Path("m.onnx"), 2, 640)
    assert (built.max_faces, built.smoothing, built.confirmations, built.camera.fov_deg) == (3, "low", 1, 80.0)
    assert built.signals.attention.yaw_deg == (-10.0, 10.0)
    assert rest == ["own", None, "openvino", "cpu", False, False]
