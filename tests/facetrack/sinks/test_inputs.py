"""No output replaces an input, or a file whose name nobody gave."""

import pytest

from facetrack.errors import OutputError
from facetrack.sinks.inputs import check_outputs, refuse_existing, refuse_inputs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in.mp4", "profile.json", "there.csv", "1.jpg"):
        (tmp_path / name).write_text("content")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "in.mp4")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "1.jpg").write_text("picture")
    return tmp_path


@pytest.mark.parametrize(
    ("output", "inputs", "message"),
    [
        ("in.mp4", "in.mp4", "the input itself"),
        ("./pictures/../in.mp4", "in.mp4", "the input itself"),
        ("link.mp4", ("0", "in.mp4"), "the input itself"),
        ("in.mp4", "link.mp4", "the input itself"),
        ("profile.json", ("in.mp4", None, "profile.json"), "the input itself"),
        ("pictures/1.jpg", "pictures", "one of the input's pictures"),
        ("pictures", (), "is a folder"),
        ("nowhere/a.json", (), "does not exist"),
    ],
)
def test_an_input_is_no_output(folder, output, inputs, message):
    for given in ({"named": (output,)}, {"unnamed": (output,), "overwrite": True}):
        with pytest.raises(OutputError, match=message):
            check_outputs(**given, inputs=inputs)
    if "input" in message:
        with pytest.raises(OutputError, match=message):
            refuse_inputs((output,), inputs)


def test_a_named_output_is_replaced_and_another_one_is_not(folder):
    check_outputs(named=("there.csv", "new.csv", None, "-"), inputs=("0", "rtsp://host/in.mp4", "in.mp4"))
    with pytest.raises(OutputError, match=r"there\.csv is there already.*--overwrite"):
        check_outputs(unnamed=("there.csv",))
    with pytest.raises(OutputError, match="there already"):
        refuse_existing(("there.csv",))
    check_outputs(unnamed=("there.csv", "pictures/2.jpg"), overwrite=True, inputs="pictures")


def test_two_outputs_have_two_names(folder):
    with pytest.raises(OutputError, match="two outputs"):
        check_outputs(named=("new.csv",), unnamed=("./new.csv",))
    with pytest.raises(OutputError, match="standard output is given for two outputs"):
        check_outputs(named=("-", "-"))
