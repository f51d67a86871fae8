"""Learning rate schedules against values computed by hand."""

import pytest

from facetrain.training.optim import learning_rate_factor


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("one_cycle", 0, 0.1),  # the first of ten rising steps
        ("one_cycle", 9, 1.0),
        ("one_cycle", 55, 0.001 + 0.999 / 2),  # half way down
        ("cosine", 55, 0.5),
        ("cosine", 100, 0.0),
        ("step", 59, 1.0),
        ("step", 60, 0.1),
        ("step", 85, 0.01),
        ("constant", 99, 1.0),
        ("constant", 4, 0.5),  # every schedule warms up
    ],
)
def test_factor(schedule, step, expected):
    assert learning_rate_factor(schedule, step, 100, 0.1, (0.6, 0.85), 0.1) == pytest.approx(expected)
