"""Evaluation of attribute heads: metrics computed by hand on fixed predictions and angles."""

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from facetrack.angles import rotation_from_deg
from facetrack.cli import app
from facetrack.errors import ModelFileError
from facetrack.geometry import CropBox
from facetrack.modelfile import bundled_path
from facetrack.sinks import VideoSink
from facetrack.types import Event
from facetrain.evaluation.attributes import measure, talking
from facetrain.evaluation.attributes import report as heads_report
from facetrain.evaluation.attributes.head_angles import AngleErrors, constant_offset, geodesic_deg, to_image_frame
from facetrain.evaluation.attributes.held_out import HeldOutSet
from facetrain.evaluation.attributes.measure import HeadsResult, binary_metrics
from facetrain.evaluation.attributes.talking import Talk
from facetrain.metrics.binary import BinaryMetrics, bootstrap_interval, reliability_diagram, roc
from facetrain.synth.rendering.head_model import load_head_model
from facetrain.synth.rendering.render import Renderer
from made_signals import signals_with
from places import HEAD_MODEL


def flags(*values):
    return np.array(values, bool)


def test_roc_counts_pairs_and_ties_half():
    curve = roc(flags(1, 0, 1, 0), np.array([0.9, 0.8, 0.7, 0.6]))
    assert curve.auc == pytest.approx(3 / 4), "of the four pairs only .7 against .8 is in the wrong order"
    np.testing.assert_allclose(curve.false_positive_rate, [0, 0, 0.5, 0.5, 1])
    np.testing.assert_allclose(curve.true_positive_rate, [0, 0.5, 0.5, 1, 1])
    tied = roc(flags(1, 0, 1, 0), np.array([0.5, 0.5, 0.9, 0.1]))
    assert tied.auc == pytest.approx(3.5 / 4)
    assert np.isnan(roc(flags(1, 1), np.array([0.2, 0.3])).auc), "without a negative there is no pair"


def test_calibration_error_by_hand():
    diagram = reliability_diagram(flags(0, 1, 1, 1, 0), np.array([0.1, 0.3, 0.9, 0.7, 0.5]), bins=2)
    # Below .5: mean .2, half are positives. From .5 on: mean .7, two of three.
    np.testing.assert_allclose(diagram.probability, [0.2, 0.7])
    np.testing.assert_allclose(diagram.share, [1 / 2, 2 / 3])
    assert diagram.count.tolist() == [2, 3]
    assert diagram.error == pytest.approx((2 * 0.3 + 3 * (0.7 - 2 / 3)) / 5)


def test_empty_bins_and_certainty_are_harmless():
    diagram = reliability_diagram(flags(0, 1), np.array([0.0, 1.0]))
    assert diagram.error == 0.0
    assert diagram.count.tolist() == [1, *[0] * 8, 1]
    assert np.isnan(diagram.probability[1:-1]).all()


def test_bootstrap_is_near_the_normal_interval_and_repeats():
    correct = np.repeat(flags(1, 0), [90, 10])
    low, high = bootstrap_interval(correct)
    half = 1.96 * np.sqrt(0.9 * 0.1 / 100)
    assert (low, high) == pytest.approx((0.9 - half, 0.9 + half), abs=0.015)
    assert bootstrap_interval(correct) == (low, high), "seeded"
    assert bootstrap_interval(flags(1, 1, 1)) == (1.0, 1.0)


def test_binary_metrics_by_hand():
    score = np.array([0.9, 0.6, 0.4, 0.2, 0.7])
    figures = BinaryMetrics("smile", "x", flags(1, 1, 1, 0, 0), score, score > 0.5).figures()
    # Predicted positive: .9 and .6 correctly, .7 wrongly; .4 missed.
    assert figures["accuracy"] == pytest.approx(3 / 5)
    assert [figures[name] for name in ("precision", "recall", "f1")] == pytest.approx([2 / 3] * 3)
    # .9 above both negatives, .6 and .4 above .2 only: 4 of 6 pairs.
    assert figures["roc_area"] == pytest.approx(4 / 6)


def test_offset_is_the_median_difference_of_the_predictions():
    rng = np.random.default_rng(0)
    truth = rng.uniform(-30, 30, (21, 3))
    predicted = truth - [1.0, 17.0, 0.0]
    predicted[0] += 500.0  # an outlier shifts the mean, not the median
    predicted[1] = np.nan
    np.testing.assert_allclose(constant_offset(predicted, truth), [1, 17, 0])
    errors = AngleErrors("x", predicted[2:], truth[2:])
    raw, shifted = errors.figures(), errors.shifted(np.array([1.0, 17.0, 0.0])).figures()
    assert (raw["pitch_deg"], raw["bias_pitch_deg"], raw["mean"]) == pytest.approx((17, -17, 6))
    assert shifted["mean"] == pytest.approx(0)


def test_missing_predictions_are_counted_and_in_no_mean():
    predicted = np.array([[1.0, 2.0, 3.0], [np.nan] * 3])
    figures = AngleErrors("x", predicted, np.zeros((2, 3))).figures()
    assert (figures["heads"], figures["not_found"], figures["mean"]) == (2, 1, 2.0)


def test_geodesic_distance_against_scipy():
    rng = np.random.default_rng(1)
    for a, b in rng.uniform(-40, 40, (10, 2, 3)):
        between = Rotation.from_matrix(rotation_from_deg(*a)).inv() * Rotation.from_matrix(rotation_from_deg(*b))
        assert geodesic_deg(a, b) == pytest.approx(np.rad2deg(between.magnitude()))
    assert geodesic_deg(np.array([10.0, 0, 0]), np.array([40.0, 0, 0])) == pytest.approx(30)


