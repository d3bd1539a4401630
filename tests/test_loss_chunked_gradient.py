"""The gradient of the loss in chunks: that of the loss in memory, whatever the cut."""

import numpy as np
import pytest
from test_loss_chunked import LOSSES, shards

from screlax import contrastive_loss_and_grad, contrastive_loss_chunked_and_grad
from screlax.errors import InvalidInputError

pytest.importorskip("dask", reason="needs dask: pip install 'screlax[dask]'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
N, D, K = 700, 12, 9


def data(dtype=np.float64, scale=1.0):
    rng = np.random.default_rng(0)
    rows = scale * rng.standard_normal((N, D)) / np.sqrt(D)
    return rows.astype(dtype), rng.integers(0, K, N)


def same(found, expected, rel=1e-12):
    largest = np.abs(expected.gradient).max()
    assert found.gradient.dtype == expected.gradient.dtype
    np.testing.assert_allclose(found.gradient, expected.gradient, atol=rel * largest)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=rel)
    assert found.temperature == pytest.approx(expected.temperature, rel=10 * rel)
    assert found.keys is None


@pytest.mark.parametrize("block_rows", [None, 97, 350, N - 1])
def test_any_cut_gives_the_same_gradient(tmp_path, block_rows):
    rows, labels = data()
    found = contrastive_loss_chunked_and_grad(shards(tmp_path, rows), labels, block_rows=block_rows)
    same(found, contrastive_loss_and_grad(rows, labels))


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss(tmp_path, name):
    rows, labels = data()
    options = {"loss": LOSSES[name], "temperature": 0.3}
    found = contrastive_loss_chunked_and_grad(
        shards(tmp_path, rows), labels, block_rows=200, **options
    )
    same(found, contrastive_loss_and_grad(rows, labels, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"normalize": True},
        {"temperature": 0.0003},  # logits that need a shift
        {"reduction": "sum", "base_temperature": 0.07},
        {"reduction": "none"},
        {"mean_over": "all"},
    ],
)
def test_every_option(tmp_path, options):
    rows, labels = data()
    labels[17] = -1  # a class of one sample
    found = contrastive_loss_chunked_and_grad(
        shards(tmp_path, rows), labels, block_rows=200, **options
    )
    same(found, contrastive_loss_and_grad(rows, labels, **options))


def test_single_precision_and_where_the_gradient_goes(tmp_path):
    rows, labels = data(np.float32)
    out = np.lib.format.open_memmap(
        tmp_path / "gradient.npy", mode="w+", dtype=np.float32, shape=(N, D)
    )
    found = contrastive_loss_chunked_and_grad(
        shards(tmp_path, rows), labels, block_rows=200, out=out
    )
    assert found.gradient is out
    same(found, contrastive_loss_and_grad(rows, labels), 1e-5)


@pytest.mark.parametrize("out", [np.empty((N, D + 1)), np.empty((N, D), int), [1.0]])
def test_what_cannot_take_the_gradient_is_refused_before_any_work(tmp_path, out):
    rows, labels = data()
    with pytest.raises(InvalidInputError, match="out must be a floating-point array of shape"):
        contrastive_loss_chunked_and_grad(shards(tmp_path, rows), labels, out=out)
