"""Embeddings, labels and counts of polars, pyarrow, dask and zarr mean what they do elsewhere."""

import numpy as np
import pytest

import screlax
from screlax.errors import InvalidInputError
from screlax.geometry import as_embeddings

ROWS = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
NAMES = ["cat"] * 4 + ["dog"] * 3 + ["owl"] * 2
NUMBERS = [0] * 4 + [1] * 3 + [2] * 2
SPHERE = screlax.Sphere(1.0)


def needed(name):
    return pytest.importorskip(name, reason=f"{name} is not installed")


def of_polars(kind):
    polars = needed("polars")
    return {
        "frame": lambda: polars.DataFrame(ROWS),
        "lazy frame": lambda: polars.DataFrame(ROWS).lazy(),
        "array": lambda: polars.Series(ROWS),
        "lists": lambda: polars.Series(ROWS.tolist()),
        "frame of lists": lambda: polars.DataFrame({"h": ROWS.tolist()}),
    }[kind]()


def of_arrow(kind):
    pyarrow = needed("pyarrow")
    return {
        "table": lambda: pyarrow.table({f"f{n}": ROWS[:, n] for n in range(4)}),
        "lists": lambda: pyarrow.array(ROWS.tolist()),
        "chunks": lambda: pyarrow.chunked_array([ROWS[:5].tolist(), ROWS[5:].tolist()]),
    }[kind]()


def of_pandas(kind):
    pandas = needed("pandas")
    return {
        "vectors": lambda: pandas.Series(list(ROWS)),
        "frame of vectors": lambda: pandas.DataFrame({"h": list(ROWS)}),
    }[kind]()


def of_dask(kind):
    if kind == "frame":
        return needed("dask.dataframe").from_pandas(needed("pandas").DataFrame(ROWS), npartitions=2)
    return needed("dask.array").from_array(ROWS, chunks=(4, 4))


def of_zarr(kind):
    zarr = needed("zarr")
    array = zarr.create_array({}, shape=ROWS.shape, dtype=ROWS.dtype, chunks=(3, 4))
    array[:] = ROWS
    return array


EMBEDDINGS = [
    *((of_polars, kind) for kind in ("frame", "lazy frame", "array", "lists", "frame of lists")),
    *((of_arrow, kind) for kind in ("table", "lists", "chunks")),
    *((of_pandas, kind) for kind in ("vectors", "frame of vectors")),
    *((of_dask, kind) for kind in ("array", "frame")),
    (of_zarr, "array"),
]


@pytest.mark.parametrize(("make", "kind"), EMBEDDINGS)
def test_embeddings(make, kind):
    given = make(kind)
    assert np.array_equal(as_embeddings(given), ROWS)
    expected = screlax.supcon_loss(ROWS, NUMBERS)
    assert screlax.supcon_loss(given, NUMBERS) == pytest.approx(expected, rel=1e-6)


def test_vectors_of_other_lengths_are_named():
    pandas = needed("pandas")
    with pytest.raises(InvalidInputError, match=r"embeddings\[1\] has shape \(3,\), .* \(2,\)"):
        as_embeddings(pandas.Series([[1.0, 2.0], [1.0, 2.0, 3.0]]))
    with pytest.raises(InvalidInputError, match=r"\[1, 0\] is missing"):
        as_embeddings(pandas.Series([[1.0, 2.0], [None, 2.0]]))
    with pytest.raises(InvalidInputError, match="numbers"):
        as_embeddings(pandas.Series([["a", "b"], ["c", "d"]]))


@pytest.mark.parametrize("labels", [NAMES, NUMBERS], ids=["text", "integers"])
def test_labels(labels):
    expected = screlax.UFM.from_labels(labels, SPHERE)
    found = []
    polars, pyarrow = needed("polars"), needed("pyarrow")
    found += [polars.Series(labels), polars.DataFrame({"y": labels}), pyarrow.array(labels)]
    found += [polars.LazyFrame({"y": labels}), pyarrow.table({"y": labels})]
    found += [pyarrow.array(labels).dictionary_encode(), needed("dask.array").array(labels)]
    if labels is NAMES:
        found += [polars.Series(labels, dtype=polars.Enum(["owl", "dog", "cat"]))]
    for given in found:
        problem = screlax.UFM.from_labels(given, SPHERE)
        assert (problem, problem.class_labels) == (expected, expected.class_labels)
    with pytest.raises(InvalidInputError, match=r"labels\[8\] is missing"):
        screlax.UFM.from_labels(polars.Series([*labels[:8], None]), SPHERE)


def test_counts_of_polars():
    polars = needed("polars")
    series = polars.Series("y", NAMES)
    expected = screlax.UFM.from_labels(NAMES, SPHERE)
    frame = polars.DataFrame({"y": NAMES})
    for counts in (
        series.value_counts(),
        frame.group_by("y").len(),
        frame.lazy().group_by("y").len(),
    ):
        problem = screlax.UFM(counts, SPHERE)
        assert (problem, problem.class_labels) == (expected, expected.class_labels)


def test_counts_of_dask_keep_their_index():
    frames = needed("dask.dataframe")
    series = frames.from_pandas(needed("pandas").Series(NAMES), npartitions=2)
    problem = screlax.UFM(series.value_counts(), SPHERE)
    assert problem.class_labels == ("cat", "dog", "owl")
    assert list(problem.class_sizes) == [4, 3, 2]