def test_an_upright_head_in_a_turned_crop_is_turned_in_the_picture():
    crop = CropBox(50, 50, 100, np.deg2rad(20))
    np.testing.assert_allclose(to_image_frame((0, 0, 0), crop), [0, 0, 20], atol=1e-5)
    np.testing.assert_allclose(to_image_frame((30, -10, 5), CropBox(50, 50, 100)), [30, -10, 5], atol=1e-4)


def test_only_binary_labels_count():
    items = [{"attributes": torch.tensor([value, 1.0, 1.0])} for value in (1.0, 0.5, np.nan, 0.0)]
    predicted = np.stack([[0.9, 0.8, 0.7, 0.2], np.zeros(4), np.zeros(4)], axis=1)
    metrics = binary_metrics("mouth_open", "x", items, predicted)
    assert metrics.name == "mouth open"
    assert metrics.truth.tolist() == [True, False]
    assert metrics.score.tolist() == [0.9, 0.2]


@pytest.mark.parametrize("reach", talking.JAW_REACH.values())
def test_syllables_keep_their_pace_and_their_reach(reach):
    jaw = talking.syllables(60.0, reach, np.random.default_rng(0))
    opening = np.array([jaw(t) for t in np.arange(0, 60, 0.005)])
    assert opening.min() >= 0
    assert 0.9 * reach < opening.max() <= reach
    peaks = ((opening[1:-1] > opening[:-2]) & (opening[1:-1] >= opening[2:])).sum() / 60
    assert 2.0 < peaks < 7.0, "syllables per second, pauses included"
    assert np.diff(np.flatnonzero(opening < 0.3 * reach)).max() * 0.005 < 0.5, "never wide for as long as a syllable"


@pytest.mark.data
@pytest.mark.skipif(not HEAD_MODEL.exists(), reason="needs ../shared/models/ict_face_model.npz")
def test_a_minute_of_shouting_is_no_yawn_and_the_yawn_after_it_is():
    talk = talking.rendered_talk(Renderer(load_head_model(HEAD_MODEL)), "shouting", 0)
    assert (talk.yawns, talk.control) == (0, 1)
    assert talk.widest > 0.4, "as wide as a yawn"
    assert talk.speaking > 0.9


def test_clips_in_a_row_go_on_in_time(tmp_path):
    for name in "ab":
        with VideoSink(tmp_path / f"{name}.mp4", (64, 48), fps=10.0) as sink:
            for index in range(5):
                sink.write(np.full((48, 64, 3), 40 * index, np.uint8), index / 10)
    frames = list(talking.chain_clips([tmp_path / "a.mp4", tmp_path / "b.mp4"], 1.2))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(12) / 10, atol=1e-3)
    assert [frame.index for frame in frames] == list(range(12))


def test_yawns_of_a_tracked_clip_are_counted(tmp_path):
    with VideoSink(tmp_path / "a.mp4", (64, 48), fps=10.0) as sink:
        for index in range(10):
            sink.write(np.zeros((48, 64, 3), np.uint8), index / 10)
    frames = []

    class Tracker:
        events: tuple[Event, ...] = ()

        def reset(self):
            frames.clear()

        def update(self, frame):
            frames.append(frame)
            self.events = (
                (Event.completed("yawn", 1, 0.0, 0.5), Event.completed("speech", 1, 0.0, 0.5))
                if len(frames) == 6
                else ()
            )
            return [
                SimpleNamespace(
                    signals=signals_with(mouth_speaking=len(frames) > 5, mouth_aspect_ratio=len(frames) / 10)
                )
            ]

    talk = talking.tracked_talk(Tracker(), [tmp_path / "a.mp4"], 0.95)
    assert (talk.yawns, talk.speaking, talk.widest) == (1, 0.5, 1.0)
    assert talk.faces_s == pytest.approx(0.9)


def test_a_network_without_heads_is_refused():
    engine = SimpleNamespace(spec=SimpleNamespace(name="plain", outputs={"points": "", "rotation": ""}))
    with pytest.raises(ModelFileError, match="'plain' gives no attributes; expected"):
        measure._must_have_heads(engine)


def test_missing_data_ends_in_one_sentence(tmp_path):
    model = str(bundled_path("landmarks68"))
    result = CliRunner().invoke(app, ["eval", "heads", model, "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert result.exit_code != 0
    assert "talk_d10.mp4" in str(result.exception or result.output)
    assert not (tmp_path / "out").exists(), "nothing half written"


def test_the_report_holds_every_figure(tmp_path):
    score = np.array([0.9, 0.6, 0.4, 0.2])
    smile = BinaryMetrics("smile", "genki4k test", flags(1, 1, 0, 0), score, score > 0.5)
    angles = AngleErrors("by hand", np.array([[1.0, 2.0, 3.0]]), np.zeros((1, 3)))
    result = HeadsResult(
        [HeldOutSet("genki4k", 20, 4, "a hash", 1)], [smile], {"rendered heads, all": [angles]},
        {"by hand": np.array([0.0, 17.0, 0.0])}, [Talk("minute", 0, 60.0, 0.8, 0.5, 1)], ["A note."],
    )  # fmt: skip
    heads_report.report(result, "net").save(tmp_path)
    report = (tmp_path / "report.md").read_text()
    assert "| smile | genki4k test | 4 | 2 | 100.0 | 100.0 - 100.0 | 1.000 | 1.000 | 1.000 | 1.000 | 0.275 |" in report
    assert "+0.0 / +17.0 / +0.0" in report
    assert "A note." in report
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["angles"]["rendered heads, all"]["by hand"]["mean"] == 2.0
    assert figures["talks"][0]["control"] == 1
    assert cv2.imread(str(tmp_path / "roc_reliability.png")) is not None
