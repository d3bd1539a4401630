"""Optima under constraints of one's own: closed forms, Clarabel, proofs, contradictions."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import optimize

import screlax
from screlax import UFM, Ball, Budget, Ridge, Sphere, solve_relaxation
from screlax.constraints import Convex, Linear
from screlax.errors import InvalidInputError
from screlax.gram.cells import CellGram, Level
from screlax.problem.program import build_program
from screlax.proof.dense import certify, duality_gap
from screlax.proof.dual import DualPoint
from screlax.proof.infeasible import contradiction
from screlax.proof.repair import FeasibleDual
from screlax.solve.constraints.feasible import is_feasible, made_feasible, strictly_inside

CONTROLS = {
    "ridge": Ridge(0.2),
    "ball": Ball(1.3),
    "sphere": Sphere(1.0),
    "budget": Budget(0.9),
}
every_control = pytest.mark.parametrize("kind", CONTROLS)


def entry(a, b, **bounds):
    return Linear({(a, b): 1.0}, **bounds)


def loss_at(sizes, gram, temperature):
    """Return SC of classes at their Gram matrix, from its definition."""
    sizes, scaled = np.asarray(sizes, float), np.asarray(gram) / temperature
    weights = np.tile(sizes, (len(sizes), 1)) - np.eye(len(sizes))
    rows = np.log((weights * np.exp(scaled)).sum(axis=1)) - np.diagonal(scaled)
    return float(sizes @ np.where(sizes > 1, rows, 0.0))


def feasible_problem(seed, kind):
    """Return a problem with a few random constraints that a random Gram matrix satisfies."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 6))
    sizes = rng.choice([2, 7, 40], k)
    control = CONTROLS[kind]
    rows = rng.standard_normal((k, k))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    inside = 1.0 if kind == "sphere" else 0.8 * (1.0 if kind == "ridge" else control.parameter)
    point = inside * (rows @ rows.T)
    own = []
    for _ in range(int(rng.integers(1, 4))):
        matrix = rng.standard_normal((k, k)) * (rng.random((k, k)) < 0.6)
        matrix[0, 1] += 1.0
        value = float(np.vdot(matrix, point))
        bounds = ({"equal": value}, {"upper": value}, {"lower": value - 0.1, "upper": value})
        own.append(Linear(matrix, **bounds[rng.integers(3)]))
    return UFM(sizes, control, 0.6, constraints=own)


@pytest.mark.parametrize("cosine", [-1.0, -0.7, 0.0, 0.4, 1.0])
def test_two_classes_at_a_fixed_angle(cosine):
    solution = solve_relaxation(
        [30, 4], Sphere(2.0), temperature=0.5, constraints=[entry(0, 1, equal=2 * cosine)]
    )
    gram = np.array([[2.0, 2 * cosine], [2 * cosine, 2.0]])
    np.testing.assert_allclose(solution.class_gram, gram, rtol=1e-14)
    assert solution.value == pytest.approx(loss_at([30, 4], gram, 0.5), rel=1e-12)
    assert solution.relative_gap <= 1e-9 or abs(cosine) == 1


@pytest.mark.parametrize("cosine", [-0.9, -0.2, 0.6])
def test_three_equal_classes_with_one_fixed_angle(cosine):
    """The third is opposite the sum of the two: its inner products are −√((1+c)/2)."""
    solution = solve_relaxation([20] * 3, Sphere(1.0), constraints=[entry(0, 1, equal=cosine)])
    away = -math.sqrt((1 + cosine) / 2)
    expected = np.array([[1, cosine, away], [cosine, 1, away], [away, away, 1]])
    np.testing.assert_allclose(solution.class_gram, expected, atol=1e-6)
    assert solution.value == pytest.approx(loss_at([20] * 3, expected, 1.0), rel=1e-11)
    assert solution.relative_gap <= 1e-11


