"""The linear-time certificate of slack-vector states: equal to the dense one, never too good."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from problems import CASE, CASES, Case, cases_of, class_objective, every_case

from screlax import UFM, Ball, Budget, Ridge, Sphere, solve_relaxation
from screlax.equations.slack_vector import SlackVectorEquations, State, equations_for
from screlax.gram.cells import CellGram, Level
from screlax.problem.constraints.base import controls_of
from screlax.problem.levels import classes_to_orbits
from screlax.problem.program import build_program
from screlax.proof.dense import certify
from screlax.proof.prove import prove_gram
from screlax.proof.structured import StructuredProof, prove, state_of_gram
from screlax.proof.structured_rounding import row_loss
from screlax.solve.slack_vector.solver import solve_slack_vector
from screlax.solve.slack_vector.start import initial_state

CONTROLS = controls_of(classifier=False)

ROUNDING = 1e-10
# Two classes on a ball or sphere are left out: with v_1 = v_2 = V/2 nothing moves G into G v = 0.
ANCHORED = [
    case
    for case in cases_of("two", "balanced", "step", "long-tailed", "unsorted")
    if len(case.sizes) > 2 or isinstance(case.control, Ridge | Budget)
]
SEVERAL_SIZES = [case for case in ANCHORED if len(set(case.sizes)) > 1]
seeds = st.integers(0, 2**32 - 1)
anchored = st.sampled_from(ANCHORED)
controls = st.sampled_from(sorted(CONTROLS))


def equations_of(problem: UFM) -> SlackVectorEquations:
    return equations_for(problem)


def random_problem(rng: np.random.Generator, name: str) -> UFM:
    """Classes of two or more samples in any order, where the slack has rank one."""
    fewest = 2 if name in ("ridge", "budget") else 3
    sizes = np.floor(np.exp(rng.uniform(np.log(2), 7, rng.integers(fewest, 10)))).astype(int)
    temperature = float(10 ** rng.uniform(-1, 1))
    if name == "ridge":
        top = UFM(sizes, Ridge(1.0), temperature).zero_threshold()
        return UFM(sizes, Ridge(float(top * 10 ** rng.uniform(-5, -0.05))), temperature)
    radius = float(temperature * 10 ** rng.uniform(0.7, 1.3))
    return UFM(sizes, CONTROLS[name](radius), temperature)


def perturbed(state: State, rng: np.random.Generator, size: float) -> State:
    shape = state.log_slack.shape
    return State(
        state.log_slack + size * rng.standard_normal(shape),
        state.log_normalizer + size * rng.standard_normal(shape),
        state.log_strength + size * rng.standard_normal(len(state.log_strength)),
    )


def root_of(problem: UFM) -> tuple[SlackVectorEquations, State]:
    equations = equations_of(problem)
    result = solve_slack_vector(equations)
    assert result.converged.all()
    return equations, result.state


def perturbed_proof(
    problem: UFM, rng: np.random.Generator, size: float
) -> tuple[SlackVectorEquations, State, StructuredProof]:
    equations, root = root_of(problem)
    state = perturbed(root, rng, size)
    if isinstance(problem.control, Ridge):
        state = State(state.log_slack, state.log_normalizer, root.log_strength)
    return equations, state, prove(equations, state)


def class_gram(problem: UFM, proof: StructuredProof, copies: np.ndarray) -> np.ndarray:
    gram = proof.gram(copies)
    lift = classes_to_orbits(problem.class_sizes).lift
    return lift(CellGram(gram.own, gram.pair)) * problem.temperature


def as_case(problem: UFM) -> Case:
    return Case("", tuple(problem.class_sizes), problem.control, problem.temperature, math.nan)


# ----------------------------------------------------------------- the dual point, class by class


def dual_of_state(problem: UFM, state: State) -> tuple[np.ndarray, np.ndarray]:
    """Class program at τ = 1: p_cc' = (2 v_c v_c'/n_c) Z_c'/(Z_c+Z_c') and p_cc = 1 − Σ p_cc'."""
    orbit = problem.class_sizes.orbit_index()
    sizes = np.array(problem.class_sizes, dtype=float)
    slack, beta = np.exp(state.log_slack[0])[orbit], state.log_normalizer[0][orbit]
    logistic = 1 / (1 + np.exp(beta[:, None] - beta[None, :]))
    rows = 2 * np.outer(slack, slack) * logistic / sizes[:, None]
    np.fill_diagonal(rows, 0.0)
    np.fill_diagonal(rows, 1 - rows.sum(axis=1))
    return rows, slack


