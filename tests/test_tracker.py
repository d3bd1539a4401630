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
    expected = collapse_metrics(class_statistics(H, y)).columns()
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
    name = "sample_centred_trace_ratio"
    assert float(rows[0][name]) == tracker.history[0][name]
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


def test_trackers_of_several_workers_are_one_tracker():
    generator = np.random.default_rng(1)
    rows, labels = generator.standard_normal((90, 7)), generator.integers(0, 4, 90)
    whole, parts = screlax.GeometryTracker(classes=range(4)), []
    for first in range(0, 90, 30):
        part = screlax.GeometryTracker(classes=range(4))
        for start in range(first, first + 30, 10):
            part.update(rows[start : start + 10], labels[start : start + 10])
            whole.update(rows[start : start + 10], labels[start : start + 10])
        parts.append(part)
    parts[0].merge(parts[1])
    parts[0].merge(parts[2])
    expected = whole.end_epoch()
    assert parts[0].end_epoch() == pytest.approx(expected, rel=1e-9)
    with pytest.raises(InvalidInputError, match="different classes"):
        whole.merge(screlax.GeometryTracker(classes=range(5)))


def test_a_checkpoint_goes_on_where_it_was():
    generator = np.random.default_rng(2)
    tracker = screlax.GeometryTracker(classes=["a", "b"])
    tracker.update(generator.standard_normal((6, 3)), ["a", "b"] * 3)
    tracker.end_epoch(loss=1.0)
    tracker.update(generator.standard_normal((6, 3)), ["a", "b"] * 3)
    again = screlax.GeometryTracker(classes=["a", "b"])
    again.load_state_dict(tracker.state_dict())
    rows = generator.standard_normal((4, 3))
    for one in (tracker, again):
        one.update(rows, ["a", "a", "b", "b"])
    assert again.end_epoch() == tracker.end_epoch()
    assert again.history == tracker.history
    for wrong in ({}, {"history": [], "epoch": {"counts": [1]}}, {"history": 3, "epoch": None}):
        with pytest.raises(InvalidInputError, match="state of a tracker"):
            again.load_state_dict(wrong)
    other = screlax.GeometryTracker(classes=range(3))
    other.update(rows, [0, 1, 2, 2])
    with pytest.raises(InvalidInputError, match="the state has 3 classes"):
        again.load_state_dict(other.state_dict())


def test_a_batch_of_another_dimension_is_refused_and_nothing_is_added():
    tracker = screlax.GeometryTracker(classes=["a", "b"])
    tracker.update([[1.0, 0.0], [0.0, 1.0]], ["a", "b"])
    with pytest.raises(InvalidInputError, match="dimension 3, and those before it 2"):
        tracker.update(np.eye(3), ["a", "b", "b"])
    assert tracker.statistics.samples == 2
    with pytest.raises(InvalidInputError, match="dimension 3, and those before it 2"):
        tracker.update(np.eye(3), ["a", "b", "b"])
