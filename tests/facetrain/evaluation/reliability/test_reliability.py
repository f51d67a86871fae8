"""Faults of streams and outputs: a few of the hundred are tried here, `facetrack eval faults` tries all."""

from dataclasses import replace

import pytest

from facetrain.evaluation.reliability import fault_report, output_faults, soak, stream_faults
from facetrain.evaluation.reliability.follow import Outcome
from facetrain.evaluation.reliability.output_faults import OutputFault
from facetrain.evaluation.reliability.stream_faults import StreamFault

FINE = Outcome(30, 12, 30, 30, 30, 1, 1.0, 0.2, log=("cam has ended; connecting again",), said=())


def test_there_are_sixty_and_forty_different_faults():
    assert len({fault.name for fault in stream_faults.faults()}) == 60
    assert len({fault.name for fault in output_faults.faults()}) == 40


def test_a_stream_that_ends_and_comes_back_with_another_size_is_followed_again():
    outcome = stream_faults.run(StreamFault("close", ("close", "size")))
    assert stream_faults.verdict(outcome) == "ok", outcome
    assert outcome.outages == 1


@pytest.mark.parametrize(
    "fault",
    [
        OutputFault("json", "disk full", 10),
        OutputFault("record", "disk full", 25, "o.mp4"),
        OutputFault("csv", "crash of the sink", 1),
    ],
)
def test_one_failing_output_costs_the_others_nothing(fault):
    outcome = output_faults.run(fault)
    assert output_faults.verdict(fault, outcome) == "ok", outcome
    assert (outcome.lines == 9) == (fault.output == "json")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lines": 29}, "followed 30, lines 29"),
        ({"after": 3}, "not followed again"),
        ({"outages": 2}, "2 outages, 1 lines of log"),
        ({"stop_s": 60.0}, "stopped after 60.0 s"),
        ({"failure": "the loop hangs"}, "the loop hangs"),
    ],
)
def test_what_is_wrong_is_named(wrong, message):
    assert stream_faults.verdict(FINE) == "ok"
    assert stream_faults.verdict(replace(FINE, **wrong)).startswith(message)


def test_the_report_counts_what_is_well():
    fault = stream_faults.faults()[0]
    report = fault_report.report([(fault, FINE), (fault, replace(FINE, lines=29))], [])
    assert report.tables[0].rows[0] == ("streams", "2", "1")
    assert report.notes[0].startswith("close: followed 30")


def test_the_slope_of_the_memory_is_that_of_the_samples(tmp_path):
    samples = [
        soak.Sample(
            10.0 * i, 100 + (5 if i < 40 else 0) + i / 360 * 3, 5, 12, 300 * i, i // 10, 1, [5.0] * 299 + [50.0], {}
        )
        for i in range(361)
    ]
    assert soak.memory_slope_mb_per_hour(samples[120:]) == pytest.approx(3.0)
    found = soak.report(soak.Soak(30, 600, 5, samples, 108_100, 108_000, 108_035, 0, 0.5))
    assert found.figures["not_arrived"] == 64
    assert found.figures["threads"] == [5]
    minutes = found.figures["by_minute"]
    assert len(minutes) == 61
    assert minutes[7]["p99_ms"] == pytest.approx(5.0)
    assert sum(minute["dropped"] for minute in minutes) == samples[-1].dropped
    found.save(tmp_path)
    assert (tmp_path / "latency.png").stat().st_size > 1000