@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
def test_two_classes_with_a_fixed_ratio_of_squared_norms(ratio):
    """Opposite points of norms √a and √(r a), a by a search over one number."""
    sizes, strength = np.array([30, 6]), 0.3
    equal = Linear({(1, 1): 1.0, (0, 0): -ratio}, equal=0)
    solution = solve_relaxation(sizes, Ridge(strength), constraints=[equal])

    def objective(a):
        rows = np.array([[math.sqrt(a)], [-math.sqrt(ratio * a)]])
        gram = rows @ rows.T
        return loss_at(sizes, gram, 1.0) + strength / 2 * float(sizes @ np.diagonal(gram))

    best = optimize.minimize_scalar(objective, bounds=(1e-3, 20), options={"xatol": 1e-10})
    assert solution.value == pytest.approx(best.fun, rel=1e-10)
    assert solution.relative_gap <= 1e-10
    assert solution.class_gram[1, 1] == pytest.approx(ratio * solution.class_gram[0, 0], rel=1e-13)


@every_control
@pytest.mark.parametrize("seed", range(4))
def test_native_and_clarabel_prove_the_same_value(kind, seed):
    problem = feasible_problem(seed, kind)
    native, conic = solve_relaxation(problem), solve_relaxation(problem, solver="Clarabel")
    assert native.relative_gap <= 1e-9
    assert conic.relative_gap <= 1e-6
    assert native.value == pytest.approx(conic.value, rel=2e-6)
    assert native.lower <= conic.upper
    assert conic.lower <= native.upper
    free = solve_relaxation(problem.without_constraints())
    assert native.upper >= free.lower


@every_control
@pytest.mark.parametrize("solver", ["native", "Clarabel", "SCS", "burer-monteiro"])
def test_what_is_returned_satisfies_the_constraints_to_rounding(kind, solver):
    problem = feasible_problem(2, kind)
    solution = solve_relaxation(problem, solver=solver, tol=1e-3)
    gram, size = solution.class_gram, np.abs(solution.class_gram).max()
    for one in problem.constraints:
        value = float(one.terms.weight @ gram[one.terms.first, one.terms.second])
        room = 1e-14 * np.abs(one.terms.weight).sum() * size
        assert one.lower - room <= value <= one.upper + room
    assert np.linalg.eigvalsh(gram).min() >= -1e-13 * size
    assert solution.constraint_excess <= 1e-13 * size
    assert np.isfinite(solution.upper)


@pytest.mark.parametrize("level", ["samples", "classes", "orbits"])
@pytest.mark.parametrize("solver", ["native", "Clarabel"])
def test_every_level_has_the_same_optimum_and_proof(level, solver):
    own = [entry(0, 1, lower=0.3), Linear({(1, 1): 1.0, (2, 2): -1.0}, equal=0.0)]
    problem = UFM([6, 3, 3, 2], Ball(1.2), 0.7, constraints=own)
    best = solve_relaxation(problem)
    solution = solve_relaxation(problem, solver=solver, level=level)
    assert solution.value == pytest.approx(best.value, rel=1e-6)
    assert solution.certificate.level == level
    assert solution.certificate.proves(1e-6)
    for other in ("samples", "classes", "orbits"):
        again = solution.recheck(level=other)
        assert again.upper == pytest.approx(solution.upper, rel=1e-9)  # collapsed, averaged
        assert again.lower == pytest.approx(solution.lower, rel=1e-9)


@every_control
def test_a_constraint_that_is_inactive_changes_nothing(kind):
    sizes = [40, 12, 12, 3]
    free = solve_relaxation(sizes, CONTROLS[kind])
    gram = free.class_gram
    own = [
        entry(0, 1, upper=gram[0, 1] + 1e-6, name="above"),
        Linear(np.ones((4, 4)), lower=gram.sum() - 1e-6),
        Linear({(1, 1): 1.0, (2, 2): -1.0}, equal=0.0),
    ]
    bound = solve_relaxation(sizes, CONTROLS[kind], constraints=own)
    assert bound.value == pytest.approx(free.value, rel=1e-13)
    np.testing.assert_allclose(bound.class_gram, gram, atol=1e-13 * abs(gram).max())
    assert bound.relative_gap <= 1e-11
    assert bound.rank == free.rank


