"""SupCon with SimCLR, and SimCLR alone: thresholds of the collapse, simplexes, closed forms."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screlax import UFM, Ball, Budget, Ridge, Sphere, solve_relaxation
from screlax.errors import InvalidInputError, Status
from screlax.gram.cells import CellGram, Level
from screlax.losses import InstanceMix, SelfSupervised, SupCon
from screlax.problem.losses.registry import check_loss, loss_of_record
from screlax.problem.program import build_program
from screlax.solution.verify import verified

CONTROLS = [Sphere(1.0), Ball(1.5), Budget(0.8), Ridge(0.2)]
every_control = pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)


# ----------------------------------------------------------------- the definition


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_value_is_the_mixture_in_views(seed):
    rng = np.random.default_rng(seed)
    views, alpha = int(rng.integers(2, 4)), float(rng.random())
    sizes = rng.integers(1, 4, 3)
    label = np.repeat(np.repeat(np.arange(3), sizes), views)
    sample = np.repeat(np.arange(sizes.sum()), views)
    vectors = rng.standard_normal((len(label), 4))
    gram, expected = vectors @ vectors.T, 0.0
    for i in range(len(label)):
        others = np.arange(len(label)) != i
        expected += np.log(np.exp(gram[i, others]).sum())
        expected -= (1 - alpha) * gram[i, others & (label == label[i])].mean()
        expected -= alpha * gram[i, others & (sample == sample[i])].mean()
    problem = UFM(sizes, Sphere(1.0), loss=InstanceMix(alpha, views))
    found = build_program(problem, Level.SAMPLES).value(CellGram.from_matrix(gram))
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -0.1}, r"alpha .*-0.1"),
        ({"alpha": 1.1}, "alpha must be at most one, got 1.1"),
        ({"alpha": math.nan}, "alpha .*nan"),
        ({"alpha": 0.5, "views": 1}, "views must be a whole number from 2 to 1,000,000, got 1"),
        ({"alpha": 0.5, "views": 2.5}, "views must be a whole number"),
    ],
)
def test_what_is_no_mixture_is_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        InstanceMix(**options)


def test_views_of_one_sample_are_no_contrast():
    with pytest.raises(InvalidInputError, match="at least two samples, got one"):
        UFM([1], Sphere(1.0), loss=SelfSupervised())
    with pytest.raises(InvalidInputError, match="at least two classes"):
        UFM([5], Sphere(1.0), loss=InstanceMix(0.0))
    assert UFM([5], Sphere(1.0), loss=InstanceMix(0.1)).anchors == 10


@pytest.mark.parametrize("loss", [InstanceMix(0.2), InstanceMix(0.2, 3), SelfSupervised(3)])
def test_text_and_record(loss):
    assert check_loss(loss.text) == check_loss(str(loss)) == loss
    problem = UFM([3, 2], Sphere(1.0), loss=loss)
    assert loss_of_record(problem.loss.record()) == problem.loss


# ----------------------------------------------------------------- the mixture


@pytest.mark.parametrize(
    ("classes", "samples", "views", "temperature", "radius"),
    [(3, 3, 2, 0.5, 1.0), (4, 2, 2, 1.0, 1.0), (2, 3, 3, 0.5, 1.0), (5, 4, 2, 0.4, 0.5)],
)
def test_balanced_classes_collapse_up_to_the_threshold(
    classes, samples, views, temperature, radius
):
    rate = math.exp(-classes * radius / ((classes - 1) * temperature))
    edge = rate * (views * classes * samples - 1)
    edge /= (views * samples - 1) + views * (classes - 1) * samples * rate
    for factor, together in ((0.999, True), (1.001, False)):
        loss = InstanceMix(edge * factor, views)
        problem = UFM([samples] * classes, Sphere(radius), temperature, loss=loss)
        solution = solve_relaxation(problem)
        assert solution.status is Status.OPTIMAL
        assert solution.collapses == together


@every_control
def test_a_collapsed_mixture_is_supcon(control):
    loss = InstanceMix(1e-3)
    mixed = solve_relaxation(UFM([5, 3, 1], control, 0.9, loss=loss))
    hard = solve_relaxation(UFM([5, 3, 1], control, 0.9, loss=SupCon(views=2)))
    assert mixed.collapses
    assert mixed.relative_gap <= 1e-9
    assert mixed.value == pytest.approx(hard.value, rel=1e-9)
    assert mixed.class_gram == pytest.approx(hard.class_gram, abs=1e-6)


@every_control
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=5)
def test_random_mixtures_are_certified_and_rechecked_by_views(control, seed):
    rng = np.random.default_rng(seed)
    loss = InstanceMix(float(rng.random() ** 2), int(rng.integers(2, 4)))
    problem = UFM(rng.integers(1, 4, 3), control, float(rng.uniform(0.3, 1)), loss=loss)
    solution = solve_relaxation(problem)
    assert solution.relative_gap <= 1e-9
    assert solution.recheck(level="samples").proves(1e-9)


def test_class_weights_count():
    weights = [1.0, 5.0, 0.5]
    problem = UFM([3, 2, 2], Sphere(1.0), 0.4, loss=InstanceMix(0.3, class_weights=weights))
    solution = solve_relaxation(problem)
    conic = solve_relaxation(problem, solver="Clarabel", level="samples")
    assert problem.class_sizes.orbits == 3
    assert solution.relative_gap <= 1e-9
    assert solution.lower <= conic.upper
    assert conic.lower <= solution.upper


@pytest.mark.parametrize("loss", [InstanceMix(0.9), SelfSupervised()], ids=str)
def test_squared_norms_are_those_of_class_means_and_the_variability_within(loss):
    sizes = np.array([9, 3, 3, 2])
    solution = solve_relaxation(UFM(sizes, Sphere(1.0), 0.4, loss=loss))
    means = sizes @ np.diagonal(solution.class_gram) / sizes.sum()
    assert 0.1 < solution.within_class_variability == pytest.approx(1 - means, abs=1e-9)


def test_samples_that_are_too_far_apart_for_the_sphere_are_refused():
    solution = solve_relaxation(UFM([9, 3, 2], Sphere(1.0), 0.4, loss=InstanceMix(0.9)))
    gram = solution.point_gram
    assert verified(solution.problem, gram, None, None)[0].proves(1e-7)
    for factor in (0.9, 1.1):
        wrong = dataclasses.replace(gram, apart=factor * gram.apart)
        with pytest.raises(ValueError, match="is not feasible"):
            verified(solution.problem, wrong, None, None)
    assert not dataclasses.replace(gram, apart=np.nan * gram.apart).is_finite()


def test_zero_is_optimal_from_the_threshold_of_samples_on():
    """With much SimCLR the first direction to leave zero is between samples of a class."""
    loss = InstanceMix(0.9)
    edge = UFM([3, 3], Ridge(1.0), loss=loss).zero_threshold()
    means = UFM([3, 3], Ridge(1.0), loss=SupCon(views=2)).zero_threshold()
    assert edge == pytest.approx(means) or edge > means
    assert not solve_relaxation(UFM([3, 3], Ridge(edge * 1.001), loss=loss)).class_gram.any()
    below = solve_relaxation(UFM([3, 3], Ridge(edge * 0.98), loss=loss))
    assert below.relative_gap <= 1e-9
    assert below.within_class_variability + np.abs(below.class_gram).max() > 1e-3


# ----------------------------------------------------------------- samples alone


@every_control
@pytest.mark.parametrize("sizes", [[4, 3, 2], [6], [1, 1, 1, 1], [5, 1], [2, 2]], ids=str)
def test_samples_alone_are_a_simplex_whatever_their_classes(control, sizes):
    problem = UFM(sizes, control, 0.6, loss=SelfSupervised())
    solution = solve_relaxation(problem)
    assert solution.relative_gap <= 1e-12
    assert solution.solver == "closed-form"
    label = np.repeat(np.arange(len(sizes)), sizes)
    gram, n = solution.sample_gram(label), len(label)
    norm = gram[0, 0]
    simplex = norm * (np.eye(n) * n - 1) / (n - 1)
    assert gram == pytest.approx(simplex, abs=1e-12 * norm)
    share = np.eye(len(sizes))[label] / np.array(sizes)
    assert solution.class_gram == pytest.approx(share.T @ simplex @ share, abs=1e-12 * norm)
    assert solution.collapses == (max(sizes) == 1)
    balanced = solve_relaxation(UFM([2] * n, control, 0.6))
    assert solution.value == pytest.approx(balanced.value, rel=1e-12)


@pytest.mark.parametrize("sizes", [[3, 2, 1], [6], [2, 2]], ids=str)
def test_the_simplex_of_samples_is_found_without_the_formula(sizes):
    problem = UFM(sizes, Sphere(1.0), 0.5, loss=SelfSupervised())
    formula = solve_relaxation(problem)
    for solver, level in (("burer-monteiro", "auto"), ("Clarabel", "samples")):
        found = solve_relaxation(problem, solver=solver, level=level)
        assert found.status is Status.OPTIMAL
        assert found.value == pytest.approx(formula.value, rel=1e-7)
        assert found.class_gram == pytest.approx(formula.class_gram, abs=1e-3)


def test_a_ridge_beyond_the_threshold_leaves_nothing():
    problem = UFM([3, 2], Ridge(3.0), loss=SelfSupervised())
    assert problem.zero_threshold() == pytest.approx(2 * 10 / 9)
    solution = solve_relaxation(problem)
    assert solution.relative_gap <= 1e-12
    assert solution.collapses
    assert not solution.class_gram.any()


def test_one_is_the_other():
    alone = UFM([3, 2], Sphere(1.0), 0.5, loss=SelfSupervised())
    mixed = UFM([3, 2], Sphere(1.0), 0.5, loss=InstanceMix(1.0))
    assert solve_relaxation(alone).value == solve_relaxation(mixed).value
    weighted = UFM([3, 2], Sphere(1.0), 0.5, loss=SelfSupervised(class_weights=[1, 2]))
    solution = solve_relaxation(weighted)
    assert solution.solver == "native"
    assert solution.relative_gap <= 1e-9


def test_many_samples_of_many_classes_take_no_time():
    sizes = np.full(300, 500)
    solution = solve_relaxation(UFM(sizes, Sphere(1.0), 0.1, loss=SelfSupervised()))
    assert solution.relative_gap <= 1e-11
    assert solution.within_class_variability == pytest.approx(1, abs=0.01)
