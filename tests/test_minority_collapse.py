"""Minority collapse: thresholds on both sides, against solutions and closed forms."""

import dataclasses
import math
from dataclasses import replace

import numpy as np
import pytest

import screlax
from screlax import (
    UFM,
    Ball,
    Budget,
    LayerPeeled,
    Normalized,
    Ridge,
    Sphere,
    WeightDecay,
    minority_collapse,
    solve_relaxation,
)
from screlax.errors import InvalidInputError, SolverCapabilityError
from screlax.losses import ClassAveraged, CrossEntropy, NegativesOnly, SupCon
from screlax.problem.logits import logit_program
from screlax.solve.merging import logits as merging
from screlax.solve.merging.logits import norm_at, norms_around, strengths


def apartness(problem, orbit, **how):
    """How far logits within an orbit are from being alike, relative to the largest."""
    found = solve_relaxation(problem, **how).point_gram
    return abs(found.logit_own - np.diag(found.logit_pair))[orbit] / abs(found.logit_own).max()


# ----------------------------------------------------------------- weight decay


@pytest.mark.parametrize("seed", range(50))
def test_classes_of_one_size_merge_exactly_from_their_threshold_on(seed):
    rng = np.random.default_rng(seed)
    big, small = int(rng.integers(40, 400)), int(rng.integers(2, 30))
    sizes = [big] * int(rng.integers(1, 4)) + [small] * int(rng.integers(2, 5))
    loss = CrossEntropy(
        additive=float(rng.uniform(-1, 1)) * (seed % 2),
        multiplicative=float(rng.uniform(0, 0.4)) * (seed % 3 > 0),
    )
    tau = float(rng.uniform(0.5, 2))
    at = minority_collapse(UFM(sizes, WeightDecay(1.0, 1.0), tau, loss=loss)).thresholds[1].value
    if not loss.multiplicative:
        assert at == pytest.approx(math.sqrt(small) / tau)
    below, above = (UFM(sizes, WeightDecay(at * s, at * s), tau, loss=loss) for s in (0.95, 1.05))
    assert apartness(below, 1) > 5e-3
    assert apartness(above, 1) < 1e-9
    assert not minority_collapse(below).thresholds[1].is_merged
    assert minority_collapse(above).thresholds[1].is_merged


def test_it_is_at_equality_that_they_merge():
    problem = UFM([40, 40, 16, 16], WeightDecay(4.0, 4.0), loss="cross-entropy")
    found = minority_collapse(problem)
    assert [t.value for t in found.thresholds] == pytest.approx([math.sqrt(40), 4.0])
    assert found.merged == ((2, 3),)
    assert found.is_proved


def test_class_weights_move_the_threshold():
    loss = CrossEntropy(class_weights=[1.0, 3.0, 3.0])
    found = minority_collapse(UFM([50, 9, 9], WeightDecay(1.0, 1.0), loss=loss))
    assert found.thresholds[1].value == pytest.approx(9.0)  # α √n


def test_labels_are_the_callers_in_class_order():
    sizes = {"fox": 5, "cat": 500, "owl": 5, "elk": 6}
    found = minority_collapse(UFM(sizes, WeightDecay(2.0, 3.0), loss="cross-entropy"))
    assert found.merged == (("fox", "owl"),)
    assert "1 class of 6 samples (elk): no direction of its own" in str(found)
    assert "2 classes of 5 samples (fox, owl): MERGED" in str(found)


def test_all_merge_at_zero():
    problem = UFM([50, 9, 9], WeightDecay(40.0, 40.0), loss="cross-entropy")
    found = minority_collapse(problem)
    assert found.all_merge_at < 40
    assert found.merged == ((0, 1, 2),)
    assert all(threshold.is_merged for threshold in found.thresholds)


@pytest.mark.parametrize("exponent", [0.0, 0.25])
def test_critical_imbalance_by_weight_decay(exponent):
    loss = CrossEntropy(multiplicative=exponent)
    problem = UFM([400] * 2 + [8] * 3, WeightDecay(5.0, 5.0), 0.8, loss=loss)
    before, after = minority_collapse(problem).critical_imbalance
    # √n_B (n_B/n_A)^γ = μ with n_B = n_A/R
    expected = (math.sqrt(400) / (5.0 * 0.8)) ** (1 / (0.5 + exponent))
    assert before < expected < after
    assert after == pytest.approx(before, rel=1e-6)


