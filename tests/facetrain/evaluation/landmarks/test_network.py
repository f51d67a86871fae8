"""`facetrack eval` on networks with known predictions: constants, and the brightness of the crop."""

import dataclasses

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from facetrack import topology, topology_maps
from facetrack.cli import app
from facetrack.demo_clip.puppet import Puppet
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError, FacetrackError, ModelFileError
from facetrack.geometry import points_box
from facetrack.modelfile import ModelSpec
from facetrack.types import Detections
from facetrain.evaluation.landmarks import measure
from facetrain.evaluation.landmarks import network as evaluate_network
from facetrain.export.onnx import export_onnx
from facetrain.formats import packs
from facetrain.formats.public import kaggle
from facetrain.sample import Sample, as_scheme
from facetrain.seeds.expression import CLASSES

NO_POINTS = np.zeros((0, 2), np.float32)


class Known(nn.Module):
    """Network with known predictions.

    Constant points; brightness - 127.5 as the logit of every binary attribute; of the multi-class outputs the first
    class for dark crops, the last one for bright crops.
    """

    def __init__(self, points=None, binary=(), multi_class=()):
        super().__init__()
        self.binary, self.multi_class = binary, dict(multi_class)
        self.fixed = None if points is None else nn.Parameter(torch.as_tensor(points, dtype=torch.float32))

    def forward(self, crops):
        bright = crops[..., :3].float().mean(dim=(1, 2, 3)) - 127.5
        outputs = dict.fromkeys(self.binary, bright)
        for name, count in self.multi_class.items():
            outputs[name] = bright[:, None] * torch.linspace(-1, 1, count)
        if self.fixed is not None:
            outputs["points"] = self.fixed[None] + 0 * bright[:, None, None]
        return outputs


def network(path, model, scheme="five", kind="landmarks", input_px=96, margin=2.2, channels=3, **predicted):
    crops = torch.randint(0, 256, (3, input_px, input_px, channels), dtype=torch.uint8)
    outputs = dict.fromkeys(model(crops), "")
    spec = ModelSpec(
        "known", kind, input_px, 0.0, 1.0, scheme, outputs, predicted.get("data", []), "", "", margin=margin
    )
    export_onnx(model, spec, crops, path, dict.fromkeys(outputs, 1e-3))
    return OnnxEngine(path)


def plain(name, value, side=80, points=NO_POINTS, scheme="", **attributes):
    image = np.full((side, side, 3), value, np.uint8)
    return Sample(name, name, "mine", image, points, np.ones(len(points), np.float32), scheme, None, attributes)


def puppet_face(name="a", value=None):
    puppet = Puppet()
    image = cv2.resize(puppet.image, puppet.size, interpolation=cv2.INTER_AREA)
    image = image if value is None else np.full_like(image, value)
    return Sample(name, name, "puppet", image, puppet.points.astype(np.float32), np.ones(68, np.float32))


def measured(engine, samples, boxes="", detector=None):
    return evaluate_network.evaluate_network(engine, samples, boxes, detector)


def test_attributes_by_hand(tmp_path):
    engine = network(tmp_path / "n.onnx", Known(binary=("smile", "gender"), multi_class={"pose": 5}))
    labelled = [(200, 1.0), (200, 1.0), (200, 0.0), (50, 1.0), (50, 0.0)]
    faces = [plain(f"{i}", value, smile=smile) for i, (value, smile) in enumerate(labelled)]
    faces += [plain("unlabelled", 200), plain("left", 50, pose_bin=1.0), plain("right", 50, pose_bin=5.0)]
    figures = measured(engine, faces).figures
    # Predicted smiles: three, of which two are true; three are labelled.
    assert figures["smile_faces"] == 5
    assert [figures[f"smile_{name}"] for name in ("precision", "recall", "f1")] == pytest.approx([2 / 3] * 3)
    # Both heads are predicted left: F1 2/3 and 0.
    assert (figures["pose_faces"], figures["pose_accuracy"]) == (2, 0.5)
    assert figures["pose_macro_f1"] == pytest.approx(1 / 3)
    assert not [name for name in figures if name.startswith(("gender", "nme", "faces"))]
    assert figures["ms_per_crop"] > 0