def test_a_function_that_is_inactive_is_certified_by_the_bound_without_it():
    own = [lambda gram: gram[0, 1] <= 0.9]
    bound = solve_relaxation([50, 20, 5], Sphere(1.0), constraints=own, solver="Clarabel")
    free = solve_relaxation([50, 20, 5], Sphere(1.0))
    assert bound.status == "optimal"
    assert bound.value == pytest.approx(free.value, rel=1e-13)
    np.testing.assert_allclose(bound.class_gram, free.class_gram, atol=1e-13)


@every_control
def test_nonnegative_entries_are_nonnegative_features(kind):
    sizes = [40, 12, 12, 3, 1]
    pairs = [(a, b) for a in range(5) for b in range(a)]
    relu = solve_relaxation(sizes, CONTROLS[kind], features="nonnegative")
    linear = solve_relaxation(
        sizes, CONTROLS[kind], constraints=[entry(a, b, lower=0.0) for a, b in pairs]
    )
    assert linear.value == pytest.approx(relu.value, rel=1e-10)
    assert linear.relative_gap <= 1e-10
    assert linear.lower <= relu.upper
    assert relu.lower <= linear.upper
    function = solve_relaxation(
        sizes, CONTROLS[kind], constraints=[lambda gram: gram >= 0], solver="Clarabel"
    )
    assert function.value == pytest.approx(relu.value, rel=1e-6)
    assert function.status == "feasible, not certified"


def test_a_function_and_the_same_linear_constraint_have_one_optimum():
    own = entry(0, 1, lower=0.2)
    linear = solve_relaxation([50, 20, 20], Ball(1.0), constraints=[own])
    function = solve_relaxation(
        [50, 20, 20],
        Ball(1.0),
        constraints=[Convex(lambda gram: [gram[0, 1] >= 0.2], "near")],
        solver="Clarabel",
    )
    assert function.value == pytest.approx(linear.value, rel=1e-6)
    free = solve_relaxation([50, 20, 20], Ball(1.0))
    assert function.lower == pytest.approx(free.value, rel=1e-6)  # what is known without it
    assert function.lower < linear.lower
    assert function.constraint_excess <= 1e-6
    np.testing.assert_allclose(function.class_gram, linear.class_gram, atol=1e-3)


def test_functions_see_the_classes_in_their_order():
    sizes, seen = [5, 50, 20], []

    def far(gram):
        seen.append(gram.shape)
        return [gram[0, 0] == 0.5, gram[1, 1] == 0.7, gram[2, 2] == 0.9]

    solution = solve_relaxation(
        sizes, Ball(1.0), temperature=0.3, constraints=[far], solver="Clarabel"
    )
    np.testing.assert_allclose(np.diagonal(solution.class_gram), [0.5, 0.7, 0.9], atol=1e-6)
    assert set(seen) == {(3, 3)}


def test_nonnegative_features_take_constraints_too():
    problem = UFM(
        [40, 12, 5], Sphere(1.0), 0.5, features="nonnegative", constraints=[entry(0, 1, lower=0.3)]
    )
    native, conic = solve_relaxation(problem), solve_relaxation(problem, solver="Clarabel")
    assert native.relative_gap <= 1e-9
    assert native.value == pytest.approx(conic.value, rel=1e-6)
    np.testing.assert_allclose(native.class_gram[0], [1, 0.3, 0], atol=1e-6)


def test_expected_batches_take_linear_constraints():
    problem = UFM(
        [5, 3],
        Sphere(1.0),
        0.5,
        batches="shuffle:size=3",
        constraints=[entry(0, 1, equal=0.1)],
    )
    solution = solve_relaxation(problem)
    assert solution.relative_gap <= 1e-9
    assert solution.class_gram[0, 1] == pytest.approx(0.1, rel=1e-13)
    assert solution.value > solve_relaxation(problem.without_constraints()).value


