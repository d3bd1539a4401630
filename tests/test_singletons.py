"""Singleton classes: the equations class by class, their Jacobian, and roots that prove optimal."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import Case, assert_optimal, cases_of, class_objective, every_case

from screlax import UFM, Ball, Budget, ClassSizes, Ridge, Sphere, solve_relaxation
from screlax.equations.singletons import SingletonEquations
from screlax.equations.slack_vector import equations_for
from screlax.gram.cells import Level
from screlax.problem.constraints.norms import CONTROLS as CONTROL_TYPES
from screlax.problem.levels import classes_to_orbits
from screlax.problem.program import build_program
from screlax.proof.dense import certify
from screlax.proof.structured import prove
from screlax.solve.singletons.candidates import singleton_candidates
from screlax.solve.singletons.newton import singleton_roots, start_beside, start_near
from screlax.solve.slack_vector.solver import solve_slack_vector

SIZES = (12, 7, 7, 4, 2, 2, 2, 1, 1, 1)
ANCHORED = 4  # distinct sizes of at least two samples
CONTROLS = {"ridge": Ridge(0.35), "ball": Ball(1.6), "sphere": Sphere(2.2), "budget": Budget(1.1)}
every_control = pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
seeds = st.integers(0, 2**32 - 1)


def equations_of(control) -> SingletonEquations:
    return SingletonEquations(ClassSizes.from_counts(SIZES), control)


def random_unknown(rng: np.random.Generator, *, slack: bool = True) -> np.ndarray:
    m = ANCHORED
    log_slack = 0.3 * rng.standard_normal(m) if slack else np.full(m, -np.inf)
    beta = math.log(sum(SIZES)) + 0.5 * rng.standard_normal(m)
    product = -0.5 + 0.5 * rng.standard_normal(m)
    return np.concatenate([log_slack, beta, product, rng.uniform(-2, -0.5, 1)])


# ----------------------------------------------------------------- the equations, class by class


def brute_force(control, unknown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Residuals by orbit and the k×k Gram matrix, from the docstring in loops over classes.

    Off the diagonal 2 S_cc' = W_cc' + W_c'c with W_cc' = s_c p_cc', and S_aa = v vᵀ + γ B Bᵀ.
    """
    m, sizes = ANCHORED, np.array(SIZES, dtype=float)
    orbit = ClassSizes.from_counts(SIZES).orbit_index()
    inside = [c for c in range(len(SIZES)) if SIZES[c] > 1]
    outside = [c for c in range(len(SIZES)) if SIZES[c] == 1]
    v, z = np.exp(unknown[:m])[orbit[inside]], np.exp(unknown[m : 2 * m])[orbit[inside]]
    y, nu = unknown[2 * m : 3 * m][orbit[inside]], math.exp(unknown[-1])
    gamma = len(outside) / nu
    pull = sizes[inside] * np.exp(y) / z / 2
    gram = np.empty((len(SIZES), len(SIZES)))
    for i, c in enumerate(inside):
        for j, d in enumerate(inside):
            slack = v[i] * v[j] + gamma * pull[i] * pull[j]
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
            diagonal = (v[i] ** 2 + gamma * pull[i] ** 2) / sizes[c]
            first[orbit[c]] = math.log(diagonal + rest) - math.log(nu)
    anchored = gram[np.ix_(inside, inside)]
    second = dict(zip(orbit[inside], anchored @ v / v.sum(), strict=True)) if v.any() else {}
    third = dict(zip(orbit[inside], y + anchored @ pull / nu, strict=True))
    if isinstance(control, Ridge):
        last = math.log(nu / (control.strength / 2))
    elif isinstance(control, Budget):
        last = float(sizes @ np.diagonal(gram)) / (sizes.sum() * control.parameter) - 1
    else:
        last = corner / control.parameter - 1
    parts = [[part.get(g, math.nan) for g in range(m)] for part in (first, second, third)]
    return np.concatenate([*parts, [last]]), gram