@pytest.mark.parametrize("channels", [3, 4])
def test_expressions_by_hand(tmp_path, channels):
    model = Known(multi_class={"expression": len(CLASSES)})
    engine = network(tmp_path / "n.onnx", model, "expression-7", "expression", margin=1.3, channels=channels)
    first, last = CLASSES[0], CLASSES[-1]
    labelled = [(250, last), (250, last), (250, first), (10, first), (250, "contempt")]
    faces = [
        dataclasses.replace(puppet_face(f"{i}", value), attributes={"emotion": emotion})
        for i, (value, emotion) in enumerate(labelled)
    ]
    evaluation = measured(engine, [*faces, plain("no points", 250, emotion=last)])
    assert evaluation.figures["expression_faces"] == 4
    assert evaluation.figures["expression_accuracy"] == 0.75
    assert evaluation.figures[f"expression_f1_{first}"] == pytest.approx(2 / 3)
    assert evaluation.figures["expression_macro_f1"] == pytest.approx((2 / 3 + 0.8) / 2)
    evaluate_network.report(evaluation, "known", "mine").save(tmp_path / "out")
    assert cv2.imread(str(tmp_path / "out" / "confusion_expression.png")) is not None
    assert "confusion_expression.png" in (tmp_path / "out" / "report.md").read_text()


def test_kaggles_rows_are_measured_in_their_own_pixels(tmp_path):
    truth = np.random.default_rng(0).uniform(20, 70, (15, 2)).astype(np.float32)
    engine = network(tmp_path / "n.onnx", Known(truth + np.float32([3, 4])), topology_maps.KAGGLE_15, margin=1.12)
    missing = truth.copy()
    missing[7] = np.nan
    rows = [plain(f"{i}", 90, 96, points, topology_maps.KAGGLE_15) for i, points in enumerate((truth, missing))]
    evaluation = measured(engine, rows)
    assert evaluation.figures["kaggle_rmse_px"] == pytest.approx(np.sqrt(12.5), abs=1e-4)
    assert not {"within_1_sigma", "lowest_presence"} & set(evaluation.figures)  # this network predicts neither
    assert evaluation.boxes == "its recipe's"


def test_other_faces_are_cropped_as_kaggles(tmp_path):
    """The RMSE equals that on the images and points that `as_kaggle` makes."""
    predicted = np.random.default_rng(1).uniform(20, 70, (15, 2)).astype(np.float32)
    engine = network(tmp_path / "n.onnx", Known(predicted), topology_maps.KAGGLE_15, margin=1.12)
    faces = [puppet_face(f"{i}") for i in range(3)]
    expected = np.sqrt(np.mean([(kaggle.as_kaggle(face).points - predicted) ** 2 for face in faces]))
    assert measured(engine, faces).figures["kaggle_rmse_px"] == pytest.approx(float(expected), rel=1e-4)


class Boxes:
    """Detector stub that returns the boxes of given points."""

    def __init__(self, *points):
        self.boxes = np.stack([points_box(p) for p in points])

    def __call__(self, image):
        return Detections(self.boxes, np.linspace(0.9, 0.8, len(self.boxes), dtype=np.float32), None)


def tracker_network(path):
    """Network for the tracker, with crops 1.3 boxes wide, that predicts every point in the centre of its 64 px crop."""

    class Middle(nn.Module):
        def forward(self, crops):
            zero = 0 * crops.float().mean(dim=(1, 2, 3))
            points = zero[:, None, None] + torch.full((68, 2), 31.5)
            return {"points": points, "sigma": zero[:, None] + torch.ones(68), "presence": zero + 3}

    return network(path, Middle(), topology.SCHEME, input_px=64, margin=1.3)