def dual_value(problem: UFM, state: State) -> float:
    """Return the bound of section 4 of that dual point; fails unless the dual is feasible."""
    control = problem.control_at_unit_temperature
    sizes = np.array(problem.class_sizes, dtype=float)
    rows, slack = dual_of_state(problem, state)
    root = np.sqrt(sizes)
    weighted = sizes[:, None] * rows
    bare = (weighted + weighted.T) / 2 - np.diag(sizes)
    paid = 0.0
    if isinstance(control, Ridge | Budget):
        leaving = 1 - np.diagonal(rows) + slack**2 / sizes
        half = (
            control.strength / 2
            if isinstance(control, Ridge)
            else float(leaving @ sizes / sizes.sum())
        )
        missing = max(0.0, -float((half - leaving).min()))
        if isinstance(control, Ridge):
            share = missing / (missing + half)
            rows = (1 - share) * rows + share * np.eye(len(sizes))
            bare = (1 - share) * bare
            multipliers = half * sizes
        else:
            multipliers = (half + missing) * sizes
            paid = control.parameter * float(multipliers.sum())
    else:
        multipliers = slack**2 + sizes * (1 - np.diagonal(rows))
        assert (multipliers > 0).all()
        paid = control.parameter * float(multipliers.sum())
    slack_matrix = (bare + np.diag(multipliers)) / np.outer(root, root)
    scale = np.abs(slack_matrix).max()
    assert np.linalg.eigvalsh(slack_matrix)[0] >= -1e-12 * max(1.0, scale)
    assert rows.min() >= 0
    weight = np.tile(sizes, (len(sizes), 1)) - np.eye(len(sizes))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(rows > 0, rows * np.log(weight / rows), 0.0)
    return float(sizes @ terms.sum(axis=1)) - paid


@given(controls, seeds, st.floats(-6, -0.7))
def test_gap_is_upper_less_the_bound_of_the_dual_point(name, seed, exponent):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, name)
    _, state, proof = perturbed_proof(problem, rng, 10**exponent)
    assume(math.isfinite(proof.gap[0]))
    exact = float(proof.upper[0]) - dual_value(problem, state)
    rounding = 1e-11 * (proof.upper[0] + abs(exact) + np.abs(proof.own * problem.samples).max())
    if isinstance(problem.control, Ridge | Budget):
        assert abs(proof.gap[0] - exact) <= rounding
    else:  # the divergence is bounded from above
        assert proof.gap[0] >= exact - rounding
        assert proof.gap[0] >= 0


# ----------------------------------------------------------------- the dense certificate


def dense_certificate(problem: UFM, equations: SlackVectorEquations, proof: StructuredProof):
    relaxation = build_program(problem, Level.ORBITS)
    return certify(relaxation, proof.gram(equations.copies).dense()).certificate


@given(controls, seeds)
def test_at_a_root_the_structured_certificate_equals_the_dense_one(name, seed):
    problem = random_problem(np.random.default_rng(seed), name)
    equations, root = root_of(problem)
    proof = prove(equations, root)
    certificate, dense = proof.certificate(), dense_certificate(problem, equations, proof)
    assert certificate.upper == pytest.approx(dense.upper, rel=1e-11)
    # both gaps are of rounding size; the dense one rounds eigenvalues of an m×m matrix
    norms = float(np.abs(proof.own).max()) * problem.samples
    assert abs(certificate.gap) <= 1e-12 * certificate.upper + 1e-14 * norms
    assert abs(dense.gap) <= 1e-9 * dense.upper + 1e-12 * norms
    assert certificate.lower == pytest.approx(dense.lower, rel=1e-8, abs=1e-12 * norms)
    assert certificate.level == "orbits"