def test_there_is_a_critical_imbalance_of_step_profiles_only():
    for sizes in ([9, 9, 9], [50, 9], [50, 20, 9, 9]):
        problem = UFM(sizes, WeightDecay(1.0, 1.0), loss="cross-entropy")
        assert minority_collapse(problem).critical_imbalance is None


# ----------------------------------------------------------------- layer-peeled


def test_the_critical_imbalance_of_the_layer_peeled_model():
    """Five of ten classes larger, E_H = 5, E_W = 1 as in Fang et al. 2021."""
    problem = UFM([100] * 5 + [10] * 5, LayerPeeled(5.0, 1.0), loss="cross-entropy")
    found = minority_collapse(problem)
    before, after = found.critical_imbalance
    assert before < 12.1924470803 < after
    assert after - before < 1e-3
    assert (before + after) / 2 == pytest.approx(12.1924470803, abs=1e-9)
    assert found.thresholds[1].is_merged is False
    less = UFM([1220] * 5 + [100] * 5, LayerPeeled(5.0, 1.0), loss="cross-entropy")
    assert minority_collapse(less).merged == (tuple(range(5, 10)),)


@pytest.mark.parametrize(
    ("exponent", "cosine"),
    [(0, -0.1111), (0.25, -0.0767), (0.5, -0.0172), (0.75, 0.1080), (1, 0.5175), (1.09, 1.0)],
)
def test_the_minority_comes_together_on_the_way_to_the_critical_imbalance(exponent, cosine):
    sizes = [round(10**exponent * 10**6)] * 5 + [10**6] * 5
    gram = solve_relaxation(sizes, LayerPeeled(5.0, 1.0), loss="cross-entropy").classifier_gram
    assert gram[-1, -2] / gram[-1, -1] == pytest.approx(cosine, abs=6e-5)


@pytest.mark.parametrize(
    "loss",
    [
        CrossEntropy(),
        CrossEntropy(additive=0.5, multiplicative=0.1),
        CrossEntropy(additive=-0.5, bias=True),
    ],
)
def test_the_layer_peeled_threshold_is_where_solutions_merge(loss):
    sizes = [60, 60, 20, 5, 5, 5]
    given = UFM(sizes, LayerPeeled(2.0, 2.0), 0.7, loss=loss)
    threshold = minority_collapse(given).thresholds[2]
    assert threshold.lower <= threshold.upper <= (1 + 1e-4) * threshold.lower
    at = threshold.value
    below, above = (UFM(sizes, LayerPeeled(at * s, at * s), 0.7, loss=loss) for s in (0.95, 1.05))
    assert apartness(below, 2, solver="SCS") < 2e-3
    assert apartness(above, 2, solver="SCS") > 5e-3
    assert minority_collapse(below).merged == ((3, 4, 5),)
    assert minority_collapse(above).merged == ()


def test_of_many_sizes_those_are_decided_that_the_bound_is_between():
    sizes = [s for size in range(2, 32, 2) for s in (size, size)]
    found = minority_collapse(UFM(sizes, LayerPeeled(2.0, 2.0), loss="cross-entropy"))
    assert found.is_proved
    merged = [threshold.is_merged for threshold in found.thresholds]
    assert merged == sorted(merged)
    assert 0 < sum(merged) < len(merged) == 15
    program = logit_program(found.problem)
    for orbit in (0, 5, 10, 14):  # most were not solved for, and are between others
        bounds = np.array(norms_around(program, strengths(program)[orbit])) / 15 / 2
        assert found.thresholds[orbit].lower <= bounds[1]
        assert bounds[0] <= found.thresholds[orbit].upper


def test_bounds_hold_with_certificates_as_loose_as_they_may_be(monkeypatch):
    """Proofs that leave a gap give wider brackets, with the norm inside."""
    program = logit_program(UFM([60, 60, 20, 5, 5], LayerPeeled(2.0, 2.0), loss="cross-entropy"))
    at = float(strengths(program)[2])
    norm, tight = norm_at(program, at), norms_around(program, at)
    solve, rng = merging.penalised, np.random.default_rng(0)

    def loosened(*arguments):
        found = solve(*arguments)
        proved, (above, below) = found.certificate, rng.uniform(0, 1e-6, 2)
        upper, lower = proved.upper * (1 + above), proved.lower * (1 - below)
        loose = replace(proved, upper=upper, lower=lower, gap=upper - lower)
        return replace(found, certificate=loose)

    monkeypatch.setattr(merging, "penalised", loosened)
    for _ in range(5):
        lower, upper = norms_around(program, at)
        assert lower < norm < upper
        assert upper - lower > 10 * (tight[1] - tight[0])


