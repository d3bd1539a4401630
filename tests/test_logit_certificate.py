"""The certificate of cross-entropy: valid whatever the logits are, against 50 digits."""

import dataclasses

import mpmath as mp
import numpy as np
import pytest
from logit_reference import (
    classes_of,
    dual_bound,
    objective,
    optimum_of_equal,
    optimum_of_two,
    random_program,
)

import screlax
from screlax.gram.cells import Level
from screlax.gram.logits import CellMatrix
from screlax.problem.logit_norms import NuclearBound, NuclearPenalty
from screlax.problem.logits import largest_singular_value, logit_program
from screlax.proof.logit_dual import clipped, measured
from screlax.proof.logit_gap import Evaluated
from screlax.proof.logit_terms import divergence
from screlax.proof.logits import brought_within, certify_program, prove_logits
from screlax.solve.logits.native import solve_nuclear


def posed(program, share):
    """Return a program whose penalty is a share of that at which zero is optimal."""
    most = largest_singular_value(program, program.rows(program.zero()))
    return dataclasses.replace(program, norm=NuclearPenalty(most * share))


def certified(program, gram):
    within = brought_within(program, gram)
    return within, certify_program(program, Level.ORBITS, within)


def moved(gram, program, size, rng):
    """Return logits with noise."""
    noise = CellMatrix(
        rng.standard_normal(program.size), rng.standard_normal(gram.logit_pair.shape)
    )
    own, pair = gram.logit_own + size * noise.own, gram.logit_pair + size * noise.pair
    np.fill_diagonal(pair, np.where(program.copies > 1, np.diagonal(pair), own))
    return dataclasses.replace(gram, logit_own=own, logit_pair=pair)


@pytest.mark.parametrize("seed", range(60))
def test_bounds_are_on_their_side_of_what_50_digits_say(seed):
    """Upper is at least the objective at these logits, lower at most the bound of these rows."""
    rng = np.random.default_rng(seed)
    program = posed(random_program(rng, int(rng.integers(1, 4))), 10 ** rng.uniform(-6, -0.01))
    gram = solve_nuclear(program)[0]
    norm = float(gram.nuclear_norm)
    bounded = dataclasses.replace(program, norm=NuclearBound(norm))
    for given in (gram, moved(gram, program, 1e-9, rng), moved(gram, program, 1.0, rng)):
        for each in (program, bounded):
            within, certificate = certified(each, given)
            loss, nuclear = objective(each, within)
            if each.norm.is_penalty:
                value = loss + mp.mpf(each.norm.amount) * nuclear
            else:
                assert nuclear <= each.norm.amount
                value = loss
            assert certificate.lower <= value <= certificate.upper
            assert certificate.upper - value <= 1e-12 * value
            softmax, amount = each.rows(within), each.norm.amount
            inner = Evaluated(each, within).inner(measured(each, softmax))[0]
            level = amount if each.norm.is_penalty else -inner / within.nuclear_norm
            tried = softmax, clipped(each, softmax, level)
            bounds = [dual_bound(each, measured(each, rows).rows) for rows in tried]
            assert certificate.lower <= max(0, *bounds)


@pytest.mark.parametrize("seed", range(150))
def test_the_optimum_of_two_classes_is_inside(seed):
    rng = np.random.default_rng(seed)
    program = posed(random_program(rng, 2, several=False), 10 ** rng.uniform(-6, 0.1))
    gram = solve_nuclear(program)[0]
    _, certificate = certified(program, gram)
    known = optimum_of_two(program)
    if isinstance(known, tuple):
        slopes, value, unit = known
        left, right = np.sqrt(program.feature_mass), np.sqrt(program.classifier_mass)
        y = left[:, None] * gram.unit_logits.lifted(np.arange(2)) * right
        start = y @ np.array([float(u) for u in unit])
        known = value(*mp.findroot(slopes, start.tolist(), tol=1e-60, maxsteps=60))
    assert certificate.lower <= known <= certificate.upper
    assert certificate.relative_gap <= 1e-10


@pytest.mark.parametrize("seed", range(100))
def test_the_optimum_of_equal_classes_is_inside(seed):
    rng = np.random.default_rng(seed)
    program = random_program(rng, 1)
    program = dataclasses.replace(program, copies=np.array([float(rng.integers(2, 10**6))]))
    program = posed(program, 10 ** rng.uniform(-9, 0.1))
    _, certificate = certified(program, solve_nuclear(program)[0])
    assert certificate.lower <= optimum_of_equal(program) <= certificate.upper
    assert certificate.relative_gap <= 1e-12


@pytest.mark.parametrize("seed", range(60))
def test_weak_duality_at_random_rows_and_logits(seed):
    """No bound of any rows is above the objective at any logits."""
    rng = np.random.default_rng(seed)
    program = posed(random_program(rng, 3), 10 ** rng.uniform(-3, 0))
    rows = program.rows(moved(program.zero(), program, 10 ** rng.uniform(-2, 1), rng))
    other = moved(program.zero(), program, 10 ** rng.uniform(-3, 1), rng)
    loss, norm = objective(program, other)
    assert dual_bound(program, rows) <= loss + mp.mpf(program.norm.amount) * norm
    bound = dataclasses.replace(program, norm=NuclearBound(float(norm) * (1 + 1e-15)))
    assert dual_bound(bound, rows) <= loss


