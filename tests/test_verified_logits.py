"""Proofs against rounding of cross-entropy: against closed forms and 50 digits, and forgeries."""

from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest
from logit_reference import (
    dual_bound,
    objective,
    optimum_of_equal,
    optimum_of_two,
    random_program,
)

import screlax
from screlax import UFM, LayerPeeled, WeightDecay
from screlax.cli import main
from screlax.errors import SolverCapabilityError
from screlax.gram.logits import CellMatrix
from screlax.losses import CrossEntropy
from screlax.problem.logit_norms import NuclearBound, NuclearPenalty
from screlax.problem.logits import largest_singular_value, logit_program
from screlax.problem.losses.base import Loss
from screlax.proof.logit_gap import Evaluated
from screlax.proof.logits import best_rows
from screlax.solve.logits.native import solve_nuclear

flint = pytest.importorskip("flint")
from screlax.proof.verified.balls import (  # noqa: E402
    ball_of,
    balls,
    precision,
    rounded_down,
    rounded_up,
)
from screlax.proof.verified.logits import LogitBounds  # noqa: E402


def posed(program, share):
    """Return a program whose penalty is a share of that at which zero is optimal."""
    most = largest_singular_value(program, program.rows(program.zero()))
    return replace(program, norm=NuclearPenalty(most * share))


def bounds_for(program):
    """Return the bounds of a program whose numbers are its doubles."""
    numbers = (balls(getattr(program, name)) for name in ("anchors", "slope", "offset"))
    return LogitBounds(program, *numbers, ball_of(program.norm.amount))


def enclosed(program, gram, rows=None):
    """Return lower and upper bound as doubles."""
    with np.errstate(all="ignore"):
        rows = best_rows(Evaluated(program, gram)).rows if rows is None else rows
    with precision(128):
        bounds = bounds_for(program)
        return rounded_down(bounds.lower(rows)), rounded_up(bounds.upper(gram))


def moved(gram, size, rng):
    """Return logits with noise, another number for every entry."""
    own = gram.logit_own + size * rng.standard_normal(gram.logit_own.shape)
    pair = gram.logit_pair + size * rng.standard_normal(gram.logit_pair.shape)
    np.fill_diagonal(pair, np.where(gram.copies > 1, np.diagonal(pair), own))
    return replace(gram, logit_own=own, logit_pair=pair)


def optimum_of_two_at(program, gram):
    """Return the least value for two classes in 50 digits, found from logits nearby."""
    known = optimum_of_two(program)
    if not isinstance(known, tuple):
        return known
    slopes, value, unit = known
    left, right = np.sqrt(program.feature_mass), np.sqrt(program.classifier_mass)
    y = left[:, None] * gram.unit_logits.lifted(np.arange(2)) * right
    start = y @ np.array([float(u) for u in unit])
    return value(*mp.findroot(slopes, start.tolist(), tol=1e-60, maxsteps=60))


@pytest.mark.parametrize("seed", range(80))
def test_the_optimum_of_two_classes_is_inside(seed):
    """At the optimum, and at logits that are off by anything."""
    rng = np.random.default_rng(seed)
    program = posed(random_program(rng, 2, several=False), 10 ** rng.uniform(-6, 0.1))
    gram = solve_nuclear(program)[0]
    truth = optimum_of_two_at(program, gram)
    lower, upper = enclosed(program, gram)
    assert lower <= truth <= upper
    assert upper - lower <= 1e-12 * upper
    for size in 10 ** rng.uniform(-14, 2, 4):
        lower, upper = enclosed(program, moved(gram, size, rng))
        assert lower <= truth <= upper


@pytest.mark.parametrize("seed", range(60))
def test_the_optimum_of_equal_classes_is_inside(seed):
    rng = np.random.default_rng(seed)
    program = random_program(rng, 1)
    program = replace(program, copies=np.array([float(rng.integers(2, 10**6))]))
    program = posed(program, 10 ** rng.uniform(-9, 0.1))
    lower, upper = enclosed(program, solve_nuclear(program)[0])
    assert lower <= optimum_of_equal(program) <= upper
    assert upper - lower <= 1e-13 * upper


