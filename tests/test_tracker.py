"""Geometry over batches and epochs."""

import csv
import json
import math

import numpy as np
import pytest

import screlax
from screlax.errors import InvalidInputError
from screlax.geometry import class_statistics, collapse_metrics


def batches(seed=0, n=90, k=3, d=5):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    H = rng.standard_normal((n, d)) + rng.standard_normal((k, d))[y]
    return H, y, [slice(a, a + 20) for a in range(0, n, 20)]


def test_batches_are_the_whole_epoch():
    H, y, parts = batches()
    tracker = screlax.GeometryTracker(classes=range(3))
    for part in parts:
        tracker.update(H[part], y[part])
    assert tracker.statistics.samples == 90
    row = tracker.end_epoch(loss=1.5)
    expected = vars(collapse_metrics(class_statistics(H, y)))
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-12), name
    assert (row["epoch"], row["samples"], row["loss"]) == (1, 90, 1.5)
    assert tracker.statistics is None


def test_distance_from_the_optimum():
    solution = screlax.solve_relaxation([9, 6, 3], control=screlax.Ridge(0.1), temperature=0.5)
    tracker = screlax.GeometryTracker(solution=solution)
    y = np.repeat([0, 1, 2], [9, 6, 3])
    H = solution.embeddings().vectors[y]
    rng = np.random.default_rng(0)
    for noise in (1.0, 0.1, 0.0):
        tracker.update(H + noise * rng.standard_normal(H.shape), y)
        tracker.end_epoch()
    distances = [row["gram_distance"] for row in tracker.history]
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 1e-12
    tracker.update(H[:9], y[:9])
    assert math.isnan(tracker.end_epoch()["gram_distance"])


def test_files(tmp_path):
    H, y, parts = batches()
    tracker = screlax.GeometryTracker(classes=[2, 1, 0])
    for _ in range(2):
        tracker.update(H[parts[0]], y[parts[0]])
        tracker.end_epoch(rate=math.nan)
    with open(tracker.to_csv(tmp_path / "history.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[0]["trace_ratio"]) == tracker.history[0]["trace_ratio"]
    record = json.loads(tracker.to_json(tmp_path / "history.json").read_text())
    assert record[1]["rate"] is None
    assert record[1]["rank"] == tracker.history[1]["rank"]


def test_a_bad_batch_adds_nothing():
    H, y, _ = batches()
    tracker = screlax.GeometryTracker(classes=range(3))
    tracker.update(H, y)
    bad = H.copy()
    bad[3, 2] = np.nan
    for rows, labels, message in [
        (H, y + 1, "label 3 is no class; there are 3"),
        (H, y[:-1], "labels"),
        (bad, y, r"embeddings\[3, 2\]"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            tracker.update(rows, labels)
    assert tracker.statistics.samples == 90


def test_bad_use():
    tracker = screlax.GeometryTracker(classes=np.arange(3))
    H, y, _ = batches()
    tracker.update(H, y)
    with pytest.raises(InvalidInputError, match="rank is a column"):
        tracker.end_epoch(rank=3)
    with pytest.raises(InvalidInputError, match="single numbers"):
        tracker.end_epoch(loss=np.ones(3))
    assert tracker.end_epoch(loss=np.array(0.5))["loss"] == 0.5
    with pytest.raises(InvalidInputError, match="hashable"):
        tracker.update(H[:1], [[1]])
    with pytest.raises(InvalidInputError, match="optimum is zero"):
        screlax.GeometryTracker(
            solution=screlax.solve_relaxation([3, 3], control=screlax.Ridge(9.0))
        )
    with pytest.raises(InvalidInputError, match="no batch"):
        screlax.GeometryTracker(classes=[0, 1]).end_epoch()
    with pytest.raises(InvalidInputError, match="either classes"):
        screlax.GeometryTracker()
    with pytest.raises(InvalidInputError, match="empty"):
        screlax.GeometryTracker(classes=[])
