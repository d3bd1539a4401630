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


def test_every_view_is_an_embedding_of_the_class_of_its_sample():
    solution = screlax.solve_relaxation(
        [9, 6, 3], control=screlax.Sphere(1.0), loss="supcon:views=2"
    )
    H, y, _ = batches(n=40, d=6)
    tracker = screlax.GeometryTracker(solution=solution)
    tracker.update(H.reshape(40, 2, 3), y)
    expected = class_statistics(H.reshape(80, 3), np.repeat(y, 2))
    np.testing.assert_array_equal(tracker.statistics.counts, expected.counts)
    np.testing.assert_allclose(tracker.statistics.means, expected.means, rtol=1e-12)


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
    other = screlax.GeometryTracker(classes=range(5))
    whole.merge(other)  # without samples there is nothing that does not fit
    other.update(rows[:1], [4])
    with pytest.raises(InvalidInputError, match="label 4 is no class"):
        whole.merge(other)
    assert whole.statistics is None


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


def test_a_batch_of_another_dimension_is_refused_and_nothing_is_added():
    tracker = screlax.GeometryTracker(classes=["a", "b"])
    tracker.update([[1.0, 0.0], [0.0, 1.0]], ["a", "b"])
    with pytest.raises(InvalidInputError, match="dimension 3, and those before it 2"):
        tracker.update(np.eye(3), ["a", "b", "b"])
    assert tracker.statistics.samples == 2
    with pytest.raises(InvalidInputError, match="dimension 3, and those before it 2"):
        tracker.update(np.eye(3), ["a", "b", "b"])


# ----------------------------------------------------------------- batches, workers, checkpoints


def columns(rows, labels):
    return collapse_metrics(class_statistics(rows, labels)).columns()