def test_classes_of_one_size_are_told_apart_in_the_solution():
    solution = solve_relaxation([50, 20, 20, 5], Sphere(1.0), constraints=[entry(0, 1, equal=0.2)])
    gram = solution.class_gram
    assert gram[0, 1] == pytest.approx(0.2, rel=1e-13)
    assert gram[0, 2] < -0.1
    mirrored = solve_relaxation([50, 20, 20, 5], Sphere(1.0), constraints=[entry(0, 2, equal=0.2)])
    order = [0, 2, 1, 3]
    np.testing.assert_allclose(mirrored.class_gram[np.ix_(order, order)], gram, atol=1e-6)


IMPOSSIBLE = {
    "one": ([entry(0, 1, lower=1.2, name="too near")], {"too near"}),
    "three": (
        [
            *(entry(a, b, upper=-0.8, name=f"{a}{b}") for a, b in ((0, 1), (0, 2), (1, 2))),
            entry(0, 3, upper=0.5, name="innocent"),
        ],
        {"01", "02", "12"},
    ),
    "an equation": (
        [Linear(np.ones((4, 4)), equal=-1.0, name="sum"), entry(0, 1, upper=0.5, name="innocent")],
        {"sum"},
    ),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
@pytest.mark.parametrize("solver", ["native", "Clarabel"])
@pytest.mark.parametrize("control", [Sphere(1.0), Ball(1.0)])
def test_constraints_that_exclude_each_other_are_named(name, solver, control):
    own, named = IMPOSSIBLE[name]
    with pytest.raises(InvalidInputError, match="no Gram matrix") as caught:
        solve_relaxation([50, 20, 20, 5], control, constraints=own, solver=solver)
    said = str(caught.value)
    listed = said.split("[")[1].split("]")[0].split("; ")
    assert set(listed) == named
    assert "multipliers prove" in said


def test_with_a_penalty_norms_beyond_all_use_are_no_solution():
    own = [
        Linear({(0, 0): 1.0}, upper=1.0, name="short"),
        Linear({(1, 1): 1.0}, upper=1.0, name="short too"),
        entry(0, 1, lower=1.1, name="long product"),
    ]
    with pytest.raises(InvalidInputError, match="of a mean squared norm below") as caught:
        solve_relaxation([50, 20, 5], Ridge(0.1), constraints=own)
    assert all(one.name in str(caught.value) for one in own)


def test_norms_that_constraints_take_are_no_contradiction_of_a_penalty():
    """Five classes whose inner products are −2 have squared norms of 8, which a ridge lets them."""
    pairs = itertools.combinations(range(5), 2)
    own = [Linear({pair: 1.0}, upper=-2.0) for pair in pairs]
    program = build_program(UFM([3] * 5, Ridge(0.1), constraints=own), Level.CLASSES)
    near = CellGram(np.full(5, 0.1), np.eye(5) / 10)
    assert contradiction(program, np.ones(10), near) is None


def test_constraints_of_a_contradiction_are_named_the_most_important_first():
    own = [Linear({(0, 1): 1.0}, lower=0.1, name="small"), Linear({(0, 0): 1.0}, lower=5.0)]
    own += [Linear({(1, 1): 100.0}, lower=300.0, name="large")]
    program = build_program(UFM([5, 3], Budget(1.0), constraints=own), Level.CLASSES)
    near = CellGram(np.ones(2), np.eye(2))
    found = contradiction(program, np.array([-1e-2, -1.0, -1.0]), near)
    assert found.names == ("large", "G[0, 0] ≥ 5", "small")


def test_the_gap_is_rounded_by_what_multipliers_of_constraints_cancel():
    """⟨z A, G⟩ is in the slack and taken off the price: of any z its bound alone is left."""
    own = [Linear({(0, 1): 0.3, (1, 2): 0.7}, equal=-0.1)]
    program = build_program(UFM([9, 5, 4], Sphere(1.0), 0.7, constraints=own), Level.CLASSES)
    factor = np.random.default_rng(2).standard_normal((3, 3))
    gram = CellGram.from_matrix(factor @ factor.T)
    minorant = program.loss.minorant(gram, program.loss.expand(gram))
    gaps = []
    for size in (0.0, 2.0**30):
        z = np.array([size])
        slope, sizes = minorant.coefficients, minorant.sizes
        added, more = program.linear.coefficients(z), program.linear.sizes_of(z)
        slack = CellGram(slope.own + 9.0 + added.own, slope.pair + added.pair)
        sizes = CellGram(sizes.own + 9.0 + more.own, sizes.pair + more.pair)
        dual = FeasibleDual(minorant, np.full(3, 9.0), slack, sizes, 0.0, True, linear=z)
        gap, rounding = duality_gap(program, dual, gram)
        gaps.append((Fraction(gap) - Fraction(size) * Fraction(program.linear.upper[0]), rounding))
    (first, exact), (second, rounding) = gaps
    assert 0 < exact < 1e-12
    assert 0 < abs(second - first) <= rounding


def test_a_budget_that_is_too_small_is_a_contradiction():
    with pytest.raises(InvalidInputError, match=r"within the control budget .*\[G\[0, 0\] ≥ 2\]"):
        solve_relaxation([50, 20, 5], Budget(1.0), constraints=[Linear({(0, 0): 1}, lower=2)])


@every_control
@pytest.mark.parametrize("seed", range(5))
def test_no_multipliers_prove_that_feasible_constraints_exclude_each_other(kind, seed):
    problem = feasible_problem(seed, kind)
    program = build_program(problem, Level.ORBITS)
    rng = np.random.default_rng(seed)
    near = CellGram(np.ones(program.size), np.eye(program.size))
    for size in (1e-6, 1.0, 1e6):
        for _ in range(50):
            forged = size * rng.standard_normal(len(program.linear))
            assert contradiction(program, forged, near) is None
    for bad in (np.nan, np.inf):
        assert contradiction(program, np.full(len(program.linear), bad), near) is None


@every_control
@pytest.mark.parametrize("seed", range(3))
def test_forged_multipliers_never_prove_too_much(kind, seed):
    """Wrong signs, perturbed, huge, NaN: the bound stays below the optimum."""
    problem = feasible_problem(seed, kind)
    best = solve_relaxation(problem)
    program = build_program(problem, Level.ORBITS)
    gram = best.point_gram.dense().scaled(1 / problem.temperature)
    true = best.orbit_dual.linear if best.orbit_dual is not None else None
    z = np.zeros(len(program.linear)) if true is None else true
    rng = np.random.default_rng(seed)
    forged = [
        -z,
        10 * z,
        z + 1e-3 * rng.standard_normal(len(z)),
        np.full(len(z), 1e9),
        np.full(len(z), -1e9),
        np.full(len(z), np.nan),
        np.zeros(len(z) + 1),
        *(10.0**e * rng.standard_normal(len(z)) for e in range(-2, 4)),
    ]
    for multipliers in forged:
        certificate = certify(program, gram, [DualPoint(None, None, None, multipliers)]).certificate
        assert certificate.lower <= best.upper
        assert certificate.upper >= best.lower


def test_multipliers_against_a_bound_that_is_not_there_are_left_out():
    problem = UFM([50, 20, 5], Sphere(1.0), constraints=[entry(0, 1, lower=0.2)])
    program = build_program(problem, Level.ORBITS)
    bounds = program.linear
    np.testing.assert_array_equal(bounds.admissible(np.array([3.0])), [0.0])
    np.testing.assert_array_equal(bounds.admissible(np.array([-3.0])), [-3.0])
    best = solve_relaxation(problem)
    assert best.orbit_dual.linear[0] < 0
    gram = best.point_gram.dense()
    wrong = certify(program, gram, [DualPoint(None, None, None, -best.orbit_dual.linear)])
    free = solve_relaxation(problem.without_constraints())
    assert wrong.certificate.lower <= free.upper
    assert not wrong.certificate.proves(1e-6)


def test_a_matrix_that_violates_a_constraint_is_no_upper_bound():
    problem = UFM([50, 20, 5], Sphere(1.0), constraints=[entry(0, 1, lower=0.2)])
    best = solve_relaxation(problem)
    free = solve_relaxation(problem.without_constraints())
    program = build_program(problem, Level.CLASSES)
    certificate = certify(program, CellGram.from_matrix(free.class_gram)).certificate
    assert certificate.upper == math.inf
    assert not certificate.proves(1.0)
    assert certificate.lower == pytest.approx(free.value, rel=1e-9)  # which is a bound all the same
    assert certificate.lower <= best.lower
    nearly = best.class_gram.copy()
    nearly[0, 1] = nearly[1, 0] = 0.2 - 1e-12
    assert certify(program, CellGram.from_matrix(nearly)).certificate.upper == math.inf


@every_control
def test_an_approximate_matrix_is_made_feasible(kind):
    problem = feasible_problem(1, kind)
    best = solve_relaxation(problem)
    program = build_program(problem, Level.ORBITS)
    gram = best.point_gram.dense().scaled(1 / problem.temperature)
    inside = strictly_inside(program, gram)
    assert inside is not None
    assert np.linalg.eigvalsh(inside.pair).min() > 0
    noise = 1e-7 * np.random.default_rng(0).standard_normal(gram.pair.shape)
    rough = gram.pair + noise + noise.T
    made = made_feasible(program, CellGram(np.diagonal(rough).copy(), rough), inside)
    assert is_feasible(program, made)
    assert abs(made.pair - gram.pair).max() < 1e-4
    assert program.value(made) >= best.lower


def test_two_classes_that_must_coincide():
    """Nothing is strictly inside: a face of the cone, which the native method ends on."""
    together = Linear({(0, 0): 1.0, (1, 1): 1.0, (0, 1): -2.0}, equal=0.0)
    solution = solve_relaxation([50, 20, 5], Sphere(1.0), constraints=[together])
    expected = np.outer([1, 1, -1], [1, 1, -1])
    np.testing.assert_allclose(solution.class_gram, expected, atol=1e-7)
    assert solution.value == pytest.approx(loss_at([50, 20, 5], expected, 1.0), rel=1e-9)
    assert solution.status == "optimal"


def test_a_penalty_with_constraints_that_push_away_from_zero():
    """Above λ_max the optimum is zero, and the constraint is all there is."""
    problem = UFM([6, 3, 2], Ridge(9.0), constraints=[Linear({(0, 0): 1.0}, lower=0.5)])
    assert not problem.is_zero_optimal()
    solution = solve_relaxation(problem)
    assert solution.relative_gap <= 1e-9
    assert solution.class_gram[0, 0] == pytest.approx(0.5, rel=1e-9)
    allowed = UFM([6, 3, 2], Ridge(9.0), constraints=[Linear({(0, 0): 1.0}, upper=0.5)])
    assert not solve_relaxation(allowed).class_gram.any()


def test_many_classes_stay_at_orbit_level():
    """A constraint on three classes of a hundred adds two orbits, not ninety."""
    sizes = screlax.profile("cifar100-lt:10")
    free = UFM(sizes, Ridge(0.05))
    own = [Linear({(0, 1): 1.0, (0, 2): -1.0}, lower=0.5)]
    problem = UFM(sizes, Ridge(0.05), constraints=own)
    assert problem.class_sizes.orbits <= free.class_sizes.orbits + 3
    solution = solve_relaxation(problem)
    assert solution.relative_gap <= 1e-9
    gram = solution.class_gram
    assert gram[0, 1] - gram[0, 2] == pytest.approx(0.5, rel=1e-10)