@given(controls, seeds, st.floats(-8, -2))
def test_near_a_root_upper_bounds_agree_and_lower_bounds_are_below_them(name, seed, exponent):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, name)
    equations, _, proof = perturbed_proof(problem, rng, 10**exponent)
    assume(math.isfinite(proof.gap[0]))
    certificate, dense = proof.certificate(), dense_certificate(problem, equations, proof)
    # the dense repair may shift G by the rounding of its zero eigenvalue
    assert certificate.upper == pytest.approx(dense.upper, rel=1e-9)
    optimum = prove(*root_of(problem)).upper[0]
    for lower in (certificate.lower, dense.lower):
        assert lower <= optimum * (1 + 1e-9)
    assert certificate.gap <= 10 * dense.gap + 1e-9 * optimum


# ----------------------------------------------------------------- weak duality


@given(anchored, seeds, st.floats(-8, 1))
def test_bounds_of_perturbed_states_bracket_the_optimum(case, seed, exponent):
    rng = np.random.default_rng(seed)
    equations = equations_of(case.problem)
    start = initial_state(equations)
    if exponent < 0:
        start = solve_slack_vector(equations).state
    proof = prove(equations, perturbed(start, rng, 10**exponent))
    certificate = proof.certificate()
    assert not certificate.lower > case.optimum * (1 + ROUNDING)
    if math.isfinite(certificate.gap):
        assert certificate.gap >= -ROUNDING * case.optimum
        assert certificate.upper >= case.optimum * (1 - ROUNDING)
        if certificate.proves(1e-6):
            assert certificate.upper <= case.optimum * (1 + 2e-6)


@given(anchored, seeds, st.floats(-8, 0.5))
def test_a_proved_gram_is_feasible_and_has_the_stated_value(case, seed, exponent):
    rng = np.random.default_rng(seed)
    equations, _, proof = perturbed_proof(case.problem, rng, 10**exponent)
    assume(math.isfinite(proof.gap[0]))
    gram = class_gram(case.problem, proof, equations.copies)
    # numbers of the size of V/v may cancel in G: their rounding counts
    rounding = 1e-12 * np.abs(gram).max()
    assert np.linalg.eigvalsh(gram)[0] >= -rounding * 10
    bound, norms = case.control.parameter, np.diagonal(gram)
    if isinstance(case.control, Sphere | Ball):
        assert norms == pytest.approx(np.full(len(norms), bound))
    if isinstance(case.control, Budget):
        assert np.array(case.sizes) @ norms == pytest.approx(sum(case.sizes) * bound)
    assert proof.upper[0] == pytest.approx(class_objective(case, gram), rel=1e-10)


@given(controls, seeds, st.floats(-6, 0))
def test_random_profiles_are_positive_semidefinite_where_proved(name, seed, exponent):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, name)
    equations, _, proof = perturbed_proof(problem, rng, 10**exponent)
    assume(math.isfinite(proof.gap[0]))
    assert proof.spread_min[0] >= 0
    gram = class_gram(problem, proof, equations.copies)
    assert np.linalg.eigvalsh(gram)[0] >= -1e-11 * np.abs(gram).max()
    assert proof.upper[0] == pytest.approx(class_objective(as_case(problem), gram), rel=1e-9)


@every_case(ANCHORED)
def test_a_root_is_proved_to_rounding(case):
    proof = prove(*root_of(case.problem))
    assert abs(proof.gap[0]) <= 1e-13 * proof.upper[0]
    assert proof.upper[0] == pytest.approx(case.optimum, rel=1e-10)
    assert proof.slack_min[0] >= -1e-12
    assert proof.certificate().proves(1e-12)


@every_case(ANCHORED)
@pytest.mark.parametrize("size", [0.3, 1.0])
def test_a_state_far_from_a_root_is_not_proved(case, size):
    rng = np.random.default_rng(1)
    for _ in range(10):
        _, _, proof = perturbed_proof(case.problem, rng, size)
        assert not proof.certificate().proves(1e-6)


