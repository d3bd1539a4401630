"""Class-averaged losses in batches: rows together give what each finds on circles of its own."""

import numpy as np
import pytest
from scipy.special import comb

from screlax import UFM, Sphere
from screlax.gram.cells import Level
from screlax.problem.batches.averaged import AveragedExpectation
from screlax.problem.batches.general import GeneralExpectation
from screlax.problem.batches.general_row import _shared_alone
from screlax.problem.batches.joined_numbers import log1p_of
from screlax.problem.program import build_program

SIZES = [120, 40, 9, 9, 4, 1]
SAMPLERS = [
    "shuffle:size=16",
    "shuffle:size=150",
    "weighted:size=16",
    "poisson:rate=0.1",
    "classes:classes=3,samples=2",
]


def rows_of(batches, loss="class-averaged"):
    sizes = [9, 9, 4, 3, 2] if batches.startswith("classes") else SIZES
    problem = UFM(sizes, Sphere(1.0), loss=loss, batches=batches)
    rows = build_program(problem, Level.ORBITS).loss.kinds[0].rows
    assert type(rows) is AveragedExpectation
    alone = GeneralExpectation.__new__(GeneralExpectation)
    vars(alone).update(vars(rows))
    return rows, alone


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of the row by itself
@pytest.mark.parametrize(("middle", "spread"), [(-25, 0.1), (0, 6), (-5, 12)])
@pytest.mark.parametrize("batches", SAMPLERS)
def test_rows_together_are_those_by_themselves(batches, middle, spread):
    rows, alone = rows_of(batches)
    normal = np.random.default_rng(0).standard_normal(rows.copies.shape)
    e = np.exp(middle + spread * normal)
    assert rows.excess(e) == pytest.approx(alone.excess(e), rel=rows.error, abs=0)
    found, wanted = rows.moments(e), alone.moments(e)
    size = np.abs(wanted.softmax).sum(axis=1)
    assert (np.abs(found.softmax - wanted.softmax).sum(axis=1) <= rows.error * size).all()
    assert (rows.softmax(e) == found.softmax).all()
    curved = np.abs(wanted.second).max(axis=(1, 2))
    assert (np.abs(found.second - wanted.second).max(axis=(1, 2)) <= 1e-4 * curved).all()


def test_a_mass_that_anchors_share_is_shared_on_common_circles():
    rows, alone = rows_of("shuffle:size=16", "class-averaged:anchors=classes")
    e = np.exp(np.random.default_rng(0).standard_normal(rows.copies.shape) - 2)
    assert rows.excess(e) == pytest.approx(alone.excess(e), rel=rows.error, abs=0)
    assert rows.softmax(e) == pytest.approx(alone.moments(e).softmax, rel=1e-11)


def test_no_difference_is_exactly_nothing():
    rows, _ = rows_of("shuffle:size=16")
    assert (rows.excess(np.zeros(rows.copies.shape)) == 0).all()


@pytest.mark.parametrize("needed", [True, False])
@pytest.mark.parametrize("units", [3, 49, 500])
def test_the_own_part_of_a_shared_mass_is_its_integral(units, needed):
    angle = np.array([0.0, 1.0, 2.5])
    for mean in (0.25, 1.0, 5.0, 60.0):
        z = mean / (units + 1) * np.exp(1j * angle)
        scale, factor = _shared_alone((units + 1) * z, (units + 1) * log1p_of(z), needed=needed)
        chosen = np.arange(float(needed), units + 1)
        terms = [comb(units, chosen) / (chosen + 1) * of**chosen for of in z]
        wanted = np.array([of.sum() for of in terms])
        size = np.abs(terms[0]).sum()
        assert (np.abs(np.exp(scale) * factor - wanted) <= 1e-14 * (5 + mean) * size).all()