def test_two_numbers_are_one_by_their_mean():
    one, other = (
        minority_collapse(UFM([60, 5, 5], LayerPeeled(*numbers), loss="cross-entropy"))
        for numbers in ((1.0, 4.0), (2.0, 2.0))
    )
    assert one.thresholds == other.thresholds


# ----------------------------------------------------------------- embeddings


@pytest.mark.parametrize("control", [Sphere, Ball])
def test_full_minority_collapse_is_on_the_closed_form(control):
    n1, m, tau = 100, 5, 0.5
    found = minority_collapse(UFM([2, n1, 3], control(0.2), tau))
    x = found.thresholds[0].value / tau
    e = math.exp(-2 * x)
    assert n1**2 * (1 + e) + n1 * ((m - 2) + m * e - 2 * m / e) + 2 * m * (
        1 / e - m
    ) == pytest.approx(0, abs=1e-8 * n1**2)
    assert found.merged == ((0, 2),)
    apart = minority_collapse(UFM([2, n1, 3], control(2.0), tau))
    assert apart.merged == ()
    assert "apart, would merge at 0.6060" in str(apart)


@pytest.mark.parametrize("radius", [0.1, 0.7, 2.0])
def test_critical_imbalance_on_the_sphere_is_the_root_of_the_closed_form(radius):
    small, copies = 7, 5
    m, e = small * copies, math.exp(-2 * radius)
    before, after = minority_collapse(
        UFM([50, *[small] * copies], Sphere(radius))
    ).critical_imbalance
    root = max(np.roots([1 + e, (m - 2) + m * e - 2 * m / e, 2 * m * (1 / e - m)]))
    assert before * small < root <= after * small
    assert (after - before) * small == pytest.approx(1.0)


def test_a_majority_below_all_others_together_never_collapses_them():
    for sizes in ([10, 9, 8], [10, 10, 2]):
        found = minority_collapse(UFM(sizes, Sphere(0.001)))
        assert found.merged == found.thresholds == ()
        assert "occurs at no ρ" in str(found)


def test_the_class_opposite_all_others_is_the_heaviest_one():
    loss = SupCon(class_weights=[1.0, 100.0, 1.0])
    found = minority_collapse(UFM([9, 5, 4], Sphere(0.01), loss=loss))
    gram = solve_relaxation(UFM([9, 5, 4], Sphere(0.01), loss=loss)).class_gram
    together = {tuple(np.flatnonzero(row > 0)) for row in gram}
    assert {group for group in together if len(group) > 1} == set(found.merged)
    assert found.merged == ((0, 2),)


def test_with_a_ridge_classes_merge_at_zero_alone():
    problem = UFM([20, 5, 5], Ridge(1.9))
    found = minority_collapse(problem)
    assert found.merged == ()
    assert found.is_proved
    assert [(t.lower, t.upper) for t in found.thresholds] == [(2.0, problem.zero_threshold())]
    gram = solve_relaxation(problem).class_gram
    assert gram[1, 1] > gram[1, 2]
    zero = minority_collapse(UFM([20, 5, 5], Ridge(2.2)))
    assert zero.merged == ((0, 1, 2),)
    between = minority_collapse(UFM([20, 5, 5], Ridge(2.01)))
    assert between.merged == ()
    assert not between.is_proved
    assert "would merge from 2 to 2.069 on" in str(between)
    assert "below the first number" in str(between)
    alone = str(minority_collapse(UFM([20, 7, 5], Ridge(1.9))))  # which shows one number only
    assert "below the first number" not in alone
    assert "classes of one size, which might share a mean below that, there are none" in alone


def test_an_own_weight_above_that_of_others_lowers_what_is_proved():
    loss = ClassAveraged()
    found = minority_collapse(UFM([20, 5, 5], Ridge(0.1), loss=loss))
    terms = found.problem.loss.class_terms(found.problem.class_sizes)
    assert found.thresholds[0].lower == pytest.approx(
        2 * terms.anchors[1] / terms.embeddings[1] * (1 - max(terms.own[1] / terms.pair[1] - 1, 0))
    )


