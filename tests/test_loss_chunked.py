"""The loss over row blocks: the numbers of `supcon_loss`, from arrays that live in chunks."""

from __future__ import annotations

import itertools
import sys
import tracemalloc

import numpy as np
import pytest

from screlax import (
    contrastive_loss,
    contrastive_loss_chunked,
    losses,
    supcon_loss,
    supcon_loss_chunked,
)
from screlax.errors import InvalidInputError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
N, D, K = 700, 12, 9


@pytest.fixture
def dask_array():
    return pytest.importorskip("dask.array", reason="needs screlax[dask]")


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((N, D)), rng.integers(0, K, N)


def shards(tmp_path, embeddings, cuts=(0, 130, 131, 600, N)):
    paths = []
    for first, last in itertools.pairwise(cuts):
        paths.append(tmp_path / f"{first}.npy")
        np.save(paths[-1], embeddings[first:last])
    return paths


def test_without_dask_the_error_says_what_to_install(monkeypatch, tmp_path, data):
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(InvalidInputError, match=r"screlax\[dask\]"):
        supcon_loss_chunked(shards(tmp_path, data[0]), data[1])


@pytest.mark.parametrize("block_rows", [None, 1, 97, 350, N - 1, N])
def test_any_cut_gives_the_same_loss(dask_array, tmp_path, data, block_rows):
    embeddings, labels = data
    if block_rows == 1:
        embeddings, labels = embeddings[:40], labels[:40]
        paths = shards(tmp_path, embeddings, (0, 30, 40))
    else:
        paths = shards(tmp_path, embeddings)
    expected = supcon_loss(embeddings, labels)
    found = supcon_loss_chunked(paths, labels, block_rows=block_rows)
    assert found == pytest.approx(expected, rel=1e-13)


OPTIONS = [
    {"normalize": True},
    {"temperature": 0.003},  # logits far beyond what a sum without a shift takes
    {"reduction": "sum"},
    {"reduction": "none", "normalize": True},
    {"negatives_only": True, "reduction": "none"},
    {"mean_over": "all", "base_temperature": 0.07, "normalize": True},
    {"class_weights": {label: 1.0 + label for label in range(-1, K)}},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o))
@pytest.mark.parametrize("order", ["shuffled", "by class"])
def test_every_option_agrees(dask_array, data, options, order):
    embeddings, labels = data
    labels = labels.copy()
    labels[17] = -1  # a class of one sample
    if order == "by class":
        order = np.argsort(labels, kind="stable")
        embeddings, labels = embeddings[order], labels[order]
    expected = supcon_loss(embeddings, labels, **options)
    array = dask_array.from_array(embeddings, chunks=(50, 5))
    found = supcon_loss_chunked(array, labels, block_rows=50, **options)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_text_labels_and_single_precision(dask_array, tmp_path, data):
    embeddings, labels = data[0].astype(np.float32), np.array([f"class {c}" for c in data[1]])
    expected = supcon_loss(embeddings, labels, normalize=True)
    found = supcon_loss_chunked(
        shards(tmp_path, embeddings), labels, normalize=True, block_rows=100
    )
    assert found == pytest.approx(expected, rel=1e-6)
    np.save(tmp_path / "labels.npy", labels)
    stored = supcon_loss_chunked(
        shards(tmp_path, embeddings), [tmp_path / "labels.npy"], normalize=True, block_rows=100
    )
    assert stored == found


def test_zarr_arrays_and_dask_arrays_of_them(dask_array, tmp_path, data):
    zarr = pytest.importorskip("zarr", reason="needs zarr")
    embeddings, labels = data
    stored = zarr.open_array(
        store=str(tmp_path / "embeddings.zarr"), mode="w", shape=(N, D), chunks=(64, D), dtype="f8"
    )
    stored[:] = embeddings
    expected = supcon_loss(embeddings, labels)
    array = dask_array.from_zarr(stored)
    for source in (stored, array, array.persist(scheduler="threads")):
        found = supcon_loss_chunked(source, dask_array.from_array(labels), block_rows=128)
        assert found == pytest.approx(expected, rel=1e-13)


def test_a_dask_array_that_is_computed_is_computed_by_the_tasks(dask_array, data):
    embeddings, labels = data
    doubled = dask_array.from_array(embeddings, chunks=(90, D)) * 0.5
    found = supcon_loss_chunked(doubled, labels)
    assert found == pytest.approx(supcon_loss(embeddings / 2, labels), rel=1e-13)


def test_two_runs_agree_bit_for_bit(dask_array, data):
    array = dask_array.from_array(data[0], chunks=(40, D))
    first, second = (
        supcon_loss_chunked(array, data[1], block_rows=40, reduction="none") for _ in range(2)
    )
    assert first.tobytes() == second.tobytes()