# ----------------------------------------------------------------- what must never be proved


def indefinite_root(sizes: list[int], radius: float) -> tuple[SlackVectorEquations, State]:
    """A root of the equations whose Gram matrix is indefinite (section 5.1, last paragraph)."""
    equations = equations_of(UFM(sizes, Sphere(radius)))
    state = solve_slack_vector(equations).state
    residual, _ = equations.residuals(state, equations.moments(state))
    assert np.abs(residual).max() < 1e-8
    return equations, state


@pytest.mark.parametrize("sizes", [[100, 3, 2], [1000, 10, 7, 5, 3]])
@pytest.mark.parametrize("radius", [0.3, 0.5])
def test_negative_spreads_are_not_proved(sizes, radius):
    equations, state = indefinite_root(sizes, radius)
    proof = prove(equations, state)
    assert proof.spread_min[0] < 0
    assert proof.gap[0] == math.inf
    certificate = proof.certificate()
    assert certificate.upper == math.inf  # it is no feasible matrix
    assert certificate.lower == certificate.infimum
    assert certificate.primal_min_eigenvalue < 0
    assert not certificate.proves(1e6)
    gram = class_gram(UFM(sizes, Sphere(radius)), proof, equations.copies)
    assert np.linalg.eigvalsh(gram)[0] < -1e-3 * radius


@every_case(SEVERAL_SIZES)
@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf, 800.0, -800.0, 1e300])
@pytest.mark.parametrize("where", ["log_slack", "log_normalizer", "log_strength"])
def test_garbage_states_are_never_proved(case, where, poison):
    equations, root = root_of(case.problem)
    parts = {name: value.copy() for name, value in vars(root).items()}
    parts[where][..., 0] = poison
    proof = prove(equations, State(**parts))
    used = where != "log_strength"  # the certificate chooses its own multiplier
    assert proof.certificate().proves(1e-3) is not used
    if not used:
        assert proof.certificate().upper == pytest.approx(case.optimum, rel=1e-10)


@given(anchored, seeds, st.sampled_from([1.0, 10.0, 100.0, 1000.0]))
def test_random_states_are_judged_honestly(case, seed, size):
    rng = np.random.default_rng(seed)
    equations = equations_of(case.problem)
    shape = (1, len(equations.copies))
    state = State(
        size * rng.standard_normal(shape),
        size * rng.standard_normal(shape),
        size * rng.standard_normal(1),
    )
    certificate = prove(equations, state).certificate()
    assert not certificate.lower > case.optimum * (1 + ROUNDING)
    if certificate.proves(1e-6):
        assert certificate.upper == pytest.approx(case.optimum, rel=2e-6)


@pytest.mark.parametrize("name", ["ball", "sphere", "budget"])
def test_a_dual_point_with_a_negative_weight_proves_nothing(name):
    """Where p_cc' sum to more than one, p_cc < 0. (For ridge mixing brings the sums below λ/2.)"""
    rng, found = np.random.default_rng(0), 0
    problem = CASE[f"unsorted/{name}"].problem
    for _ in range(1500):
        equations = equations_of(problem).at(10 ** rng.uniform(-1, 0, 1))
        state = perturbed(initial_state(equations), rng, 10 ** rng.uniform(-1, 0))
        if dual_of_state(problem, state)[0].min() >= 0:
            continue
        proof = prove(equations, state)
        assert proof.gap[0] == math.inf
        found += bool(proof.spread_min[0] >= 0)
    assert found >= 5  # where nothing but that weight is wrong


def test_each_member_of_a_batch_is_judged_alone():
    equations = equations_of(CASE["long-tailed/ridge"].problem)
    equations = equations.at(np.repeat(equations.parameters, 3))
    state = solve_slack_vector(equations).state
    state.log_slack[1] += 0.5
    state.log_normalizer[2, 0] = math.nan
    proof = prove(equations, state)
    assert [proof.certificate(index).proves(1e-12) for index in range(3)] == [True, False, False]


# ----------------------------------------------------------------- stored Gram matrices


