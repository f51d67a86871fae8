"""Openness of the eyes against labelled blinks, on hand-made traces."""

import numpy as np
import pytest

from facetrack.errors import DataError
from facetrain.evaluation.signals.openness import Blink, Trace, read_blinks, save_picture

NAN = np.nan
BLINK = Blink(3, 4)


def trace(*means, blinks=(BLINK,)):
    return Trace("a.mp4", np.stack([means, means], axis=1).astype(np.float32), blinks)


def test_a_blink_shows_below_half_the_median():
    shown = trace(0.8, 0.8, 0.8, 0.5, 0.39, 0.8, 0.8, 0.8)
    assert shown.limit == pytest.approx(0.4)
    assert shown.lowest(BLINK) == pytest.approx(0.39)
    assert shown.shows(BLINK)
    assert not trace(0.8, 0.8, 0.8, 0.5, 0.41, 0.8, 0.8, 0.8).shows(BLINK)


def test_an_eye_of_unknown_openness_shows_no_blink():
    unknown = trace(0.8, 0.8, 0.8, NAN, NAN, 0.8, 0.8, 0.8)
    assert np.isnan(unknown.lowest(BLINK))
    assert not unknown.shows(BLINK)
    never = trace(NAN, NAN, blinks=(Blink(0, 1),))
    assert not never.shows(Blink(0, 1))
    assert never.closed_outside_blinks() == 0
    one = Trace("a.mp4", np.array([[0.8, NAN], [NAN, 0.6], [0.2, 0.4]], np.float32), ())
    np.testing.assert_allclose(one.mean, [0.8, 0.6, 0.3], atol=1e-6)


def test_frames_closed_without_a_blink_are_counted_but_not_those_of_moving_lids():
    values = [0.9] * 20
    values[3:5] = [0.0, 0.0]  # labelled
    values[1:3] = [0.4, 0.3]  # closing
    values[5] = 0.3  # opening
    values[12:14] = [0.2, 0.2]  # not labelled
    assert trace(*values).closed_outside_blinks() == 2


def test_a_table_of_blinks(tmp_path):
    table = tmp_path / "blinks.csv"
    table.write_text("video,fps,first_closed_frame,last_closed_frame\na.mp4,25,3,5\nb.mp4,30,1,2\na.mp4,25,9,9\n")
    assert read_blinks(table) == {"a.mp4": (Blink(3, 5), Blink(9, 9)), "b.mp4": (Blink(1, 2),)}
    header = "video,first_closed_frame,last_closed_frame\n"
    for text in ("video,first\na.mp4,3\n", header, header + "a,x,2\n"):
        table.write_text(text)
        with pytest.raises(DataError, match="blinks"):
            read_blinks(table)
    with pytest.raises(DataError, match="expected a CSV"):
        read_blinks(tmp_path / "none.csv")


def test_the_picture(tmp_path):
    save_picture([trace(0.8, 0.8, 0.8, 0.1, 0.1, 0.8), trace(NAN, NAN, NAN, NAN, NAN)], tmp_path / "new" / "a.png")
    assert (tmp_path / "new" / "a.png").stat().st_size > 5000