@pytest.mark.parametrize("seed", range(60))
def test_bounds_are_what_50_digits_say_of_the_same_numbers(seed):
    """Of any logits and any rows: on their side, and no further off than rounding."""
    rng = np.random.default_rng(seed)
    program = posed(random_program(rng, int(rng.integers(1, 5))), 10 ** rng.uniform(-5, -0.01))
    gram = moved(solve_nuclear(program)[0], 10 ** rng.uniform(-8, 0), rng)
    norm = float(gram.nuclear_norm)
    for share in (None, 1.001, 0.9):
        each = program if share is None else replace(program, norm=NuclearBound(norm * share))
        rows = each.rows(moved(gram, 10 ** rng.uniform(-6, 0), rng))
        lower, upper = enclosed(each, gram, rows)
        loss, nuclear = objective(each, gram)
        known = dual_bound(each, rows)
        scale = abs(known) + each.norm.amount * nuclear
        assert lower <= known <= lower + 1e-13 * scale
        if share is None:
            value = loss + mp.mpf(each.norm.amount) * nuclear
            assert value <= upper <= value + 1e-13 * value
        elif share > 1:
            assert loss <= upper <= loss + 1e-13 * (loss + 1)
        else:
            scaled = replace(
                gram, logit_own=share * gram.logit_own, logit_pair=share * gram.logit_pair
            )
            scaled_loss = objective(each, scaled)[0]
            assert abs(upper - scaled_loss) <= 1e-12 * (scaled_loss + scale)


@pytest.mark.parametrize("seed", range(60))
def test_forged_rows_prove_nothing_false(seed):
    """Rows of no logits, and rows that sum to more than one or have negative entries."""
    rng = np.random.default_rng(seed)
    program = posed(random_program(rng, 2, several=False), 10 ** rng.uniform(-3, 0.1))
    gram = solve_nuclear(program)[0]
    truth = optimum_of_two_at(program, gram)
    for sign in (1, -1):
        others = sign * rng.uniform(0, 1.5, (2, 2)) * 10 ** rng.uniform(-3, 0)
        rows = CellMatrix(np.array([-1e9, 1e9]), others)
        assert enclosed(program, gram, rows)[0] <= truth
    negative = CellMatrix(np.zeros(2), np.array([[0, -1e-3], [0.5, 0]]))
    assert enclosed(program, gram, negative)[0] == -np.inf
    bound = replace(program, norm=NuclearBound(1.0))
    beyond = CellMatrix(np.zeros(2), np.array([[0, 1.0 + 1e-15], [0.5, 0]]))
    assert enclosed(bound, bound.zero(), beyond)[0] == -np.inf


@pytest.mark.parametrize("control", [WeightDecay(0.3, 0.7), LayerPeeled(5.0, 0.3)], ids=str)
@pytest.mark.parametrize("level", ["orbits", "classes"])
def test_logits_that_are_off_are_not_optimal(control, level):
    solution = screlax.solve_relaxation([400, 90, 90, 30, 4], control, loss="cross-entropy")
    right = solution.recheck(level, rigorous=True)
    assert right.is_verified
    assert right.level == level
    assert right.proves(1e-12)
    rng = np.random.default_rng(3)
    for size in 10.0 ** np.arange(-10, 151, 8):
        gram = moved(solution.point_gram, size, rng)
        wrong = replace(solution, point_gram=gram).recheck(level, rigorous=True)
        assert wrong.lower <= right.upper
        assert right.lower <= wrong.upper
        if size > 1e-3:
            assert not wrong.proves(1e-9)
    for spoilt in (np.nan, np.inf, 1e308):
        pair = solution.point_gram.logit_pair.copy()
        pair.flat[1] = spoilt
        gram = replace(solution.point_gram, logit_pair=pair)
        assert not replace(solution, point_gram=gram).recheck(level, rigorous=True).proves(0.1)


def exact_problem(problem):
    """Return the program with μ or ρ in 50 digits."""
    program, numbers = logit_program(problem), problem.control.numbers
    mean, temperature = mp.sqrt(mp.mpf(numbers[0]) * numbers[1]), mp.mpf(problem.temperature)
    if problem.control.is_penalty:
        return replace(program, norm=NuclearPenalty(mean * temperature))
    return replace(program, norm=NuclearBound(problem.classes * mean / temperature))


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.7])
def test_the_problem_is_taken_as_it_is_given(temperature):
    """√(λ_H λ_W) τ and k √(E_H E_W)/τ are not rounded."""
    kind = {"temperature": temperature, "loss": "cross-entropy", "rigorous": True}
    two = screlax.solve_relaxation([40, 7], WeightDecay(0.1, 0.3), **kind)
    truth = optimum_of_two_at(exact_problem(two.problem), two.point_gram.scaled(1 / temperature))
    assert two.lower <= truth <= two.upper
    assert two.upper - two.lower <= 1e-13 * truth
    equal = screlax.solve_relaxation([30] * 7, WeightDecay(0.1, 0.3), **kind)
    truth = optimum_of_equal(exact_problem(equal.problem))
    assert equal.lower <= truth <= equal.upper
    assert equal.upper - equal.lower <= 1e-13 * truth
    peeled = screlax.solve_relaxation([30] * 7, LayerPeeled(0.1, 0.3), **kind)
    gap = exact_problem(peeled.problem).norm.amount / 6
    truth = 210 * mp.log(1 + 6 * mp.exp(-gap))
    assert peeled.lower <= truth <= peeled.upper
    assert peeled.upper - peeled.lower <= 1e-13 * truth


