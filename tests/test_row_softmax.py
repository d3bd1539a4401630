"""Row softmax losses beyond SC: no own weight, averaged denominators, values below zero."""

import math

import mpmath
import numpy as np
import pytest
from problems import distance_of_grams

from screlax import UFM, Budget, Sphere, solve_relaxation
from screlax.gram.cells import CellGram, Level
from screlax.losses import Loss, RowWeights, SoftmaxRows
from screlax.problem.levels import cells_at
from screlax.problem.program import build_program


class Weighted(Loss):
    """Class rows with anchor mass n, own weight o and pair weight u; targets the class itself."""

    name = "weighted for tests"

    def __init__(self, own, pair):
        self.own, self.pair = own, pair

    def at_level(self, sizes, level):
        cells = cells_at(sizes, level)
        assert level is not Level.SAMPLES
        size = cells.class_size
        each = self.pair(size)
        pair = np.tile(cells.points * each, (len(cells), 1))
        np.fill_diagonal(pair, (cells.points - 1) * each)
        target = RowWeights(np.ones(len(cells)), np.zeros_like(pair))
        return SoftmaxRows(cells, cells.mass, RowWeights(self.own(size), pair), target)


NEGATIVES_ONLY = Weighted(np.zeros_like, lambda size: size)
AVERAGED = Weighted(np.ones_like, np.ones_like)
BELOW_ZERO = Weighted(lambda size: (size - 1) / size, np.ones_like)
SIZES = [100, 50, 10, 2]
ETF = np.eye(4) - 0.25


@pytest.mark.parametrize("length", [1.0, 5.0])
@pytest.mark.parametrize("loss", [NEGATIVES_ONLY, AVERAGED, BELOW_ZERO])
def test_values_are_those_of_the_definition_in_fifty_digits(loss, length):
    """With long vectors also far below zero, where 1 + x of a row has no digits left."""
    rng = np.random.default_rng(0)
    factor = length * rng.standard_normal((4, 3))
    gram = factor @ factor.T
    found = build_program(UFM(SIZES, Sphere(1.0), loss=loss), Level.CLASSES).loss
    with mpmath.workdps(50):
        total = mpmath.mpf(0)
        for c, size in enumerate(SIZES):
            own = float(loss.own(np.array(float(size))))
            row = own * mpmath.exp(gram[c, c])
            for b, other in enumerate(SIZES):
                if b != c:
                    row += float(loss.pair(np.array(float(other)))) * mpmath.exp(gram[c, b])
            total += size * (mpmath.log(row) - gram[c, c])
        expected = float(total)
    assert found.value(CellGram.from_matrix(gram)) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("loss", "temperature", "distance"),
    [
        (NEGATIVES_ONLY, 0.1, 0.484009),
        (NEGATIVES_ONLY, 0.5, 0.843259),
        (AVERAGED, 0.1, 0.110402),
        (AVERAGED, 0.5, 0.449343),
    ],
)
def test_certified_distance_from_the_simplex(loss, temperature, distance):
    solution = solve_relaxation(UFM(SIZES, Sphere(1.0), temperature, loss=loss))
    assert solution.relative_gap <= 1e-9
    assert distance_of_grams(solution.class_gram, ETF) == pytest.approx(distance, abs=2e-6)


@pytest.mark.parametrize("control", [Sphere(1.0), Budget(1.0)], ids=lambda control: control.name)
def test_infima_are_below_the_certified_bounds(control):
    for loss in (NEGATIVES_ONLY, BELOW_ZERO):
        solution = solve_relaxation(UFM(SIZES, control, 0.5, loss=loss))
        assert solution.problem.infimum <= solution.lower <= solution.upper
        assert solution.relative_gap <= 1e-9
    assert UFM(SIZES, control, loss=NEGATIVES_ONLY).infimum == -math.inf
    assert UFM(SIZES, control, loss=BELOW_ZERO).infimum < 0
