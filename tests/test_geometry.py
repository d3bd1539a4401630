"""Class statistics and collapse metrics against independent dense formulas."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screlax.errors import InvalidInputError
from screlax.geometry import (
    as_embeddings,
    as_labels,
    class_statistics,
    gram_distance,
    nearest_mean_agreement,
)


def data(n=60, d=7, k=4, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    return (rng.standard_normal((n, d)) + rng.standard_normal((k, d))[labels]).astype(dtype), labels


def dense(H, y):
    """Means, counts, scatter within classes by loops."""
    names = sorted(set(y.tolist()))
    means = np.array([H[y == c].mean(axis=0) for c in names])
    counts = np.array([(y == c).sum() for c in names])
    apart = H - means[np.searchsorted(names, y)]
    traces = np.array([(apart[y == c] ** 2).sum() for c in names])
    return means, counts, traces, apart.T @ apart


@pytest.mark.parametrize("block_rows", [None, 1, 7, 59, 60, 1000])
def test_statistics_are_the_dense_ones(block_rows):
    H, y = data()
    found = class_statistics(H, y, block_rows=block_rows)
    means, counts, traces, within = dense(H, y)
    np.testing.assert_allclose(found.means, means, atol=1e-13)
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_allclose(found.within_traces, traces, rtol=1e-12)
    np.testing.assert_allclose(found.within, within, atol=1e-11)
    np.testing.assert_allclose(found.global_mean, H.mean(axis=0), atol=1e-13)
    np.testing.assert_allclose(found.class_mean, means.mean(axis=0), atol=1e-13)


def test_threads_see_the_same_as_one_pass(monkeypatch):
    H, y = data(n=20_000, d=5)
    alone = class_statistics(H, y), nearest_mean_agreement(H, y, class_statistics(H, y))
    monkeypatch.setattr("screlax.comparison.blocks._SHARED", 1)
    shared = class_statistics(H, y)
    np.testing.assert_array_equal(shared.counts, alone[0].counts)
    np.testing.assert_allclose(shared.means, alone[0].means, atol=1e-13)
    np.testing.assert_allclose(shared.within, alone[0].within, rtol=1e-11, atol=1e-9)
    assert nearest_mean_agreement(H, y, shared) == alone[1]
    H[15_000, 2] = np.nan
    with pytest.raises(InvalidInputError, match=r"embeddings\[15000, 2\]"):
        class_statistics(H, y)


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_a_large_offset_costs_no_digits(offset):
    H, y = data(n=500)
    plain = class_statistics(H, y)
    moved = class_statistics(H + offset, y, block_rows=64)
    eps = np.finfo(float).eps
    np.testing.assert_allclose(moved.within, plain.within, atol=1e3 * eps * offset)
    np.testing.assert_allclose(moved.within_traces, plain.within_traces, atol=1e3 * eps * offset)


def test_single_precision_keeps_six_digits():
    H, y = data(n=3000, dtype=np.float32)
    found = class_statistics(H, y, block_rows=100)
    means, _, traces, within = dense(H.astype(float), y)
    np.testing.assert_allclose(found.means, means, atol=1e-7)
    np.testing.assert_allclose(found.within_traces, traces, rtol=1e-6)
    np.testing.assert_allclose(found.within, within, atol=1e-6 * np.abs(within).max())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 59), min_size=1, max_size=3, unique=True))
def test_merging_parts_is_the_whole(seed, cuts):
    H, y = data(seed=seed)
    classes = np.arange(4)
    edges = [0, *sorted(cuts), 60]
    parts = [
        class_statistics(H[a:b], y[a:b], classes=classes) for a, b in itertools.pairwise(edges)
    ]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    whole = class_statistics(H, y, classes=classes)
    np.testing.assert_array_equal(merged.counts, whole.counts)
    np.testing.assert_allclose(merged.means, whole.means, atol=1e-12)
    np.testing.assert_allclose(merged.within, whole.within, atol=1e-10)
    np.testing.assert_allclose(merged.within_traces, whole.within_traces, rtol=1e-10, atol=1e-12)


def test_other_statistics_are_not_merged():
    H, y = data()
    with pytest.raises(InvalidInputError, match="cannot be merged"):
        class_statistics(H, y).merge(class_statistics(H[:, :3], y))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agreement_is_that_of_all_distances(dtype):
    H, y = data(n=300, dtype=dtype)
    statistics = class_statistics(H, y)
    distances = np.linalg.norm(H[:, None].astype(float) - statistics.means, axis=2)
    expected = (distances.argmin(axis=1) == y).mean()
    assert 0.5 < expected < 1.0
    assert nearest_mean_agreement(H, y, statistics) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("apart", [1e-1, 1e-3, 1e-4])
def test_agreement_where_means_nearly_coincide(dtype, apart):
    """As rare classes do in minority collapse: distances are by differences."""
    rng = np.random.default_rng(0)
    means = rng.standard_normal((10, 32))
    means[5:] = means[5] + apart * rng.standard_normal((5, 32))
    y = np.repeat(np.arange(10), 60)
    H = (means[y] + 0.4 * apart * rng.standard_normal((600, 32))).astype(dtype)
    statistics = class_statistics(H, y)
    distances = np.linalg.norm(H[:, None].astype(float) - statistics.means, axis=2)
    expected = (distances.argmin(axis=1) == y).mean()
    assert nearest_mean_agreement(H, y, statistics) == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normalising_has_no_scale(dtype):
    H, y = data(dtype=dtype)
    H[7] = 0
    scale = np.array(1e25 if dtype == np.float32 else 1e200, dtype=dtype)
    first = class_statistics(H, y, normalize=True)
    for factor in (scale, 1 / scale):
        other = class_statistics(H * factor, y, normalize=True)
        np.testing.assert_allclose(other.means, first.means, atol=1e-6)
        np.testing.assert_allclose(other.within, first.within, atol=1e-4)
    H[3, 2] = np.inf
    with pytest.raises(InvalidInputError, match=r"embeddings\[3, 2\] is inf"):
        class_statistics(H, y, normalize=True)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([-1, 0, 1, 2], "class number -1"),
        ([0, 1, 2, 3], "class number 3"),
        ([0, 1, 2], "must be 4 integers"),
        ([0.7, 1.9, 0.0, 1.0], "must be 4 integers"),
    ],
)
def test_class_numbers_are_checked(numbers, message):
    with pytest.raises(InvalidInputError, match=message):
        class_statistics(np.eye(4), np.array(numbers), classes=np.arange(3))


def test_a_number_and_its_text_are_two_labels():
    assert class_statistics(np.eye(4), [1, "1", 1, "1"]).counts.tolist() == [2, 2]


def test_gram_distance():
    a, b = np.eye(3), np.diag([1.0, 1.0, 0.0])
    expected = np.linalg.norm(a / np.sqrt(3) - b / np.sqrt(2))
    assert gram_distance(5 * a, 7 * b) == pytest.approx(expected, rel=1e-14)
    assert gram_distance(a, a) == 0.0
    with pytest.raises(InvalidInputError, match="second Gram matrix is zero"):
        gram_distance(a, 0 * a)
    with pytest.raises(InvalidInputError, match="same shape"):
        gram_distance(a, np.eye(2))


class Tensor:
    """What a torch tensor looks like from outside."""

    def __init__(self, values, dtype="torch.float32"):
        self.values, self.dtype = np.asarray(values, dtype=np.float32), dtype

    def detach(self):
        return self

    def cpu(self):
        return self

    def float(self):
        return Tensor(self.values)

    def numpy(self):
        if "bfloat16" in self.dtype:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.values

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad")

    def __len__(self):
        return len(self.values)


@pytest.mark.parametrize("dtype", ["torch.float32", "torch.bfloat16"])
def test_tensors_are_read_by_their_own_methods(dtype):
    H, y = data()
    np.testing.assert_array_equal(as_embeddings(Tensor(H, dtype)), H.astype(np.float32))
    np.testing.assert_array_equal(as_labels(Tensor(y), len(y)), y)


def test_files(tmp_path):
    H, y = data()
    np.save(tmp_path / "one.npy", H)
    mapped = as_embeddings(tmp_path / "one.npy")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, H)
    np.savez(tmp_path / "one.npz", anything=H)
    np.testing.assert_array_equal(as_embeddings(str(tmp_path / "one.npz")), H)
    np.savez(tmp_path / "two.npz", features=H, labels=y)
    np.testing.assert_array_equal(as_embeddings(tmp_path / "two.npz"), H)
    np.savez(tmp_path / "none.npz", a=H, b=H)
    with pytest.raises(InvalidInputError, match=r"holds 'a' .*'b' .*say which it is"):
        as_embeddings(tmp_path / "none.npz")
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(InvalidInputError, match="not a readable"):
        as_embeddings(tmp_path / "text.npy")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(InvalidInputError, match="not a readable"):
        as_embeddings(tmp_path / "text.npz")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidInputError, match="holds Python objects"):
        as_embeddings(tmp_path / "objects.npy")
    with pytest.raises(InvalidInputError, match="no such file"):
        as_embeddings(tmp_path / "embeddings.csv")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(3), r"\(n, d\)"),
        (np.ones((2, 3, 4)), r"\(n, d\)"),
        (np.ones((0, 3)), "empty"),
        (np.ones((3, 0)), "empty"),
        (np.ones((3, 2)) * 1j, "complex"),
        ([["a", "b"]], "real numbers"),
        ([[1.0], [1.0, 2.0]], "cannot be read as an array"),
    ],
)
def test_bad_embeddings(values, message):
    with pytest.raises(InvalidInputError, match=message):
        as_embeddings(values)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_entry_that_is_not_finite_is_named(bad):
    H, y = data()
    H[41, 3] = bad
    with pytest.raises(InvalidInputError, match=r"embeddings\[41, 3\]"), np.errstate(all="ignore"):
        class_statistics(H, y, block_rows=10)


def test_integers_are_numbers():
    H = np.arange(12).reshape(6, 2)
    y = np.array([0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(class_statistics(H, y).means, [[2, 3], [8, 9]])
