"""Statistics and gradients on a cluster of two workers, one of which dies in the middle."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from screlax import contrastive_loss_and_grad, contrastive_loss_chunked_and_grad
from screlax.geometry import class_statistics, class_statistics_chunked

distributed = pytest.importorskip("distributed", reason="needs dask: pip install 'screlax[dask]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
N, D, ROWS = 600, 8, 100


def read_or_die(path, deadly, died):
    """Return a chunk; the first time that the deadly one is read, kill the process that reads."""
    if deadly and not Path(died).exists():
        Path(died).touch()
        os._exit(1)
    return np.load(path)


def chunks(folder, rows):
    """Return a dask array of files, read by tasks, whose fourth chunk is deadly."""
    import cloudpickle
    import dask
    from dask import array

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers have no tests
    parts = []
    for first in range(0, N, ROWS):
        np.save(folder / f"{first}.npy", rows[first : first + ROWS])
        read = dask.delayed(read_or_die, pure=True)
        part = read(str(folder / f"{first}.npy"), first == 3 * ROWS, str(folder / "died"))
        parts.append(array.from_delayed(part, (ROWS, D), dtype=rows.dtype))
    return array.concatenate(parts)


@pytest.mark.parametrize("what", ["statistics", "gradient"])
def test_a_worker_that_dies_costs_nothing_but_time(tmp_path, what):
    rng = np.random.default_rng(0)
    rows, labels = rng.standard_normal((N, D)), rng.integers(0, 7, N)
    embeddings = chunks(tmp_path, rows)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        before = set(client.run(os.getpid).values())
        if what == "statistics":
            found = class_statistics_chunked(embeddings, labels, block_rows=ROWS)
            expected = class_statistics(rows, labels)
            np.testing.assert_allclose(found.means, expected.means, atol=1e-13)
            np.testing.assert_allclose(found.within, expected.within, atol=1e-10)
        else:
            found = contrastive_loss_chunked_and_grad(embeddings, labels, block_rows=ROWS)
            expected = contrastive_loss_and_grad(rows, labels)
            assert found.loss == pytest.approx(expected.loss, rel=1e-12)
            np.testing.assert_allclose(found.gradient, expected.gradient, atol=1e-13)
        assert (tmp_path / "died").exists()
        assert len(before & set(client.run(os.getpid).values())) < 2
