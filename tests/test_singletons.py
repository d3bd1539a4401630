"""Singleton classes: the equations class by class, their Jacobian, and roots that prove optimal."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import Case, assert_optimal, cases_of, class_objective, every_case

from screlax import UFM, Ball, Budget, ClassSizes, Ridge, Sphere, solve_relaxation
from screlax.equations.couplings import Couplings
from screlax.equations.singleton_jacobian import SingletonJacobian
from screlax.equations.singletons import (
    SingletonEquations,
    SingletonState,
    pair_products,
    singleton_equations,
)
from screlax.gram.cells import CellGram, Level
from screlax.problem.constraints.base import controls_of
from screlax.problem.program import build_program
from screlax.proof.dense import certify
from screlax.proof.singletons import SingletonProof
from screlax.solve.singletons.candidates import singleton_candidates
from screlax.solve.singletons.newton import singleton_newton
from screlax.solve.singletons.start import start_near

CONTROL_TYPES = controls_of(classifier=False)

SIZES = (12, 7, 7, 4, 2, 2, 2, 1, 1, 1)
ANCHORED = 4  # distinct sizes of at least two samples
CONTROLS = {"ridge": Ridge(0.35), "ball": Ball(1.6), "sphere": Sphere(2.2), "budget": Budget(1.1)}
every_control = pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
with_and_without_slack = pytest.mark.parametrize("has_slack", [True, False])
seeds = st.integers(0, 2**32 - 1)


def equations_of(control, sizes=SIZES) -> SingletonEquations:
    return singleton_equations(UFM(sizes, control))


def random_state(rng: np.random.Generator, m: int, *, slack: bool) -> SingletonState:
    return SingletonState(
        0.3 * rng.standard_normal(m) if slack else None,
        0.3 * rng.standard_normal(m) - 0.5,
        math.log(sum(SIZES)) + 0.5 * rng.standard_normal(m),
        float(rng.uniform(-2, -0.5)),
    )


# ----------------------------------------------------------------- the equations, class by class


def brute_force(control, state: SingletonState) -> tuple[list, np.ndarray]:
    """Residuals by orbit and the k×k Gram matrix, in loops over classes, in plain units.

    Off the diagonal 2 S_cc' = W_cc' + W_c'c with W_cc' = s_c p_cc', and S_aa = v vᵀ + γ B Bᵀ.
    """
    sizes = np.array(SIZES, dtype=float)
    orbit = ClassSizes.from_counts(SIZES).orbit_index()
    inside = [c for c in range(len(SIZES)) if SIZES[c] > 1]
    outside = [c for c in range(len(SIZES)) if SIZES[c] == 1]
    at, nu, kappa = orbit[inside], math.exp(state.log_strength), len(outside)
    v = np.zeros(len(inside))
    if state.log_slack is not None:
        v = np.exp(state.log_slack[at]) * math.sqrt(nu)
    pull = np.exp(state.log_pull[at]) * nu / math.sqrt(kappa)  # B
    z = np.exp(state.log_normalizer[at])
    y = np.log(2 * pull * z / sizes[inside])
    gram = np.empty((len(SIZES), len(SIZES)))
    for i, c in enumerate(inside):
        for j, d in enumerate(inside):
            slack = v[i] * v[j] + kappa / nu * pull[i] * pull[j]
            if i != j:
                per_exponential = sizes[c] * sizes[d] * (1 / z[i] + 1 / z[j]) / 2
                gram[c, d] = math.log(slack / per_exponential)
            elif isinstance(control, Ball | Sphere):
                gram[c, c] = control.parameter
            else:  # S_cc = s_c (p_cc − 1) + ν_0 s_c
                gram[c, c] = math.log((1 - nu + slack / sizes[c]) * z[i] / (sizes[c] - 1))
        gram[c, outside] = gram[outside, c] = y[i]
    corner = -float(pull @ y) / nu
    gram[np.ix_(outside, outside)] = corner
    first = {}
    for i, c in enumerate(inside):
        others = [d for d in range(len(SIZES)) if d != c]
        rest = math.fsum(sizes[d] * math.exp(gram[c, d]) for d in others) / z[i]
        own = (sizes[c] - 1) * math.exp(gram[c, c]) / z[i]
        if isinstance(control, Ball | Sphere):
            first[orbit[c]] = math.log(own + rest)
        else:
            diagonal = (v[i] ** 2 + kappa / nu * pull[i] ** 2) / sizes[c]
            first[orbit[c]] = math.log(diagonal + rest) - math.log(nu)
    anchored = gram[np.ix_(inside, inside)]
    second = dict(zip(at, anchored @ v / v.sum(), strict=True)) if v.any() else None
    third = dict(zip(at, y + anchored @ pull / nu, strict=True))
    if isinstance(control, Budget):
        last = float(sizes @ np.diagonal(gram)) / (sizes.sum() * control.parameter) - 1
    else:
        last = 0.0 if isinstance(control, Ridge) else corner / control.parameter - 1
    parts = [part for part in (second, third, first) if part is not None]
    return [[part[g] for g in range(ANCHORED)] for part in parts] + [last], gram


@with_and_without_slack
@every_control
def test_residual_and_products_equal_the_class_program(control, has_slack):
    equations = equations_of(control)
    sizes = ClassSizes.from_counts(SIZES)
    for seed in range(5):
        state = random_state(np.random.default_rng(seed), ANCHORED, slack=has_slack)
        moments = equations.moments(state)
        (*expected, last), gram = brute_force(control, state)
        assert equations.residual(state, moments) == pytest.approx(np.array(expected), abs=1e-11)
        assert equations.last(moments) == pytest.approx(last, abs=1e-11)
        pair = pair_products(moments.centre, state.log_normalizer, state.ratio)
        orbit = sizes.orbit_index()[:7]
        lifted = pair[np.ix_(orbit, orbit)]
        np.fill_diagonal(lifted, moments.own[orbit])
        assert lifted == pytest.approx(gram[:7, :7], abs=1e-11)
        assert moments.product[orbit] == pytest.approx(gram[:7, -1], abs=1e-11)
        assert moments.corner == pytest.approx(gram[-1, -1], abs=1e-11)


@with_and_without_slack
@every_control
def test_interpolated_sums_equal_those_over_all_pairs(control, has_slack):
    """Beyond a few dozen distinct sizes nothing of size m×m is formed."""
    equations = equations_of(control, [*range(2, 303), *range(2, 200, 3), 1, 1])
    m, rng = len(equations.copies), np.random.default_rng(3)
    trend = np.linspace(0, 1, m)
    state = SingletonState(
        0.5 * trend + 0.1 * rng.standard_normal(m) if has_slack else None,
        2 * trend - 1,
        5 + trend**2 + 0.2 * rng.standard_normal(m),
        -1.0,
    )
    moments = equations.moments(state)
    assert not moments.couplings.is_exact
    assert moments.couplings.kernels.bend.shape[1] < 40
    others = equations.copies - np.eye(m)
    beta = state.log_normalizer
    logistic = 1 / (1 + np.exp(np.subtract.outer(beta, beta)))
    pair = pair_products(moments.centre, beta, state.ratio)
    for vector, share, product in zip(
        moments.vectors, moments.shares, moments.products, strict=True
    ):
        assert share == pytest.approx((others * logistic) @ vector, rel=1e-12)
        assert product == pytest.approx((others * pair) @ vector, abs=1e-10)


# ----------------------------------------------------------------- Jacobian


@with_and_without_slack
@every_control
def test_jacobian_equals_central_differences(control, has_slack):
    """Rows of (E2) hold the factor 1/V fixed."""
    equations, m = equations_of(control), ANCHORED
    state = random_state(np.random.default_rng(6), m, slack=has_slack)
    moments = equations.moments(state)
    fields, total = len(state.fields) + 1, equations.scales(moments)[0]
    jacobian = SingletonJacobian(equations, state, moments)
    analytic = np.zeros((fields * m + 1, fields * m + 1))
    analytic[:-1, :-1] = jacobian.structured().dense()[0]
    analytic[:-1, -1] = jacobian.by_strength().reshape(-1)
    if not isinstance(control, Ridge):
        row, analytic[-1, -1] = jacobian.last_row()
        analytic[-1, :-1] = row.reshape(-1)

    def residual(step: np.ndarray) -> np.ndarray:
        moved = state.moved(step[:-1].reshape(fields, m), float(step[-1]))
        there = equations.moments(moved)
        rows = equations.residual(moved, there)
        if has_slack:
            rows[0] *= equations.scales(there)[0] / total
        return np.append(rows.reshape(-1), equations.last(there))

    numeric = np.empty_like(analytic)
    for number, step in enumerate(1e-5 * np.eye(len(analytic))):
        numeric[:, number] = (residual(step) - residual(-step)) / 2e-5
    assert np.abs(analytic - numeric).max() <= 1e-8


@with_and_without_slack
def test_a_structured_solve_equals_a_dense_one(has_slack):
    equations = equations_of(Budget(1.0), [*range(2, 303), 1, 1])
    m, rng = len(equations.copies), np.random.default_rng(4)
    trend = np.linspace(0, 1, m)
    state = SingletonState(0.3 * trend if has_slack else None, trend - 1, 5 + trend, -1.0)
    jacobian = SingletonJacobian(equations, state, equations.moments(state)).structured()
    assert jacobian.left.shape[-1] < m / 3
    right = rng.standard_normal((1, len(state.fields) + 1, m, 2))
    dense = np.linalg.solve(jacobian.dense()[0], right.reshape(-1, 2)).reshape(right.shape)
    assert jacobian.solve(right) == pytest.approx(dense, rel=1e-9, abs=1e-9)


# ----------------------------------------------------------------- roots


def candidates_of(problem: UFM) -> list:
    equations = singleton_equations(problem)
    relaxation = build_program(problem, Level.ORBITS)
    return list(singleton_candidates(equations, lambda: relaxation, math.inf))


@every_control
def test_a_root_from_near_the_solution_proves_optimal(control):
    problem = UFM(SIZES, control)
    relaxation, equations = build_program(problem, Level.ORBITS), equations_of(control)
    conic = solve_relaxation(problem, solver="Clarabel", tol=1e-3).orbit_gram
    root = singleton_newton(equations, start_near(equations, relaxation, conic))
    assert root.converged
    assert SingletonProof(equations, root.state).certificate.proves(1e-13)


@every_control
def test_the_first_candidate_proves_optimal_and_the_last_one_is_a_descent(control):
    problem = UFM(SIZES, control)
    relaxation, equations = build_program(problem, Level.ORBITS), equations_of(control)
    candidates = candidates_of(problem)
    assert candidates[0][2] == "singleton Newton"
    assert 1 <= candidates[0][1] <= 20
    proofs = [
        certify(relaxation, found).certificate
        if isinstance(found, CellGram)
        else SingletonProof(equations, found).certificate
        for found, _, _ in candidates
    ]
    assert proofs[0].proves(1e-13)
    assert candidates[-1][2].startswith("Burer–Monteiro: ")
    assert proofs[-1].relative_gap <= 1e-10
    assert all(proof.lower <= proofs[0].upper for proof in proofs)


@pytest.mark.parametrize(
    ("sizes", "control", "temperature"),
    [
        ([30, 3] + [1] * 7, Ridge(0.0019), 1.0),
        ([6, 1], Ridge(0.1), 1.0),
        ([100, 90, 80, 5, 4, 3, 1], Budget(200.0), 1.0),
    ],
)
def test_ridge_and_budget_without_a_slack_vector(sizes, control, temperature):
    """The anchored classes are independent: v = 0 (section 10, point 4)."""
    solution = solve_relaxation(sizes, control, temperature=temperature)
    assert solution.status == "optimal"
    assert solution.orbit_gram.log_slack is None
    assert solution.rank == sum(size > 1 for size in sizes)


def test_v_is_dropped_once_it_falls_step_by_step():
    problem = UFM([30, 3] + [1] * 7, Ridge(0.0019))
    state, steps, message = candidates_of(problem)[0]
    assert (state.log_slack, message) == (None, "singleton Newton")
    assert steps <= 20


def test_kernels_of_few_classes_are_exact_and_those_of_many_are_not():
    beta = np.linspace(0, 3, 24)
    assert Couplings.between(beta, beta).is_exact
    assert not Couplings.between(np.linspace(0, 3, 400), None).is_exact


def assert_singletons_share_a_point(problem: UFM, gram: np.ndarray) -> None:
    alone = np.flatnonzero(np.array(problem.class_sizes) == 1)
    scale = np.abs(gram).max()
    assert np.abs(gram[np.ix_(alone, alone)] - gram[alone[0], alone[0]]).max() <= 1e-9 * scale
    assert np.abs(gram[alone] - gram[alone[0]]).max() <= 1e-9 * scale


@every_case(cases_of("one-singleton", "singletons", "one-anchored"))
def test_problems_of_the_table_with_singletons(case):
    solution = solve_relaxation(case.problem)
    assert solution.status == "optimal"
    assert solution.value == pytest.approx(case.optimum, rel=1e-10)
    assert_optimal(case, solution.class_gram)
    assert_singletons_share_a_point(case.problem, solution.class_gram)


def random_problem(rng: np.random.Generator, name: str) -> UFM:
    anchored = np.floor(np.exp(rng.uniform(np.log(2), 6, rng.integers(1, 6)))).astype(int)
    sizes = rng.permutation([*anchored, *[1] * int(rng.integers(1, 8))])
    temperature = float(10 ** rng.uniform(-1, 1))
    if name == "ridge":
        top = UFM(sizes, Ridge(1.0), temperature).zero_threshold()
        return UFM(sizes, Ridge(float(top * 10 ** rng.uniform(-4, -0.02))), temperature)
    return UFM(
        sizes, CONTROL_TYPES[name](float(temperature * 10 ** rng.uniform(-1, 1))), temperature
    )


@settings(max_examples=40)
@given(st.sampled_from(sorted(CONTROL_TYPES)), seeds)
def test_random_profiles_with_singletons(name, seed):
    problem = random_problem(np.random.default_rng(seed), name)
    solution = solve_relaxation(problem)
    assert solution.status == "optimal"
    case = Case(
        "", tuple(problem.class_sizes), problem.control, problem.temperature, solution.value
    )
    gram = solution.class_gram
    assert class_objective(case, gram) == pytest.approx(solution.value, rel=1e-9)
    assert_optimal(case, gram, 1e-4)
    scale = float(np.abs(gram).max())
    alone = np.flatnonzero(np.array(problem.class_sizes) == 1)
    # a relative gap of ε determines entries to √ε
    spread = gram[alone[0], alone[0]] - gram[np.ix_(alone, alone)]
    assert np.abs(spread).max() <= 2e-4 * scale


@every_control
@pytest.mark.parametrize("singletons", [1, 2, 30])
def test_one_anchored_class_and_singletons(control, singletons):
    sizes = [6, *[1] * singletons]
    problem = UFM(sizes, control)
    solution = solve_relaxation(problem)
    assert solution.status == "optimal"
    gram = solution.class_gram
    assert solution.rank == (0 if problem.is_zero_optimal() else 1)
    assert_singletons_share_a_point(problem, gram)
    case = Case(
        "",
        tuple(sizes),
        control,
        1.0,
        class_objective(Case("", tuple(sizes), control, 1.0, 0.0), gram),
    )
    assert_optimal(case, gram)
    if isinstance(control, Ball | Sphere):  # as far apart as the sphere allows
        assert gram[0, 1] == pytest.approx(-control.parameter)


@pytest.mark.parametrize("singletons", [1, 5])
@pytest.mark.parametrize("share", [0.99, 1.0, 1.01])
@pytest.mark.parametrize("anchored", [(6,), (6, 4, 2)])
def test_zero_threshold_of_ridge_with_singletons(anchored, singletons, share):
    sizes = [*anchored, *[1] * singletons]
    threshold = UFM(sizes, Ridge(1.0)).zero_threshold()
    solution = solve_relaxation(UFM(sizes, Ridge(share * threshold)), solver="native")
    assert solution.status == "optimal"
    largest = np.abs(solution.class_gram).max()
    assert (largest > 1e-3) if share < 1 else (largest <= 1e-6)


def test_many_singletons_act_as_one_class_of_negatives():
    """κ singletons at one point weigh κ: the value goes to that of a huge number of them."""
    few = solve_relaxation([40, 9, 5, *[1] * 10], control=Sphere(3.0))
    many = solve_relaxation([40, 9, 5, *[1] * 2000], control=Sphere(3.0))
    assert few.status == many.status == "optimal"
    assert many.orbit_gram.own[-1] == pytest.approx(3.0)
    assert many.orbit_gram.spread[-1] == pytest.approx(0.0, abs=1e-9)
    assert many.value > few.value


@pytest.mark.parametrize("control", [Ball(2.0), Sphere(2.0)], ids=["ball", "sphere"])
def test_two_anchored_classes_and_a_singleton_on_a_ball_or_sphere(control):
    """V − 2v = 0 without the singleton; a list of sizes because it takes exact rounding."""
    for first in range(20, 30):
        solution = solve_relaxation([first, 14, 1], control=control, temperature=0.5)
        assert solution.status == "optimal"
