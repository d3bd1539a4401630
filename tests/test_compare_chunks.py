"""Embeddings in shards against an optimum: all that is said of them in memory, up to rounding."""

import math

import numpy as np
import pytest

import screlax
from screlax.errors import InvalidInputError
from screlax.samples.sources import open_source

arrays = pytest.importorskip("dask.array", reason="needs dask: pip install 'screlax[dask]'")

SIZES, D = (30, 20, 10, 2, 1), 8
NAMES = ["ant", "bee", "cat", "dog", "eel"]
LABELS = np.random.default_rng(1).permutation(np.repeat(np.arange(5), SIZES))
N = len(LABELS)
SPHERE = screlax.Sphere(1.0)


def solved(control=SPHERE, temperature=0.5, **options):
    return screlax.solve_relaxation(list(SIZES), control, temperature=temperature, **options)


def drawn(noise=0.3, seed=0, rows=None):
    rng = np.random.default_rng(seed)
    best = np.linalg.qr(rng.standard_normal((D, D)))[0][:5] if rows is None else rows
    return best[LABELS] + noise * rng.standard_normal((N, D))


def in_chunks(rows, size=10):
    return arrays.from_array(rows, chunks=(size, *rows.shape[1:]))


def differences(found, expected, path=""):
    """Yield where two records differ by more than rounding of what a number is a difference of."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name in expected:
            yield from differences(found[name], expected[name], f"{path}/{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for place, pair in enumerate(zip(found, expected, strict=True)):
            yield from differences(*pair, f"{path}/{place}")
    elif isinstance(expected, float) and isinstance(found, float):
        size = max(abs(expected), 1.0 if path.startswith(("/split", "/decision")) else 0.0)
        if abs(found - expected) > 1e-12 * size:
            yield path, found, expected
    elif found != expected:
        yield path, found, expected


def same(rows, solution, chunks=None, labels=LABELS, **options):
    expected = screlax.compare(rows, labels, solution, **options)
    given = in_chunks(rows) if chunks is None else chunks
    found = screlax.compare(given, labels, solution, **options)
    assert not list(differences(found.to_dict(), expected.to_dict()))
    size = np.abs(expected.class_gram).max()
    np.testing.assert_allclose(found.class_gram, expected.class_gram, atol=1e-12 * size)
    return found


@pytest.mark.parametrize("control", [screlax.Ridge(0.05), SPHERE, screlax.Budget(1.5)])
@pytest.mark.parametrize("loss", ["auto", "class-means"])
def test_what_is_said_of_chunks_is_what_is_said_of_the_array(control, loss):
    found = same(drawn(), solved(control), loss=loss, search=False)
    assert found.loss.level == ("samples" if loss == "auto" else "class means")


@pytest.mark.parametrize("name", ["supcon:class_weights=balanced", "class-averaged"])
def test_other_losses_of_all_pairs(name):
    rows, solution = drawn(), solved(loss=name)
    expected = screlax.compare(rows, LABELS, solution, loss="samples", search=False).loss
    found = screlax.compare(in_chunks(rows), LABELS, solution, loss="samples", search=False).loss
    assert found.value == pytest.approx(expected.value, rel=1e-12)
    assert found.gap == pytest.approx(expected.gap, rel=1e-10)
    assert found.relative_to_height == pytest.approx(expected.relative_to_height, rel=1e-9)
    assert found.relative_to_height >= found.gap / found.optimal_height  # proved


def test_a_height_that_is_all_rounding_bounds_nothing():
    """Of values near the floor what is above it is a difference of equal numbers."""
    rows, solution = drawn(0.0), solved(temperature=0.02, loss="supcon:class_weights=balanced")
    found = screlax.compare(in_chunks(rows), LABELS, solution, loss="samples", search=False).loss
    assert found.relative_to_height == np.inf
    assert found.optimal_height < 1e-10


@pytest.mark.parametrize("options", [{"normalize": True}, {"agreement": False}])
def test_options_zero_rows_and_single_precision(options):
    rows = drawn().astype(np.float32)
    rows[[3, 40]] = 0.0
    expected = screlax.compare(rows, LABELS, solved(), **options)
    found = screlax.compare(in_chunks(rows), LABELS, solved(), **options)
    assert found.gram_distance == pytest.approx(expected.gram_distance, rel=1e-5)
    assert found.loss.value == pytest.approx(expected.loss.value, rel=1e-12)
    assert [flag.name for flag in found.flags] == [flag.name for flag in expected.flags]
    assert found.nearest_mean_agreement == expected.nearest_mean_agreement


def test_a_collapsed_class_has_no_spread():
    """At class means: rounding of sums must not appear as spread."""
    solution = solved(temperature=0.05)
    rows = solution.prototypes(D)[LABELS]
    expected = screlax.compare(rows, LABELS, solution, search=False).loss
    found = screlax.compare(in_chunks(rows), LABELS, solution, search=False).loss
    assert found.height == pytest.approx(expected.height, rel=1e-13)
    assert found.gap == pytest.approx(expected.gap, rel=1e-10)
    assert found.relative_to_height == pytest.approx(expected.relative_to_height, rel=1e-9)
    assert found.relative_to_height >= found.gap / found.optimal_height  # proved


def test_logits_beyond_the_range_of_the_exponential():
    same(100 * drawn(), solved(screlax.Ball(5000.0)), loss="samples", search=False)


def test_features_with_a_classifier_under_cross_entropy():
    control = screlax.WeightDecay(0.3, 0.1)
    solution = solved(control, 1.0, loss="cross-entropy")
    weights = drawn(seed=3)[:5]
    for options in ({"classifier": weights}, {}, {"loss": "class-means"}):
        same(drawn(), solution, search=False, **options)
    found = same(drawn(), solved(), classifier=weights, search=False)
    assert 0 < found.classifier.accuracy < 1


def test_several_optima_are_ranked_alike():
    optima = [solved(temperature=t) for t in (0.1, 0.5, 2.0)]
    expected = screlax.compare(drawn(), LABELS, optima, search=False)
    found = screlax.compare(in_chunks(drawn()), LABELS, optima, search=False)
    assert [str(one.recipe) for one in found] == [str(one.recipe) for one in expected]


def test_views_are_rows_of_a_sample():
    solution = solved(loss="supcon:views=2")
    rows = np.stack([drawn(), drawn(seed=2)], axis=1)
    same(rows, solution, search=False)
    mixed = screlax.compare(
        in_chunks(rows), LABELS, solved(loss="instance-mix:alpha=0.1"), search=False
    )
    assert mixed.loss.level == "class means"
    assert "in chunks" in mixed.loss.reason


def test_batches_are_not_drawn_and_it_is_said():
    solution = solved(batches="shuffle:size=16")
    found = screlax.compare(in_chunks(drawn()), LABELS, solution, search=False)
    expected = screlax.compare(drawn(), LABELS, solution, search=False, draws=0)
    assert found.drawn is None
    assert found.loss.value == pytest.approx(expected.loss.value, rel=1e-12)
    assert [flag.name for flag in found.flags][-1] == "chunks"
    with pytest.raises(InvalidInputError, match="no batches are drawn"):
        screlax.compare(never_read(), LABELS, solution, draws=5)


def never_read():
    """Return a dask array that fails when it is read."""

    def fail(block):
        raise AssertionError("read before it was checked")

    return in_chunks(drawn()).map_blocks(fail, dtype=float, meta=np.empty((0, 0)))


@pytest.fixture
def files(tmp_path):
    parts = [slice(0, 20), slice(20, 21), slice(21, N)]
    for place, part in enumerate(parts):
        np.save(tmp_path / f"rows-{place}.npy", drawn()[part])
    return tmp_path


def test_files_folders_and_stores(files):
    shards = sorted(files.glob("*.npy"))
    for given in (shards, list(map(str, shards)), files, str(files)):
        same(drawn(), solved(), chunks=given, search=False)
    zarr = pytest.importorskip("zarr", reason="needs zarr")
    options = {"mode": "w", "shape": (N, D), "chunks": (16, D), "dtype": "f8"}
    stored = zarr.open_array(store=str(files / "rows.zarr"), **options)
    stored[:] = drawn()
    for given in (stored, files / "rows.zarr"):
        same(drawn(), solved(), chunks=given, search=False)


def test_labels_in_chunks_count_by_their_place(files):
    expected = screlax.compare(drawn(), LABELS, solved()).gram_distance
    folder = files / "labels"
    folder.mkdir()
    np.save(folder / "a.npy", LABELS[:50])
    np.save(folder / "b.npy", LABELS[50:])
    unknown = arrays.from_array(LABELS, chunks=11)
    unknown = unknown[unknown >= 0]
    assert math.isnan(unknown.shape[0])
    for labels in ([folder / "a.npy", folder / "b.npy"], folder, unknown, unknown.compute()):
        found = screlax.compare(in_chunks(drawn(), 7), labels, solved()).gram_distance
        assert found == pytest.approx(expected, rel=1e-12)


def test_frames_of_dask_are_in_the_order_of_their_labels():
    frames = pytest.importorskip("dask.dataframe", reason="needs dask.dataframe")
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    index = np.arange(N)[::-1]
    table = frames.from_pandas(pandas.DataFrame(drawn(), index=index), npartitions=3, sort=False)
    aligned = pandas.Series(LABELS, index=index)
    expected = screlax.compare(drawn(), LABELS, solved()).gram_distance
    for labels in (aligned, LABELS):
        found = screlax.compare(table, labels, solved()).gram_distance
        assert found == pytest.approx(expected, rel=1e-12)
    with pytest.raises(InvalidInputError, match="the index of the embeddings"):
        screlax.compare(table, pandas.Series(LABELS), solved())


def masked(rows):
    return in_chunks(np.ma.array(rows, mask=rows > np.sort(rows.ravel())[-2]))


def with_nan(rows):
    rows[50, 3] = math.nan
    return in_chunks(rows)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (masked, "masked"),
        (with_nan, r"embeddings\[50, 3\] is nan"),
        (lambda rows: in_chunks(rows)[in_chunks(rows)[:, 0] > -9], "unknown size"),
        (lambda rows: in_chunks(rows.astype(complex)), "complex"),
        (lambda rows: in_chunks(rows.astype(str)), "must be numbers"),
        (lambda rows: in_chunks(rows[:-1]), "62 embeddings but 63 labels"),
        (lambda rows: in_chunks(rows[:, 0]), "shape"),
    ],
)
def test_what_an_array_may_not_be_chunks_may_not_be(given, said):
    with pytest.raises(InvalidInputError, match=said):
        screlax.compare(given(drawn()), LABELS, solved())


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (arrays.from_array(np.ma.array(LABELS, mask=LABELS == 4), chunks=9), "masked"),
        (arrays.from_array(np.where(LABELS == 4, np.nan, LABELS), chunks=9), "missing"),
        (LABELS + 1, "label 5 is no class"),
        (np.where(LABELS == 4, 0, LABELS), "no sample has label 4"),
        ([NAMES[label] for label in LABELS], "label"),
    ],
)
def test_labels_are_refused_before_any_row_is_read(labels, said):
    with pytest.raises(InvalidInputError, match=said):
        screlax.compare(never_read(), labels, solved())


def test_the_order_of_files_must_be_plain(tmp_path):
    with pytest.raises(InvalidInputError, match=r"without \.npy files"):
        screlax.compare(tmp_path, LABELS, solved())
    for name in ("part2.npy", "part10.npy"):
        np.save(tmp_path / name, drawn())
    with pytest.raises(InvalidInputError, match="order of its files is not plain"):
        screlax.compare(tmp_path, LABELS, solved())


def test_fit_control_takes_chunks():
    options = {"temperature": 0.5, "points": 3}
    expected = screlax.fit_control(drawn(), LABELS, "sphere", **options)
    found = screlax.fit_control(in_chunks(drawn()), LABELS, "sphere", **options)
    assert found.distance == pytest.approx(expected.distance, rel=1e-9)


@pytest.mark.parametrize("kind", ["files", "zarr"])
def test_views_of_files_and_zarr_arrays_are_those_of_the_array(tmp_path, kind):
    solution = solved(loss="supcon:views=2")
    rows = np.stack([drawn(seed=1), drawn(seed=2)], axis=1)
    if kind == "files":
        chunks = [tmp_path / f"{number}.npy" for number in range(3)]
        for file, part in zip(chunks, np.split(rows, [20, 21]), strict=True):
            np.save(file, part)
    else:
        zarr = pytest.importorskip("zarr")
        chunks = zarr.array(rows, chunks=(20, 1, 3))
    same(rows, solution, chunks, search=False)


def test_files_that_grow_while_they_are_read_are_refused(tmp_path):
    files = [tmp_path / "1.npy", tmp_path / "2.npy"]
    for file, part in zip(files, np.split(drawn(), [20]), strict=True):
        np.save(file, part)
    source = open_source(files)
    np.save(files[0], drawn()[:25])
    with pytest.raises(InvalidInputError, match=r"1\.npy changed while it was read"):
        source.block(slice(0, 22)).read()
