"""OpenFace's columns, read by pandas, and the golden vectors."""

import numpy as np
import pytest

from facetrack.errors import OutputError
from facetrack.sinks.tables import OpenFaceCsvSink, csv_sink
from golden import POSES
from made_faces import frame, made_face, posed, rotation


def table(tmp_path, *frames):
    pandas = pytest.importorskip("pandas")
    with OpenFaceCsvSink(tmp_path / "a.csv") as sink:
        for i, faces in enumerate(frames):
            sink.write(frame(i), faces)
    return pandas.read_csv(tmp_path / "a.csv")


@pytest.mark.parametrize("row", POSES, ids=lambda row: str(row[0]))
def test_golden_angles(tmp_path, row):
    found = table(tmp_path, [made_face(posed(*row[0]))]).iloc[0]
    np.testing.assert_allclose(found[["pose_Rx", "pose_Ry", "pose_Rz"]].to_numpy(float), row[4], atol=6e-4)
    euler = rotation(*row[0]).as_euler("XYZ")  # OpenFace's order, by SciPy
    np.testing.assert_allclose(found[["pose_Rx", "pose_Ry", "pose_Rz"]].to_numpy(float), euler, atol=6e-4)


def test_columns_rows_and_units(tmp_path):
    face = made_face(posed(place_mm=(12.34, -5.0, 600.0)), track_id=3)
    found = table(tmp_path, [face, made_face()], [], [face])
    assert list(found.columns[:11]) == [
        "frame", "face_id", "timestamp", "confidence", "success", "pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry",
        "pose_Rz",
    ]  # fmt: skip
    assert [name for name in found.columns if name.startswith("x_")] == [f"x_{i}" for i in range(68)]
    assert found[["frame", "face_id", "success"]].to_numpy().tolist() == [[1, 2, 1], [1, 0, 1], [2, 0, 0], [3, 2, 1]]
    assert found.timestamp.tolist() == [0.0, 0.0, 0.033, 0.067]
    assert found.iloc[0][["pose_Tx", "pose_Ty", "pose_Tz"]].tolist() == [12.3, -5.0, 600.0]
    points = found.iloc[0][[f"{axis}_{i}" for axis in "xy" for i in range(68)]].to_numpy(float)
    np.testing.assert_allclose(points, face.landmarks.points.T.ravel(), atol=0.051)
    assert not found.iloc[2][["confidence", "pose_Tz", "x_0"]].any()


def test_a_face_without_a_pose_is_no_success(tmp_path):
    face = made_face()
    blind = type(face)(1, face.box, face.landmarks, float("nan"), None, face.signals)
    found = table(tmp_path, [blind]).iloc[0]
    assert (found.success, found.confidence, found.pose_Tz) == (0, 0, 0)
    assert found.x_30 == pytest.approx(face.landmarks.points[30, 0], abs=0.051)


def test_unknown_styles_are_refused():
    with pytest.raises(OutputError, match="--csv-style is 'spss'"):
        csv_sink("spss")