def test_a_68_point_network_on_five_points(tmp_path):
    engine = tracker_network(tmp_path / "n.onnx")
    face = puppet_face()
    five = as_scheme(face, topology_maps.FIVE)
    centre = points_box(face.points).reshape(2, 2).mean(axis=0)
    error = np.linalg.norm(five.points - centre, axis=1).mean() / np.linalg.norm(five.points[0] - five.points[1])
    evaluation = measured(engine, [five], detector=Boxes(face.points - 4000, face.points))
    assert evaluation.figures["nme_pupil"] == pytest.approx(100 * error, rel=1e-4)
    assert "nme" not in evaluation.figures
    with pytest.raises(DataError, match="cropped"):
        measured(engine, [five], boxes="truth")  # five points do not determine the size of the face
    with pytest.raises(DataError, match="was detected"):
        measured(engine, [five], detector=Boxes(face.points - 4000))


def test_only_the_official_test_set_is_measured(tmp_path):
    engine = network(tmp_path / "n.onnx", Known(binary=("smile",)), data=["mine: 2 faces, brought by the user"])
    faces = [plain("a", 200, smile=1.0, split="training"), plain("b", 50, smile=1.0, split="testing")]
    evaluation = measured(engine, faces)
    assert evaluation.figures["smile_faces"] == 1
    assert "1 of 2" in evaluation.notes[0]
    evaluation = measured(engine, [plain("a", 200, smile=1.0)])
    assert "optimistic" in evaluation.notes[0]


@pytest.mark.parametrize(
    ("network_scheme", "data", "common"),
    [
        ("300w-68", "300w-68", "300w-68"), ("kaggle-15", "300w-68", "kaggle-15"), ("300w-68", "kaggle-15", "kaggle-15"),
        ("300w-68", "wflw-98", "300w-68"), ("kaggle-15", "cofw-29", "five"), ("five", "points-21", None),
    ],
)  # fmt: skip
def test_in_what_two_schemes_compare(network_scheme, data, common):
    assert measure.common_scheme(network_scheme, data) == common


def test_what_does_not_fit_is_one_sentence(tmp_path):
    engine = network(tmp_path / "n.onnx", Known(np.zeros((5, 2))))
    other = plain("a", 1, points=np.ones((21, 2), np.float32), scheme="points-21")
    with pytest.raises(DataError, match="'five', the data has points-21"):
        measured(engine, [other])
    with pytest.raises(DataError, match="labelled points"):
        measured(engine, [plain("a", 1, smile=1.0)])
    with pytest.raises(DataError, match="leave it out"):
        measured(engine, [other], boxes="detector")
    smile = network(tmp_path / "s.onnx", Known(binary=("smile",)))
    with pytest.raises(DataError, match="one of the attributes smile"):
        measured(smile, [plain("a", 1, yawn=1.0)])
    with pytest.raises(ModelFileError, match="is a detector"):
        measured(network(tmp_path / "d.onnx", Known(np.zeros((5, 2))), kind="detector"), [other])


def test_a_folder_without_a_network_names_its_stages(tmp_path):
    with pytest.raises(ModelFileError, match="not ended"):
        evaluate_network.model_path(tmp_path)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "model.onnx").touch()
    with pytest.raises(ModelFileError, match="its stages: tasks"):
        evaluate_network.model_path(tmp_path)


@pytest.mark.parametrize("ending", ["", ".npz", ".zip"])
def test_the_command_reads_a_pack_with_or_without_ending(tmp_path, ending):
    tracker_network(tmp_path / "n.onnx")
    packs.write_pack([puppet_face("a.png"), puppet_face("b.png")], tmp_path / "mine")
    words = ["eval", tmp_path / "n.onnx", "--data", tmp_path / f"mine{ending}", "--boxes", "truth"]
    result = CliRunner().invoke(app, [str(word) for word in words], standalone_mode=False)
    assert result.exception is None
    assert "nme_pupil" in result.output


def test_an_unknown_choice_of_boxes(tmp_path):
    result = CliRunner().invoke(
        app, ["eval", "n.onnx", "--data", str(tmp_path), "--boxes", "mine"], standalone_mode=False
    )
    assert isinstance(result.exception, FacetrackError)
    assert "detector or truth" in str(result.exception)