def close(row, expected, rel=1e-9):
    return {name: row[name] for name in expected} == pytest.approx(expected, rel=rel, abs=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("sizes", [[1] * 60, [7, 53], [60], [3, 3, 40, 5, 9], [25, 1, 34]])
@pytest.mark.parametrize("most", [1, 30, 1 << 23])
def test_any_batches_are_the_whole_to_nine_digits(sizes, most, offset, monkeypatch):
    """Taken in row by row, in blocks, or at the end."""
    monkeypatch.setattr("screlax.comparison.gathered._MOST", most)
    H, y, _ = batches(n=60, d=6)
    H = H + offset
    tracker = screlax.GeometryTracker(classes=range(3))
    for epoch in range(2):
        for part in np.split(np.arange(60), np.cumsum(sizes)[:-1]):
            tracker.update(H[part], y[part])
        row = tracker.end_epoch()
        assert close(row, columns(H, y), rel=1e-9 * max(1, offset)), epoch


def test_means_that_drift_far_lose_no_digits(monkeypatch):
    """The first rows of a class say nothing of where the later ones are."""
    rng = np.random.default_rng(0)
    H, y = rng.standard_normal((80, 5)), np.arange(80) % 4
    H[:8] += 1e7
    monkeypatch.setattr("screlax.comparison.gathered._MOST", 20)
    tracker = screlax.GeometryTracker(classes=range(4))
    for part in np.split(np.arange(80), 20):
        tracker.update(H[part], y[part])
    found = tracker.statistics
    for c in range(4):
        mean = H[y == c].mean(axis=0)
        np.testing.assert_allclose(found.means[c], mean, rtol=1e-14)
        trace = ((H[y == c] - mean) ** 2).sum()
        assert found.within_traces[c] == pytest.approx(trace, rel=1e-13)


def test_batches_of_mixed_precision():
    H, y, parts = batches()
    tracker = screlax.GeometryTracker(classes=range(3))
    half = H.astype(np.float16)
    kinds = [np.float32, np.float64, np.float16, np.float32, np.float64]
    for part, dtype in zip(parts, kinds, strict=True):
        tracker.update(half[part].astype(dtype), y[part])
    assert close(tracker.end_epoch(), columns(half.astype(float), y), rel=1e-5)


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_single_precision_beyond_its_squares_is_taken_in_double(scale):
    H, y, parts = batches()
    rows = H.astype(np.float32) * np.float32(scale)
    tracker = screlax.GeometryTracker(classes=range(3))
    for part in parts:
        tracker.update(rows[part], y[part])
    expected = columns(rows.astype(float), y)
    assert close(tracker.end_epoch(), expected)
    found = collapse_metrics(class_statistics(rows, y)).columns()
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("scale", [1e-160, 1e160])
def test_embeddings_beyond_double_precision_are_refused(scale):
    H, y, _ = batches()
    tracker = screlax.GeometryTracker(classes=range(3))
    for call in (lambda: tracker.update(scale * H, y), lambda: class_statistics(scale * H, y)):
        with pytest.raises(InvalidInputError, match=r"rescale|divide"):
            call()
    assert tracker.statistics is None


def test_tensors_are_taken_with_their_gradients():
    torch = pytest.importorskip("torch")
    H, y, _ = batches()
    for dtype, rel in ((torch.float64, 1e-12), (torch.float32, 1e-4), (torch.bfloat16, 0.1)):
        tracker = screlax.GeometryTracker(classes=range(3), normalize=True)
        rows = torch.tensor(H, dtype=dtype, requires_grad=True)
        tracker.update(2 * rows, torch.tensor(y))
        row = tracker.end_epoch(loss=rows.sum())
        units = H / np.linalg.norm(H, axis=1, keepdims=True)
        expected = columns(units, y)["class_centred_trace_ratio"]
        assert row["class_centred_trace_ratio"] == pytest.approx(expected, rel=rel)
        assert isinstance(row["loss"], float)


def test_statistics_are_a_copy():
    H, y, parts = batches()
    tracker = screlax.GeometryTracker(classes=range(3))
    tracker.update(H[parts[0]], y[parts[0]])
    first = tracker.statistics
    kept = first.copy()
    tracker.update(H[parts[1]], y[parts[1]])
    assert tracker.statistics.samples == 40
    for name in ("counts", "means", "within_traces", "within"):
        np.testing.assert_array_equal(getattr(first, name), getattr(kept, name))


def test_a_batch_may_be_overwritten_after_it():
    H, y, parts = batches()
    tracker = screlax.GeometryTracker(classes=range(3))
    rows, labels = np.empty((20, 5)), np.empty(20, int)
    for part in parts[:4]:
        rows[:], labels[:] = H[part], y[part]
        tracker.update(rows, labels)
    assert close(tracker.end_epoch(), columns(H[:80], y[:80]))


def test_a_run_resumed_in_the_middle_of_an_epoch(tmp_path):
    """Through a file, at every batch, and into a tracker that knows more classes by then."""
    torch = pytest.importorskip("torch")
    H, y, parts = batches()
    names = np.array(["cat", "dog", "fox"])
    whole = screlax.GeometryTracker(classes=names)
    whole.update(H, names[y])
    expected = whole.end_epoch(loss=1.0)
    for stop in range(len(parts)):
        tracker = screlax.GeometryTracker(classes=names)
        tracker.update(H[:9], names[y[:9]])
        tracker.end_epoch(loss=2.0)
        for part in parts[:stop]:
            tracker.update(H[part], names[y[part]])
        torch.save({"tracker": tracker.state_dict()}, tmp_path / "run.pt")
        again = screlax.GeometryTracker(classes=["ape", "fox", "dog", "cat"])
        again.update(H, names[y])  # forgotten
        again.load_state_dict(torch.load(tmp_path / "run.pt", weights_only=True)["tracker"])
        for part in parts[stop:]:
            again.update(H[part], names[y[part]])
        row = again.end_epoch(loss=1.0)
        assert (row["epoch"], row["loss"], row["samples"]) == (2, 1.0, 90)
        assert close(row, {name: expected[name] for name in columns(H, y)})
        assert again.history[0] == tracker.history[0]


def test_states_that_fit_no_tracker_change_nothing():
    H, y, _ = batches()
    tracker = screlax.GeometryTracker(classes=range(3))
    tracker.update(H, y)
    tracker.end_epoch()
    tracker.update(H, y)
    state = tracker.state_dict()
    epoch = state["epoch"]
    wrong = [
        {**epoch, "classes": [0, 1]},
        {**epoch, "means": epoch["within"]},
        {**epoch, "means": {**epoch["means"], "shape": [3, 4]}},
        {**epoch, "within": {**epoch["within"], "bytes": np.full((5, 5), np.nan).tobytes()}},
        {**epoch, "counts": {**epoch["counts"], "type": "<f8"}},
        {**epoch, "means": {**epoch["means"], "type": "O"}},
        {name: value for name, value in epoch.items() if name != "classes"},
    ]
    for one in wrong:
        with pytest.raises(InvalidInputError, match="not the state of a tracker"):
            tracker.load_state_dict({**state, "epoch": one})
    with pytest.raises(InvalidInputError, match="label 2 is no class"):
        screlax.GeometryTracker(classes=[0, 1]).load_state_dict(state)
    assert tracker.statistics.samples == 90
    assert len(tracker.history) == 1


def test_workers_that_know_other_classes_in_another_order():
    H, y, _ = batches()
    names = ["cat", "dog", "fox"]
    label = np.array(names)[y]
    whole = screlax.GeometryTracker(classes=[*names, "ape"])
    for some, part in ((["dog", "cat"], label != "fox"), (["fox"], label == "fox")):
        worker = screlax.GeometryTracker(classes=some)
        worker.update(H[part], label[part])
        whole.merge(worker)
    assert close(whole.end_epoch(), columns(H, y))


def test_a_history_as_a_table(tmp_path):
    H, y, parts = batches()
    tracker = screlax.GeometryTracker(classes=range(3))
    tracker.update(H[parts[0]], y[parts[0]])
    tracker.end_epoch()
    tracker.update(H, y)
    tracker.end_epoch(loss=0.25)  # a column that the first epoch has not
    path = tracker.write(tmp_path / "history.csv")
    assert path.read_bytes() == tracker.to_csv(tmp_path / "again.csv").read_bytes()
    with pytest.raises(InvalidInputError, match=r"\.csv"):
        tracker.write(tmp_path / "history.txt")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(tracker.write(tmp_path / "history.parquet"))
    assert table.column("loss").to_pylist() == [None, 0.25]
    for name in tracker.history[0]:
        assert table.column(name).to_pylist() == [row[name] for row in tracker.history]
