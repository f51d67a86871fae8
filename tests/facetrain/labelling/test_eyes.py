"""Labels of eyes: what a gap allows, six points of eight, clips' events, and rendered eyes."""

import numpy as np
import pytest

from facetrain.labelling.eyes.clips import read_people
from facetrain.labelling.eyes.faces import mesh_gap, read_state
from facetrain.labelling.eyes.packs import six_of_eight
from facetrain.samples.eyes.table import COLUMNS, ROWS, Eye


def eye():
    return Eye(np.zeros((ROWS, COLUMNS, 3), np.uint8), "a:right", "a", "test")


@pytest.mark.parametrize(
    ("gap", "possible"),
    [(0.32, [1, 0, 0]), (0.2, [1, 1, 0]), (0.05, [0, 1, 1]), (0.01, [0, 0, 1]), (0.1, None), (np.nan, None)],
)
def test_an_unread_eye_gets_the_states_that_its_gap_allows(gap, possible):
    one = eye()
    read_state(one, "", gap)
    assert ("state" in one.labels) == (possible is not None)
    if possible is not None:
        assert one.labels["state"].tolist() == possible
        assert 0 < one.labels["state_weight"] < 1
    read_state(one, "shut", gap)
    assert one.labels["state"].tolist() == [0, 0, 1]
    assert one.labels["state_weight"] == 1


def test_the_meshs_gap_is_0_for_the_gap_of_shut_eyes_and_counts_in_eye_widths():
    mesh = np.zeros((478, 2), np.float32)
    mesh[33], mesh[133] = (0, 0), (100, 0)
    for upper, lower in ((160, 144), (159, 145), (158, 153)):
        mesh[upper], mesh[lower] = (50, -2.25), (50, 2.25)
    assert mesh_gap(mesh, 0) == pytest.approx(0, abs=1e-6)  # 4.5 of 100 px: a shut eye of the mesh
    mesh[[160, 159, 158], 1] -= 20
    assert mesh_gap(mesh, 0) == pytest.approx(1.17 * 0.2)


def test_six_points_lie_at_thirds_of_the_lids():
    # Lids as straight lines from (0, 0) over (0.5, -1) and (0.5, 1) to (1, 0), in quarters.
    x = np.array([0, 0.25, 0.5, 0.75, 1.0])
    eight = np.array([*zip(x, -x, strict=True), *zip(x[3:0:-1], x[3:0:-1], strict=True)], np.float32)
    six = six_of_eight(eight)
    assert six[:, 0] == pytest.approx([0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3])
    assert six[:, 1] == pytest.approx([0, -1 / 3, -2 / 3, -1, 2 / 3, 1 / 3])


def test_clips_events_give_states_by_frame(tmp_path):
    (tmp_path / "clips.csv").write_text(
        "video,fps,frames,person,kind,first_frame,last_frame,onset_frame,end_frame,sure,note\n"
        "a,25,100,one,blink,10,12,,,1,\n"
        "a,25,100,one,looking_down,11,30,,,1,\n"
        "a,25,100,one,wink_left,40,42,,,1,\n"
        "a,25,100,one,partial,60,62,,,1,\n"
        "a,25,100,one,eyes_hidden,80,82,,,1,\n"
        "a,25,100,one,smile,0,99,,,1,\n"
    )
    (tmp_path / "people.csv").write_text("video,person,x_from,x_to\n")
    (tmp_path / "frames.csv").write_text("video,person,frame,label,eyes\na.mp4,1,70,open,R\n")
    (tmp_path / "lids.csv").write_text("video,person,frame,label,eyes\na,one,70,shut,RL\na,one,71,lowered,RL\n")
    (one,) = read_people(tmp_path / "clips.csv", [tmp_path / "lids.csv", tmp_path / "frames.csv"])["a"]
    assert one.events[11] == ("shut", "shut")
    assert 13 not in one.events, "within three frames of a closure the lids move"
    assert one.events[20] == ("lowered", "lowered")
    assert one.events[41] == ("", "shut")
    assert {58, 61, 64} <= one.unknown
    assert one.covered == {80, 81, 82}
    assert one.read == {70: ("open", ""), 71: ("lowered", "lowered")}, "the last table's reading counts"