@every_case(ANCHORED)
def test_the_state_of_a_stored_gram_proves_the_same(case):
    equations, root = root_of(case.problem)
    proof = prove(equations, root)
    state = state_of_gram(equations, proof.gram(equations.copies))
    again = prove(equations, state)
    assert again.upper[0] == pytest.approx(proof.upper[0], rel=1e-13)
    assert abs(again.gap[0]) <= 1e-13 * again.upper[0]


@every_case(ANCHORED)
@pytest.mark.parametrize("level", list(Level))
def test_proving_a_gram_of_two_numbers_per_size_at_every_level(case, level):
    equations, root = root_of(case.problem)
    gram = prove(equations, root).gram(equations.copies)
    certificate = prove_gram(case.problem, level, gram).certificate
    assert certificate.level == level.value
    assert certificate.proves(1e-9)
    assert certificate.upper == pytest.approx(case.optimum, rel=1e-10)


def test_the_dense_certificate_judges_an_indefinite_gram_honestly():
    """Clipping its negative eigenvalues happens to collapse the minorities: the optimum."""
    problem = UFM([100, 3, 2], Sphere(0.5))
    equations, state = indefinite_root([100, 3, 2], 0.5)
    gram = prove(equations, state).gram(equations.copies)
    certificate = prove_gram(problem, Level.ORBITS, gram).certificate
    assert certificate.primal_min_eigenvalue < -1e-3
    best = np.array([[1, -1, -1], [-1, 1, 1], [-1, 1, 1]]) * 0.5
    optimum = class_objective(as_case(problem), best)
    assert certificate.lower <= optimum * (1 + 1e-12)
    assert certificate.upper == pytest.approx(optimum, rel=1e-12)


@pytest.mark.parametrize("control", [Ball(1.5), Sphere(1.0)], ids=["ball", "sphere"])
def test_two_classes_on_a_ball_or_sphere_by_the_slack_vector(control):
    solution = solve_relaxation([7, 3], control=control, solver="slack-vector")
    assert solution.status == "optimal"


def test_a_broken_down_state_has_an_infinite_gap_and_no_bounds():
    equations, root = root_of(CASE["long-tailed/ridge"].problem)
    root.log_slack[0, 0] = math.nan
    certificate = prove(equations, root).certificate()
    assert certificate.relative_gap == certificate.upper == math.inf
    assert certificate.lower == certificate.infimum == CASE["long-tailed/ridge"].problem.infimum


def test_the_table_covers_every_control():
    assert {type(case.control) for case in ANCHORED} == set(CONTROLS.values())
    assert len(ANCHORED) < len(CASES)


def test_a_gap_without_a_bound_is_not_called_rounding():
    equations, state = root_of(UFM([9, 4, 2], Ridge(0.1)))
    proof = prove(equations, state)
    assert proof.certificate().is_rounding
    unbounded = replace(proof, gap=np.array([math.inf])).certificate()
    assert unbounded.lower == unbounded.infimum
    assert not unbounded.is_rounding


@pytest.mark.parametrize("outside", [-40.0, -1.0, 3.0, 29.0, 31.0, 800.0])
def test_losses_of_rows_are_right_beside_rows_of_another_size(outside):
    """log(o + e^x), in one call with rows that are summed in the other way."""
    own, beside = np.array([1.0, 0.2, 3.0, 1e6]), np.array([-50.0, 40.0])
    found = row_loss(np.append(own, [1.0, 2.0]), np.append(np.full(4, outside), beside))
    expected = np.logaddexp(np.log(own), outside)
    assert found[:4] == pytest.approx(expected, rel=1e-14)
    assert found[4:] == pytest.approx([np.exp(-50.0), 40.0], rel=1e-14)


@pytest.mark.parametrize("control", [Ball(1.0), Sphere(1.0)])
@pytest.mark.parametrize("sizes", [[5, 5], [9, 4]])
def test_two_classes_opposite_each_other_are_proved(sizes, control):
    """Where V − 2v vanishes, so that their centres move in a way of their own."""
    equations = equations_for(UFM(sizes, control, 0.5))
    assert prove(equations, solve_slack_vector(equations).state).certificate().proves(1e-13)