@pytest.mark.parametrize("has_slack", [True, False])
@every_control
def test_residual_and_gram_equal_the_class_program(control, has_slack):
    equations = equations_of(control)
    for seed in range(5):
        unknown = random_unknown(np.random.default_rng(seed), slack=has_slack)
        with np.errstate(all="ignore"):
            terms = equations.terms(unknown)
            residual = equations.residual(terms)
        expected, gram = brute_force(control, unknown)
        m = ANCHORED
        used = np.ones(3 * m + 1, dtype=bool)
        used[m : 2 * m] = has_slack
        assert np.abs(residual - expected)[used].max() <= 1e-11
        cells = equations.gram(terms)
        lifted = classes_to_orbits(ClassSizes.from_counts(SIZES)).lift(cells)
        assert np.abs(lifted - gram).max() <= 1e-11


# ----------------------------------------------------------------- Jacobian


@pytest.mark.parametrize("has_slack", [True, False])
@every_control
def test_jacobian_equals_central_differences(control, has_slack):
    """Rows of (E2) hold the factor 1/V fixed; without v its unknowns and rows are left out."""
    equations, m = equations_of(control), ANCHORED
    unknown = random_unknown(np.random.default_rng(6), slack=has_slack)
    active = np.arange(0 if has_slack else m, 3 * m + 1)
    rows = np.array([row for row in range(3 * m + 1) if has_slack or not m <= row < 2 * m])

    def residual(point: np.ndarray) -> np.ndarray:
        terms = equations.terms(point)
        values = equations.residual(terms)
        values[m : 2 * m] *= equations.copies @ np.exp(point[:m]) / total
        return values[rows]

    with np.errstate(all="ignore"):
        terms = equations.terms(unknown)
        total = float(equations.copies @ np.exp(unknown[:m]))
        analytic = equations.jacobian(terms)[np.ix_(rows, active)]
        numeric = np.empty_like(analytic)
        for column, number in enumerate(active):
            move = np.zeros_like(unknown)
            move[number] = 1e-5
            numeric[:, column] = (residual(unknown + move) - residual(unknown - move)) / 2e-5
    assert np.abs(analytic - numeric).max() <= 1e-8


# ----------------------------------------------------------------- roots


def near_start(control):
    sizes = ClassSizes.from_counts(SIZES)
    anchored = ClassSizes.from_counts([size for size in SIZES if size > 1])
    alone = equations_for(anchored, control)
    state = solve_slack_vector(alone).state
    gram = prove(alone, state).gram(alone.copies)
    return SingletonEquations(sizes, control), gram, float(state.log_strength[0]) - math.log(2)


@every_control
def test_a_root_from_beside_the_solution_without_singletons_proves_optimal(control):
    equations, gram, strength = near_start(control)
    relaxation = build_program(UFM(SIZES, control), Level.ORBITS)
    roots = list(singleton_roots(equations, start_beside(equations, gram, strength)))
    gaps = [abs(certify(relaxation, root).certificate.relative_gap) for root, _, _ in roots]
    assert min(gaps) <= 1e-11
    assert all(1 <= steps <= 40 for _, _, steps in roots)


@every_control
def test_a_root_from_near_the_solution_proves_optimal(control):
    problem = UFM(SIZES, control)
    relaxation = build_program(problem, Level.ORBITS)
    conic = solve_relaxation(problem, solver="Clarabel", tol=1e-3).orbit_gram
    equations = equations_of(control)
    roots = singleton_roots(equations, start_near(equations, relaxation, conic))
    gaps = [abs(certify(relaxation, root).certificate.relative_gap) for root, _, _ in roots]
    assert min(gaps) <= 1e-11


@every_control
def test_every_candidate_is_judged_and_the_last_one_is_a_descent(control):
    problem = UFM(SIZES, control)
    relaxation = build_program(problem, Level.ORBITS)
    candidates = list(singleton_candidates(problem.class_sizes, relaxation, deadline=math.inf))
    assert candidates[-1][2].startswith("Burer–Monteiro: ")
    certificate = certify(relaxation, candidates[-1][0]).certificate
    assert abs(certificate.relative_gap) <= 1e-10
    best = certificate.upper
    for gram, _, _ in candidates:
        assert certify(relaxation, gram).certificate.lower <= best * (1 + 1e-10)


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
