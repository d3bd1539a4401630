"""Class statistics of embeddings in chunks: those of one pass over all rows."""

import itertools

import numpy as np
import pytest

from screlax.errors import InvalidInputError
from screlax.geometry import class_statistics, class_statistics_chunked

pytest.importorskip("dask", reason="needs dask: pip install 'screlax[dask]'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
N, D = 700, 6


def data(dtype=np.float64, offset=0.0):
    """Classes in runs, so that most blocks lack most classes, and one of a single sample."""
    rng = np.random.default_rng(0)
    labels = np.sort(rng.integers(0, 20, N)).astype(str)
    labels[0] = "alone"
    return (rng.standard_normal((N, D)) + offset).astype(dtype), labels


def shards(folder, rows, cuts=(0, 130, 131, 600, N)):
    paths = []
    for first, last in itertools.pairwise(cuts):
        paths.append(folder / f"{first}.npy")
        np.save(paths[-1], rows[first:last])
    return paths


def same(found, expected, rel=1e-12):
    assert found.names == expected.names
    np.testing.assert_array_equal(found.counts, expected.counts)
    np.testing.assert_allclose(found.means, expected.means, atol=rel * np.abs(expected.means).max())
    largest = expected.within_traces.max()
    np.testing.assert_allclose(found.within_traces, expected.within_traces, atol=rel * largest)
    if expected.within is None:
        assert found.within is None
    else:
        np.testing.assert_allclose(found.within, expected.within, atol=rel * largest * 20)


@pytest.mark.parametrize("block_rows", [None, 7, 97, N - 1, N])
def test_any_cut_gives_the_same_statistics(tmp_path, block_rows):
    rows, labels = data(offset=1e3)
    found = class_statistics_chunked(shards(tmp_path, rows), labels, block_rows=block_rows)
    same(found, class_statistics(rows, labels), rel=1e-10)


@pytest.mark.parametrize("options", [{"normalize": True}, {"within": False}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_options_and_precisions_agree_on_a_dask_array(dtype, options):
    arrays = pytest.importorskip("dask.array")
    rows, labels = data(dtype)
    array = arrays.from_array(rows, chunks=(64, D))
    rel = 1e-5 if dtype == np.float32 else 1e-11
    found = class_statistics_chunked(array, labels, block_rows=64, **options)
    same(found, class_statistics(rows, labels, **options), rel)


def test_what_does_not_fit_is_refused_by_its_place_in_the_whole(tmp_path):
    rows, labels = data()
    with pytest.raises(InvalidInputError, match="labels must have shape"):
        class_statistics_chunked(shards(tmp_path, rows), labels[:-1])
    rows[650, 2] = np.nan
    with pytest.raises(InvalidInputError, match="650, 2"):
        class_statistics_chunked(shards(tmp_path, rows), labels, block_rows=100)


@pytest.mark.slow
def test_on_a_cluster_of_processes(tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs screlax[dask]")
    rows, labels = data()
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
    ):
        found = class_statistics_chunked(shards(tmp_path, rows), labels, block_rows=50)
    same(found, class_statistics(rows, labels))
