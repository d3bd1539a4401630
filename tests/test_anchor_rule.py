"""The mean over anchors: the rule for 1/A, and the nodes of circles, by their own bounds."""

import numpy as np
import pytest

from screlax import UFM, Sphere, solve_relaxation
from screlax.batches import RandomBatches
from screlax.gram.cells import CellGram, Level
from screlax.problem.batches.anchor_rule import anchor_error, anchor_rule
from screlax.problem.program import build_program

SIZES = np.array([500, 180, 65, 23, 8])


@pytest.mark.parametrize(
    ("least", "most", "nodes"),
    [(1, 1, 1), (2, 3, 1), (54, 64, 6), (2, 64, 24), (900, 1024, 8), (2, 1000, 60)],
)
def test_one_over_every_number_of_anchors_by_few_nodes(least, most, nodes):
    y, weights = anchor_rule(least, most)
    assert len(y) <= nodes
    assert (weights > 0).all()
    for anchors in range(least, most + 1):
        assert weights @ y ** (anchors - 1) == pytest.approx(1 / anchors, rel=5e-14)
    fewer = (np.delete(each, len(y) // 2) for each in (y, weights))
    assert anchor_error(*fewer, least, most) > 1e-9


@pytest.mark.parametrize("size", [10, 40])
def test_what_circles_leave_out_is_below_rounding(size, monkeypatch):
    """More nodes change nothing, and fewer do."""
    factor = np.random.default_rng(0).standard_normal((5, 7))
    gram = CellGram.from_matrix(factor @ factor.T / 6)

    def found():
        batches = RandomBatches(size, drop_last=True, mean_over="anchors")
        loss = build_program(UFM(SIZES, Sphere(1.0), batches=batches), Level.ORBITS).loss
        return loss.value(gram), loss.expand(gram).moments[0].softmax, loss.unit

    value, softmax, unit = found()
    place = "screlax.problem.batches.general_row.LOG_ACCURACY"
    monkeypatch.setattr(place, 80.0)
    more, at_more, _ = found()
    assert value == pytest.approx(more, rel=unit)
    np.testing.assert_allclose(softmax, at_more, rtol=3e-14)
    monkeypatch.setattr(place, 3.0)
    assert abs(found()[0] / value - 1) > 100 * unit


@pytest.mark.parametrize("loss", ["class-averaged", "supcon"])
def test_slopes_are_within_their_stated_error_wherever_the_terms_are(loss, monkeypatch):
    """Slopes by a class that hardly is there rise faster along a circle than the value does."""
    batches = RandomBatches(8, mean_over="anchors")
    problem = UFM([8, 17, 2, 2, 1], Sphere(1.0), 0.2, loss=loss, batches=batches)
    rows = build_program(problem, Level.ORBITS).loss.kinds[0].rows
    rng = np.random.default_rng(1)
    far = [rng.uniform(-30, 3) + 15 * rng.standard_normal(rows.copies.shape) for _ in range(40)]
    found = [rows.moments(np.exp(each)).softmax for each in far]
    monkeypatch.setattr("screlax.problem.batches.general_row.LOG_ACCURACY", 80.0)
    for softmax, logs in zip(found, far, strict=True):
        more = rows.moments(np.exp(logs)).softmax
        assert (np.abs(softmax - more).sum(axis=1) <= rows.error * np.abs(more).sum(axis=1)).all()


def test_an_optimum_is_certified_and_proved_again():
    solution, other = (
        solve_relaxation(UFM(SIZES, Sphere(1.0), 0.2, batches=RandomBatches(32, mean_over=of)))
        for of in ("anchors", "all")
    )
    assert solution.relative_gap < 1e-11
    assert solution.recheck().proves(1e-11)
    assert 0 < np.abs(solution.class_gram - other.class_gram).max() < 0.01