@pytest.mark.parametrize("seed", range(3))
def test_the_divergence_of_mixed_rows_is_that_over_all_classes(seed):
    rng = np.random.default_rng(seed)
    program = random_program(rng, 3)
    rows = program.rows(moved(program.zero(), program, 1.0, rng))
    kept, orbit = rng.uniform(0.1, 0.9, 3), classes_of(program)
    softmax = rows.lifted(orbit) + np.eye(len(orbit))
    for share in (0.4, kept):
        of_class = np.broadcast_to(share, 3)[orbit][:, None]
        mixed = np.eye(len(orbit)) + of_class * rows.lifted(orbit)
        terms = (mixed * np.log(mixed / softmax)).sum(axis=1)
        expected = program.anchors[orbit] @ terms
        assert divergence(program, rows, share) == pytest.approx(expected, rel=1e-9)


PROBLEMS = [
    screlax.UFM([400, 90, 90, 30, 4], screlax.WeightDecay(0.5, 2.0), loss="cross-entropy"),
    screlax.UFM([400, 90, 90, 30, 4], screlax.LayerPeeled(5.0, 1.0), loss="cross-entropy"),
]


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("level", ["classes", "orbits"])
@pytest.mark.parametrize("spoilt", [np.nan, np.inf, -np.inf, 1e308])
def test_logits_that_are_no_numbers_prove_nothing(problem, level, spoilt):
    gram = solve_nuclear(logit_program(problem))[0]
    for name in ("logit_own", "logit_pair"):
        array = getattr(gram, name).copy()
        array.flat[1] = spoilt
        proof = prove_logits(problem, Level(level), dataclasses.replace(gram, **{name: array}))
        assert not proof.certificate.proves(1e-3)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("level", ["classes", "orbits"])
def test_wrong_logits_are_not_optimal_and_their_bounds_hold(problem, level):
    program = logit_program(problem)
    gram = solve_nuclear(program)[0]
    right = prove_logits(problem, Level(level), gram).certificate
    assert right.proves(1e-9)
    own, pair = gram.logit_own, gram.logit_pair
    truncated = np.where(np.arange(program.size) > 1, 0.0, 1.0)
    wrong = {
        "sign": (-own, -pair),
        "transposed": (own, pair.T),
        "half": (own / 2, pair / 2),
        "twice": (2 * own, 2 * pair),
        "shifted": (own + 0.1, pair),
        "truncated": (own * truncated, pair * truncated[:, None]),
        "zero": (0 * own, 0 * pair),
        "huge": (1e150 * own, 1e150 * pair),
    }
    for name, (one, other) in wrong.items():
        given = dataclasses.replace(gram, logit_own=one, logit_pair=other)
        found = prove_logits(problem, Level(level), given).certificate
        is_scaled_back = name in ("twice", "huge") and not program.norm.is_penalty
        if not is_scaled_back:
            assert not found.proves(1e-6), name
        assert found.lower <= right.upper, name
        assert right.lower <= found.upper, name


def test_masses_and_scale_that_logits_come_with_do_not_matter():
    problem = PROBLEMS[0]
    gram = solve_nuclear(logit_program(problem))[0]
    forged = dataclasses.replace(gram, feature_mass=0 * gram.feature_mass, scale=3.0, balance=9.0)
    one, other = (prove_logits(problem, Level.ORBITS, each).certificate for each in (gram, forged))
    assert one == other


@pytest.mark.parametrize("size", [1e-12, 1e-9, 1e-6])
def test_clipping_loses_less_than_scaling_all_rows(size):
    """Noise is in few of the singular values that a price is paid for."""
    rng = np.random.default_rng(1)
    sizes = np.floor(500 * 0.01 ** (np.arange(60) / 59)).astype(int)
    problem = screlax.UFM(sizes, screlax.WeightDecay(0.3, 0.3), loss="cross-entropy")
    program = logit_program(problem)
    gram = moved(solve_nuclear(program)[0], program, size, rng)
    certificate = certified(program, gram)[1]
    excess = measured(program, program.rows(gram)).sigma / program.norm.amount - 1
    assert certificate.gap < 0.6 * excess * program.norm.amount * gram.nuclear_norm


def test_classes_and_orbits_prove_the_same():
    sizes = [300] * 3 + [50] * 4 + [7] * 2 + [5]
    for control in (screlax.WeightDecay(1.0, 4.0), screlax.LayerPeeled(3.0, 1.0)):
        problem = screlax.UFM(sizes, control, loss="cross-entropy")
        one, other = (
            screlax.solve_relaxation(problem, level=level) for level in ("classes", "orbits")
        )
        assert one.relative_gap <= 1e-11
        assert other.relative_gap <= 1e-11
        assert one.value == pytest.approx(other.value, rel=1e-12)
        np.testing.assert_allclose(one.logits, other.logits, atol=1e-12)