def test_zero_is_proved_to_the_last_bit():
    solution = screlax.solve_relaxation(
        [50, 20, 20, 5], WeightDecay(100, 100), loss="cross-entropy", rigorous=True
    )
    truth = 95 * mp.log(4)
    assert solution.lower <= truth <= solution.upper
    assert solution.upper - solution.lower <= 4e-16 * truth


def test_adjustments_and_weights_are_enclosed():
    """They are what the user gave, and not the doubles that come of it."""
    loss = CrossEntropy(additive=0.7, multiplicative=0.3, class_weights="balanced")
    problem = UFM([999_999, 70, 70, 3], WeightDecay(1, 1), loss=loss)
    sizes = problem.class_sizes
    n = [mp.mpf(int(size)) for size in sizes.distinct]
    total = 1_000_142
    assert sizes.samples == total
    known = (
        [mp.mpf(total) / 4 for _ in n],
        [(size / max(n)) ** mp.mpf(0.3) for size in n],
        [mp.mpf(0.7) * mp.log(size / total) for size in n],
    )
    with precision(128):
        found = problem.loss.logit_numbers(sizes, ball_of)
        for numbers, truths in zip(found, known, strict=True):
            for ball, truth in zip(numbers, truths, strict=True):
                assert abs(mp.mpf(str(ball.mid().str(45, radius=False))) - truth) <= 1e-35 * (
                    1 + abs(truth)
                )
                assert ball.rad() <= 1e-30 * (1 + abs(ball))


@pytest.mark.parametrize(
    "loss",
    [
        CrossEntropy(additive=1.0),
        CrossEntropy(multiplicative=0.3, class_weights="balanced"),
        CrossEntropy(additive=[0.1, 0.2, 0.2, -1.0], multiplicative=[1, 0.7, 0.7, 0.3]),
        CrossEntropy(class_weights=[1, 0.3, 0.3, 0]),
    ],
    ids=str,
)
@pytest.mark.parametrize("control", [WeightDecay(0.3, 0.7), LayerPeeled(2.0, 0.3)], ids=str)
def test_bounds_meet_those_in_double_precision(loss, control):
    solution = screlax.solve_relaxation([40, 9, 9, 3], control, loss=loss)
    certificate = solution.recheck(rigorous=True)
    by_class = solution.recheck("classes", rigorous=True)
    for one in (certificate, by_class):
        assert one.lower <= solution.upper
        assert solution.lower <= one.upper
        assert one.proves(1e-11)
    assert max(certificate.lower, by_class.lower) <= min(certificate.upper, by_class.upper)


@pytest.mark.parametrize("control", [WeightDecay(0.1, 0.1), WeightDecay(1, 1), LayerPeeled(5, 1)])
@pytest.mark.parametrize("level", ["orbits", "classes"])
def test_bounds_of_a_real_profile_are_near(control, level):
    solution = screlax.solve_relaxation(
        screlax.profile("cifar100-lt:100"), control, loss="cross-entropy"
    )
    certificate = solution.recheck(level, rigorous=True)
    assert certificate.gap <= 1e-11 * certificate.upper


def test_a_loss_that_does_not_say_its_numbers_is_refused():
    class Silent(CrossEntropy):
        logit_numbers = Loss.logit_numbers

    solution = screlax.solve_relaxation([5, 3, 2], WeightDecay(1, 1), loss="cross-entropy")
    silent = replace(solution, problem=replace(solution.problem, loss=Silent()))
    with pytest.raises(SolverCapabilityError, match="logit_numbers"):
        silent.recheck(rigorous=True)


def test_samples_are_refused():
    solution = screlax.solve_relaxation([5, 3, 2], WeightDecay(1, 1), loss="cross-entropy")
    with pytest.raises(SolverCapabilityError, match="by classes or orbits"):
        solution.recheck("samples", rigorous=True)


def test_the_command_line_and_files(capsys, tmp_path):
    file = str(tmp_path / "optimum.npz")
    given = [
        "--profile",
        "step:4,100,10",
        "--loss",
        "cross-entropy",
        "--weight-decay",
        "0.3",
        "0.2",
    ]
    assert main(["solve", *given, "--rigorous", "--out", file]) == 0
    assert main(["certify", file, "--rigorous"]) == 0
    assert "in exact arithmetic" in capsys.readouterr().out