# ----------------------------------------------------------------- nonnegative features


@pytest.mark.parametrize(
    ("control", "loss"),
    [
        (WeightDecay(3.0, 3.0), "cross-entropy"),
        (WeightDecay(3.0, 3.0), CrossEntropy(class_weights=[1.0, 1.0, 2.0, 2.0, 1.0])),
        (LayerPeeled(0.5, 0.5), "cross-entropy"),
        (Ridge(2.3), "supcon"),
    ],
)
def test_behind_a_relu_classes_vanish_on_their_threshold(control, loss):
    sizes = [100, 50, 9, 9, 4]
    problem = UFM(sizes, control, 0.8, loss=loss, features="nonnegative")
    found = minority_collapse(problem)
    zero = np.flatnonzero(np.diag(solve_relaxation(problem).class_gram) == 0)
    assert found.merged == ((tuple(zero.tolist()),) if len(zero) > 1 else ())
    for threshold in found.thresholds[1:]:
        number = sizes.index(threshold.sizes[0])
        norms = []
        for share in (0.999, 1.001):
            at = replace(problem, control=control.with_parameter(threshold.value * share))
            norms.append(solve_relaxation(at).class_gram[number, number])
        assert (norms[0] == 0, norms[1] == 0) == (not found.merges_above, found.merges_above)


def test_behind_a_relu_weight_decay_vanishes_by_the_formula():
    problem = UFM([50, 9, 9], WeightDecay(2.0, 8.0), loss="cross-entropy", features="nonnegative")
    found = minority_collapse(problem)
    assert [t.value**2 for t in found.thresholds] == pytest.approx([50 * 2 / 3, 9 * 2 / 3])
    assert found.all_merge_at == pytest.approx(math.sqrt(50 * 2 / 3))
    assert "2 classes of 9 samples: ZERO, from" in str(found)


# ----------------------------------------------------------------- what is not known


@pytest.mark.parametrize(
    ("problem", "match"),
    [
        (UFM([9, 5, 5], Normalized(4.0), loss="cross-entropy"), "weights of the norms"),
        (
            UFM(
                [9, 5, 5],
                WeightDecay(1, 1),
                loss=CrossEntropy(additive=1.0),
                features="nonnegative",
            ),
            "with adjustments or a bias",
        ),
        (UFM([9, 5, 5], Budget(1.0)), "take Ridge, Sphere or Ball"),
        (UFM([9, 5, 1], Sphere(1.0)), "without singletons"),
        (UFM([9, 5, 5], Sphere(1.0), features="nonnegative"), "they are orthogonal"),
        (UFM([9, 5, 5], Ridge(1.0), batches="shuffle:size=8"), "not known for loss"),
    ],
)
def test_what_is_not_known_is_refused_with_its_reason(problem, match):
    with pytest.raises(SolverCapabilityError, match=match):
        minority_collapse(problem)


def test_constraints_of_ones_own_are_refused():
    near = screlax.constraints.Linear({(0, 1): 1.0}, lower=0.5)
    problem = UFM([9, 5, 4], Sphere(1.0), constraints=[near])
    for function in (minority_collapse, screlax.solve_limit):
        with pytest.raises(SolverCapabilityError, match="without_constraints"):
            function(problem)


def test_an_objective_without_minimum_is_refused():
    with pytest.raises(InvalidInputError, match="has a minimum only"):
        minority_collapse(UFM([9, 5, 5], Ridge(0.1), loss=NegativesOnly()))


def test_a_bias_changes_no_threshold_of_weight_decay():
    plain, biased = (
        minority_collapse(UFM([50, 9, 9], WeightDecay(1.0, 1.0), loss=CrossEntropy(bias=bias)))
        for bias in (False, True)
    )
    assert plain.thresholds == biased.thresholds


def test_the_result_is_frozen_and_says_what_proves_it():
    found = minority_collapse(UFM([50, 9, 9], WeightDecay(1.0, 1.0), loss="cross-entropy"))
    assert isinstance(found, screlax.MinorityCollapse)
    assert "by formula" in str(found)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.basis = ""


def test_loss_without_own_class_is_known_as_the_others():
    found = minority_collapse(UFM([9, 5, 5], Ridge(4.0), loss=NegativesOnly()))
    assert found.all_merge_at == pytest.approx(found.problem.zero_threshold())
