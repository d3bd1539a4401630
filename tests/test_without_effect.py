"""Arguments that would change nothing, and parameters of losses that mean nothing, are refused."""

import re

import numpy as np
import pytest

import screlax
from screlax.errors import InvalidInputError
from screlax.losses import CrossEntropy, SoftTargets
from screlax.problem.class_sizes import ClassSizes

SPHERE = screlax.Sphere(1.0)
ROWS, LABELS = np.random.default_rng(0).standard_normal((6, 3)), [0, 0, 0, 1, 1, 1]
PROBLEM = screlax.UFM([3, 3], SPHERE, 0.5)
CALLS = {
    "points=5 has no effect beside strengths=": lambda: screlax.regularization_path(
        PROBLEM, [1.0], points=5
    ),
    "vary='radius_squared' has no effect beside temperatures=": lambda: screlax.regularization_path(
        PROBLEM, temperatures=[1.0], vary="radius_squared"
    ),
    "draws=5 has no effect on optima of no mini-batches": lambda: screlax.compare(
        ROWS, LABELS, screlax.solve_relaxation(PROBLEM), draws=5
    ),
    "temperatures=(1, 2) has no effect without knob temperature": lambda: screlax.design(
        [3, 3], SPHERE, knobs="class_weights", temperatures=(1, 2)
    ),
    "mean_over='all' has no effect with reduction='sum'": lambda: screlax.supcon_loss(
        ROWS, LABELS, reduction="sum", mean_over="all"
    ),
    "mean_over='anchors' has no effect with reduction='none'": lambda: screlax.contrastive_loss(
        ROWS, LABELS, reduction="none", mean_over="anchors"
    ),
    "ignored='negatives' has no effect without ignore=": lambda: screlax.contrastive_loss(
        ROWS, LABELS, ignored="negatives"
    ),
    "views must be a whole number from 1": lambda: screlax.compare_losses([3, 3], SPHERE, views=0),
}


@pytest.mark.parametrize("told", CALLS)
def test_an_argument_without_effect_is_refused(told):
    with pytest.raises(InvalidInputError, match=re.escape(told)):
        CALLS[told]()


@pytest.mark.parametrize("gamma", [60.0, 1e9, 1e20])
@pytest.mark.parametrize("control", [screlax.WeightDecay(0.3, 0.3), screlax.LayerPeeled(2, 2)])
def test_adjustments_that_vanish_are_refused_with_the_range(control, gamma):
    with pytest.raises(InvalidInputError, match=r"below 1e-100.*take at most 43\.46"):
        screlax.UFM([400, 300, 2], control, loss=CrossEntropy(multiplicative=gamma))
    largest = screlax.UFM([400, 300, 2], control, loss=CrossEntropy(multiplicative=43.4))
    assert screlax.solve_relaxation(largest).status == "optimal"


@pytest.mark.parametrize("epsilon", [0.0, 1.0, 2.0, 1e9, 1e100])
def test_rows_of_soft_targets_are_distributions_whatever_epsilon(epsilon):
    sizes = ClassSizes.from_counts([5, 3, 3, 2])
    rows = SoftTargets(epsilon=epsilon)._by_orbit(sizes).of_classes(sizes.orbit_index())
    assert rows.min() >= 0
    assert rows.sum(axis=1) == pytest.approx(np.ones(4), rel=1e-14)
    assert np.isclose(rows[0, 3] / rows[0, 0], epsilon * 2 / 4)
    solved = screlax.solve_relaxation([5, 3, 3, 2], SPHERE, loss=SoftTargets(epsilon=epsilon))
    assert solved.status == "optimal"


@pytest.mark.parametrize("text", ["prototypes:per_class=0", "queue:keys_per_class=0"])
def test_none_of_what_is_beside_the_samples_is_supcon(text):
    known = screlax.solve_relaxation(PROBLEM)
    assert screlax.solve_relaxation([3, 3], SPHERE, temperature=0.5, loss=text).value == known.value
