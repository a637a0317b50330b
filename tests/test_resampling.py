"""Percentiles and intervals: one place, and what they promise."""

from pathlib import Path

import numpy as np
import pytest

import hikma
from hikma.resampling import draws, interval, percentile


def test_a_percentile_lies_between_the_values_beside_it():
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile(iter([0.0, 1.0]), 95) == pytest.approx(0.95)


def test_draws_are_samples_as_large_as_the_one_drawn_from_and_the_same_each_time():
    drawn = draws(7, 500, 1)
    assert drawn.shape == (500, 7)
    assert set(np.unique(drawn)) == set(range(7))
    assert np.array_equal(drawn, draws(7, 500, 1))


def test_the_interval_of_a_mean_holds_the_truth_about_as_often_as_it_says():
    chance = np.random.default_rng(0)
    held = 0
    for seed in range(300):
        values = chance.standard_normal(60)
        low, high = interval(values[draws(60, 500, seed)].mean(axis=1))
        held += low <= 0.0 <= high
    assert 0.90 * 300 <= held <= 0.98 * 300


def test_nobody_else_reckons_percentiles():
    root = Path(hikma.__file__).parent
    found = [path.name for path in root.rglob("*.py") if "np.percentile" in path.read_text()]
    assert found == ["resampling.py"]
