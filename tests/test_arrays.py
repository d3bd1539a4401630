"""Arrays of embeddings are read alike wherever they enter."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import screlax
from screlax.errors import InvalidInputError
from screlax.geometry import as_embeddings, class_statistics, gram_distance
from screlax.io.arrays import as_floats, real_array

LABELS = np.array([0, 0, 0, 1, 1, 1])
RIDGE = screlax.UFM([3, 3], screlax.Ridge(0.1))
SOLUTION = screlax.solve_relaxation([3, 3], control=screlax.Sphere(1.0), temperature=0.5)


def rows(seed=0):
    return np.random.default_rng(seed).standard_normal((6, 4)).astype(np.float32)


def track(embeddings):
    tracker = screlax.GeometryTracker(solution=SOLUTION)
    tracker.update(embeddings, LABELS)
    return tracker.end_epoch()["gram_distance"]


def chunked(embeddings):
    dask_array = pytest.importorskip("dask.array", reason="dask is not installed")
    if not isinstance(embeddings, np.ndarray):
        pytest.skip("a dask array is made of arrays")
    chunks = dask_array.from_array(embeddings, chunks=(2, 4), asarray=False)
    return screlax.supcon_loss_chunked(chunks, LABELS)


READERS = {
    "supcon_loss": lambda h: screlax.supcon_loss(h, LABELS),
    "supcon_loss_and_grad": lambda h: screlax.supcon_loss_and_grad(h, LABELS)[0],
    "supcon_loss_chunked": chunked,
    "compare": lambda h: screlax.compare(h, LABELS, SOLUTION).loss.value,
    "fit_control": lambda h: screlax.fit_control(h, LABELS, temperature=0.5, points=5).distance,
    "tracker": track,
    "check_second_order": lambda h: (
        screlax.check_second_order(RIDGE, h, level="samples").gradient_norm
    ),
    "as_embeddings": lambda h: float(as_embeddings(h).sum(dtype=float)),
}


@pytest.fixture(params=sorted(READERS))
def reader(request):
    return READERS[request.param]


def test_masked_entries_are_refused(reader):
    masked = np.ma.masked_array(rows(), mask=np.arange(24).reshape(6, 4) == 9)
    with pytest.raises(InvalidInputError, match="masked entries"):
        reader(masked)
    with pytest.raises(InvalidInputError, match="masked entries"):
        reader(list(masked))
    unmasked = np.ma.masked_array(rows(), mask=False)
    assert reader(unmasked) == reader(rows())


def test_missing_entries_and_text_are_refused(reader):
    for bad in (None, "1.0", object()):
        values = rows().astype(object)
        values[2, 1] = bad
        with pytest.raises(InvalidInputError, match=r"\[2, 1\] is"):
            reader(values)
    with pytest.raises(InvalidInputError, match="numbers"):
        reader(rows().astype(str))
    with pytest.raises(InvalidInputError, match="complex"):
        reader(rows() + 0j)


def test_tensors_are_read_alike(reader):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    tensor = torch.tensor(rows())
    expected = pytest.approx(reader(rows()), rel=1e-12)
    assert reader(tensor) == expected
    assert reader(tensor.requires_grad_()) == expected
    assert reader(torch.nn.Parameter(tensor.detach())) == expected
    assert reader([row * 1.0 for row in tensor]) == expected
    assert reader(tensor * 1.0) == expected
    half = tensor.detach().to(torch.bfloat16)
    assert reader(half) == pytest.approx(reader(half.float().numpy()), rel=1e-12)
    with pytest.raises(InvalidInputError, match="dense"):
        reader(pytest.importorskip("scipy.sparse").csr_array(rows()))


def test_tables_are_read_alike(reader):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    table = pandas.DataFrame(rows())
    assert reader(table) == pytest.approx(reader(rows()), rel=1e-12)
    table = table.astype("Float64")
    assert reader(table) == pytest.approx(reader(rows().astype(float)), rel=1e-6)
    table.iloc[4, 2] = pandas.NA
    with pytest.raises(InvalidInputError, match=r"\[4, 2\] is missing|is nan"):
        reader(table)


@pytest.mark.parametrize("name", ["fit_control", "tracker", "as_embeddings"])
def test_views_say_what_to_do(name):
    with pytest.raises(InvalidInputError, match=r"reshape\(-1, d\).*numpy.repeat"):
        READERS[name](rows().reshape(6, 2, 2))


def test_views_without_a_contrast_mode_say_what_to_do():
    views = rows().reshape(6, 2, 2)
    for given in ({"labels": LABELS}, {}, {"mask": np.eye(6)}):
        with pytest.raises(InvalidInputError, match="6 samples of 2 views, give contrast_mode"):
            screlax.supcon_loss(views, **given)


def test_a_parameter_is_a_number():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    temperature = torch.nn.Parameter(torch.tensor(0.5))
    for options in ({"temperature": temperature}, {"base_temperature": temperature}):
        plain = dict.fromkeys(options, 0.5)
        assert screlax.supcon_loss(rows(), LABELS, **options) == screlax.supcon_loss(
            rows(), LABELS, **plain
        )
    solution = screlax.solve_relaxation(
        [3, 3], control=screlax.Sphere(1.0), temperature=temperature
    )
    assert solution.value == SOLUTION.value
    fits = [
        screlax.fit_control(rows(), LABELS, temperature=t, points=5) for t in (temperature, 0.5)
    ]
    assert fits[0].parameter == fits[1].parameter


def test_a_mask_of_positives_is_no_masked_array():
    positives = np.ma.masked_equal(LABELS[:, None] == LABELS, False)
    with pytest.raises(InvalidInputError, match="mask have masked entries"):
        screlax.supcon_loss(rows(), mask=positives)
    with pytest.raises(InvalidInputError, match="mask have masked entries"):
        screlax.supcon_loss(np.stack([rows(), rows(1)]), mask=np.ma.stack([positives, positives]))


def test_gram_matrices_are_read_alike():
    masked = np.ma.masked_array(np.eye(2), mask=[[False, True], [True, False]])
    for read in (
        lambda gram: gram_distance(gram, np.eye(2)),
        lambda gram: screlax.gram_loss(gram, class_sizes=[3, 3]),
        screlax.recover_embeddings,
    ):
        with pytest.raises(InvalidInputError, match="masked entries"):
            read(masked)
        torch = pytest.importorskip("torch", reason="torch is not installed")
        read(torch.eye(2).requires_grad_() * 1.0)


def test_nothing_is_copied_that_need_not_be(tmp_path):
    for dtype in (np.float32, np.float64):
        values = rows().astype(dtype)
        assert as_floats(real_array(values, "values")) is values
    np.save(tmp_path / "rows.npy", rows())
    assert isinstance(as_embeddings(tmp_path / "rows.npy"), np.memmap)


def test_python_numbers_of_any_kind():
    found = real_array([[Fraction(1, 2), Decimal("0.25")], [True, 2**80]], "values")
    np.testing.assert_array_equal(found, [[0.5, 0.25], [1.0, 2.0**80]])
    assert as_floats(np.ones(2, ">f4")).dtype == np.float32
    assert as_floats(np.ones(2, np.float16)).dtype == np.float32
    assert as_floats(np.ones(2, np.int8)).dtype == np.float64


def test_statistics_take_what_the_reader_returns():
    found = class_statistics(as_embeddings(rows().tolist()), LABELS)
    np.testing.assert_allclose(found.means[0], rows()[:3].mean(axis=0), rtol=1e-6)