def test_memory_is_bounded_by_the_blocks(dask_array, tmp_path):
    import dask

    rng = np.random.default_rng(0)
    rows, features = 6000, 400  # 19 MB, in shards of 1.6 MB
    paths = []
    for number in range(12):
        paths.append(tmp_path / f"{number}.npy")
        np.save(paths[-1], rng.standard_normal((500, features)))
    labels = rng.integers(0, 5, rows)
    tracemalloc.start()
    with dask.config.set(scheduler="synchronous"):
        supcon_loss_chunked(paths, labels, normalize=True, block_rows=500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows * features * 8 * 0.7


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"embeddings": np.zeros((4, 2))}, "use supcon_loss"),
        ({"embeddings": []}, "list of .npy files is empty"),
        ({"embeddings": ["nowhere.npy"]}, "cannot be read"),
        ({"labels": [0, 1]}, "labels must have shape"),
        ({"block_rows": 0}, "block_rows"),
        ({"block_rows": 2.5}, "block_rows"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": 1e-301}, "too large"),
        ({"reduction": "median"}, "reduction"),
    ],
)
def test_bad_input_is_refused(dask_array, tmp_path, data, change, said):
    arguments = {"embeddings": shards(tmp_path, data[0]), "labels": data[1], **change}
    with pytest.raises(InvalidInputError, match=said):
        supcon_loss_chunked(arguments.pop("embeddings"), arguments.pop("labels"), **arguments)


def test_a_bad_entry_is_named_by_its_row(dask_array, tmp_path, data):
    embeddings = data[0].copy()
    embeddings[431, 7] = np.nan
    with pytest.raises(InvalidInputError, match=r"embeddings\[431, 7\] is nan"):
        supcon_loss_chunked(shards(tmp_path, embeddings), data[1], block_rows=100)


def test_shards_must_agree(dask_array, tmp_path, data):
    paths = shards(tmp_path, data[0])
    np.save(paths[1], np.zeros((1, D + 1)))
    with pytest.raises(InvalidInputError, match="of one d and precision"):
        supcon_loss_chunked(paths, data[1])


def test_on_a_scheduler_with_workers(dask_array, tmp_path, data):
    distributed = pytest.importorskip("distributed", reason="needs screlax[dask]")
    embeddings, labels = data
    expected = supcon_loss(embeddings, labels)
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            host="127.0.0.1",
            dashboard_address=":0",  # any free port; None would take 8787 all the same
        ) as cluster,
        distributed.Client(cluster),
    ):
        array = dask_array.from_array(embeddings, chunks=(100, D))
        for source in (shards(tmp_path, embeddings), array, array.persist()):
            found = supcon_loss_chunked(source, labels, block_rows=200)
            assert found == pytest.approx(expected, rel=1e-13)


LOSSES = {
    "supcon": losses.SupCon(),
    "weighted": losses.SupCon(class_weights={label: 1.0 + label for label in range(K)}),
    "balanced": losses.NegativesOnly(class_weights="balanced"),
    "negatives only": losses.NegativesOnly(),
    "class-averaged": losses.ClassAveraged(),
    "class-averaged, classes": losses.ClassAveraged(anchors="classes"),
    "soft targets": losses.SoftTargets(epsilon=0.2),
    "smoothing": losses.SoftTargets(smoothing=0.2),
    "row softmax": losses.RowSoftmax(1 + np.arange(K), 2.0, 3 + np.arange(K) % 4),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("temperature", [0.5, 0.01])
def test_every_loss_of_samples_is_that_of_the_whole(dask_array, tmp_path, data, name, temperature):
    embeddings, labels = data
    paths = shards(tmp_path, embeddings)
    for options in ({}, {"reduction": "none", "normalize": True}):
        options = {"loss": LOSSES[name], "temperature": temperature, **options}
        found = contrastive_loss_chunked(paths, labels, block_rows=290, **options)
        expected = contrastive_loss(embeddings, labels, **options)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_class_averages_near_zero_keep_their_digits(dask_array):
    labels = np.repeat(np.arange(4), [9, 5, 3, 2])
    near = np.eye(4)[labels] + 1e-5 * np.random.default_rng(0).standard_normal((19, 4))
    chunks = dask_array.from_array(near, chunks=(5, 4))
    options = {"loss": "class-averaged", "temperature": 0.02, "reduction": "none"}
    found = contrastive_loss_chunked(chunks, labels, block_rows=5, **options)
    expected = contrastive_loss(near, labels, **options)
    assert expected.max() < 1e-4
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("loss", ["prototypes", "supcon:views=2", "self-supervised"])
def test_what_chunks_do_not_have_is_refused(dask_array, tmp_path, data, loss):
    with pytest.raises(InvalidInputError, match="views or prototypes"):
        contrastive_loss_chunked(shards(tmp_path, data[0]), data[1], loss=loss)
