"""Manual eyelid labels: valid states in the table."""

import pytest

from facetrack.errors import DataError
from facetrain.samples.lid_labels import read_lids
from facetrain.samples.provenance import DATA_SETS


def test_the_projects_table_names_no_held_out_set_and_has_enough_labels():
    table = read_lids()
    assert {where for where, _ in table} == {"helen", "ytfaces", "expressions"}
    states = [eye for pair in table.values() for eye in pair]
    assert min(states.count(state) for state in ("shut", "lowered", "open")) >= 50
    assert len(table) == len({name for _, name in table})
    assert "lids" in DATA_SETS


def test_an_invalid_table_raises_one_sentence(tmp_path):
    table = tmp_path / "lids.csv"
    for text, words in (
        ("# who\nset,name,right,left\nhelen,a.jpg,shut,asleep\n", "'asleep'"),
        ("set,name\nhelen,a.jpg\n", "right"),
        (None, "lids.csv"),
    ):
        if text is not None:
            table.write_text(text)
        else:
            table.unlink()
        with pytest.raises(DataError, match=words):
            read_lids(table)
