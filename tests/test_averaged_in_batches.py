"""Class-averaged losses in batches: rows together give what each finds on circles of its own."""

import numpy as np
import pytest

from screlax import UFM, Sphere
from screlax.gram.cells import Level
from screlax.problem.batches.averaged import AveragedExpectation
from screlax.problem.batches.general import GeneralExpectation
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
