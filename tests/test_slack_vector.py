"""The slack-vector equations against the class program, class by class, and Newton on them."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import Case, assert_optimal, class_objective, optimality

from screlax import UFM, Ball, Budget, ClassSizes, Ridge, Sphere, profile
from screlax.equations.linear import StructuredJacobian
from screlax.equations.slack_vector import SlackVectorEquations, State, equations_for
from screlax.gram.cells import CellGram
from screlax.gram.curve import SlackVectorGram
from screlax.problem.constraints.norms import Control
from screlax.problem.levels import classes_to_orbits
from screlax.problem.losses.class_rows import ClassTerms
from screlax.proof.structured import prove
from screlax.solve.slack_vector.newton import newton
from screlax.solve.slack_vector.solver import solve_slack_vector
from screlax.solve.slack_vector.start import initial_state

seeds = st.integers(0, 2**32 - 1)
FEW = (9, 5, 5, 4, 2, 2, 2)
MANY = tuple(int(size) for size in np.repeat(np.arange(2, 72), np.arange(70) % 3 + 1))
CONTROLS: dict[str, Control] = {
    "ridge": Ridge(0.3),
    "ball": Ball(1.7),
    "sphere": Sphere(2.5),
    "budget": Budget(1.2),
}
every_control = pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
every_profile = pytest.mark.parametrize("sizes", [FEW, MANY], ids=["few", "many"])


def equations_of(sizes: tuple[int, ...], control: Control) -> SlackVectorEquations:
    return equations_for(UFM(sizes, control))


def random_state(
    equations: SlackVectorEquations, rng: np.random.Generator, batch: int = 1, spread: float = 1.0
) -> State:
    """A state near a plausible one: 0 < p < 1 everywhere, but no equation holds."""
    shape = (batch, len(equations.embeddings))
    log_slack = 0.5 * np.log(equations.embeddings) - 1 + 0.3 * spread * rng.standard_normal(shape)
    beta = np.log(equations.total_mass) + spread * rng.standard_normal(shape)
    return State(log_slack, beta, np.log(rng.uniform(0.1, 0.9, batch)))


# ----------------------------------------------------------------- brute force, class by class


@dataclass
class ClassByClass:
    """Section 5.1 of the mathematics at τ = 1, in loops over the k classes."""

    sizes: list[int]
    slack: list[float]
    normalizer: list[float]
    strength: float
    control: Control

    def entry(self, c: int, d: int) -> float:
        n, v, z = self.sizes, self.slack, self.normalizer
        if c != d:
            inside = 2 * v[c] * v[d] * z[c] * z[d] / (n[c] * n[d] * (z[c] + z[d]))
            return math.log(inside)
        if isinstance(self.control, Ball | Sphere):
            return self.control.parameter
        return math.log(self.on_itself(c) * z[c] / (n[c] - 1))

    def on_itself(self, c: int) -> float:
        if isinstance(self.control, Ball | Sphere):
            return (self.sizes[c] - 1) * math.exp(self.control.parameter) / self.normalizer[c]
        return 1 - self.strength / 2 + self.slack[c] ** 2 / self.sizes[c]

    def first(self, c: int) -> float:
        """(E1): log of the left side over the right."""
        v, z = self.slack, self.normalizer
        shares = [v[d] * z[d] / (z[c] + z[d]) for d in range(len(v)) if d != c]
        if isinstance(self.control, Ball | Sphere):
            return math.log(self.on_itself(c) + 2 * v[c] / self.sizes[c] * math.fsum(shares))
        left = 2 * v[c] * math.fsum([*shares, v[c] / 2])
        return math.log(left / (self.strength * self.sizes[c] / 2))

    def second(self, c: int) -> float:
        """(E2), a row of M v = 0, over the sum of v."""
        terms = [self.entry(c, d) * self.slack[d] for d in range(len(self.slack))]
        return math.fsum(terms) / math.fsum(self.slack)


def class_by_class(equations: SlackVectorEquations, state: State, index: int) -> ClassByClass:
    copies = equations.copies.astype(int)
    control = replace(CONTROLS[equations.control.name])
    if isinstance(control, Ball | Sphere):
        control = control.with_parameter(float(equations.parameters[index]))
    return ClassByClass(
        np.repeat(equations.embeddings, copies).astype(int).tolist(),
        np.repeat(np.exp(state.log_slack[index]), copies).tolist(),
        np.repeat(np.exp(state.log_normalizer[index]), copies).tolist(),
        float(np.exp(state.log_strength[index])),
        control,
    )


@every_profile
@every_control
def test_residuals_equal_the_class_program(control, sizes):
    rng = np.random.default_rng(0)
    batch = 2
    equations = equations_of(sizes, control).at(control.parameter * np.array([1.0, 1.3]))
    state = random_state(equations, rng, batch)
    residual, own = equations.residuals(state, equations.moments(state))
    first_class = np.concatenate([[0], np.cumsum(equations.copies.astype(int))[:-1]])
    for index in range(batch):
        brute = class_by_class(equations, state, index)
        for orbit, c in enumerate(first_class.tolist()):
            assert residual[index, 0, orbit] == pytest.approx(brute.first(c), rel=1e-12, abs=1e-13)
            assert residual[index, 1, orbit] == pytest.approx(brute.second(c), rel=1e-12, abs=5e-13)
            assert own[index, orbit] == pytest.approx(brute.entry(c, c), rel=1e-13, abs=1e-13)


@every_profile
def test_the_zero_solution_at_lambda_max_solves_the_equations(sizes):
    n = sum(sizes)
    strength = 2 * n / (n - 1)
    equations = equations_of(sizes, Ridge(strength))
    log_slack = np.log(equations.embeddings) + 0.5 * np.log(strength / (2 * n))
    beta = np.full_like(log_slack, np.log(n - 1))
    state = State(log_slack[None], beta[None], np.log([strength]))
    residual, own = equations.residuals(state, equations.moments(state))
    assert np.abs(residual).max() <= 1e-12
    assert np.abs(own).max() <= 1e-12


# ----------------------------------------------------------------- Jacobian


def stacked(state: State) -> np.ndarray:
    return np.concatenate([state.log_slack[0], state.log_normalizer[0]])


def unstacked(unknown: np.ndarray, log_strength: np.ndarray) -> State:
    half = len(unknown) // 2
    return State(unknown[None, :half], unknown[None, half:], log_strength)


def residual_with_fixed_scale(equations: SlackVectorEquations, state: State, scale: np.ndarray):
    """Residuals with (E2) divided by v at the state and multiplied by fixed numbers.

    That is what the Jacobian differentiates: rows (G v)_g / v_g, with the factor v_g/V that brings
    them to the size of `residuals` held fixed. At a root that is the derivative of `residuals`.
    """
    residual, _ = equations.residuals(state, equations.moments(state))
    slack = np.exp(state.log_slack[0])
    by_slack = residual[0, 1] * (equations.copies @ slack) / slack
    return np.concatenate([residual[0, 0], by_slack * scale])


def central_differences(function, point: np.ndarray, step: float) -> np.ndarray:
    columns = []
    for number in range(len(point)):
        move = np.zeros_like(point)
        move[number] = step
        columns.append((function(point + move) - function(point - move)) / (2 * step))
    return np.array(columns).T


@every_profile
@every_control
def test_jacobian_equals_central_differences(control, sizes):
    equations = equations_of(sizes, control)
    state = random_state(equations, np.random.default_rng(1))
    moments = equations.moments(state)
    scale = (moments.slack / moments.total)[0]
    numeric = central_differences(
        lambda x: residual_with_fixed_scale(equations, unstacked(x, state.log_strength), scale),
        stacked(state),
        1e-5,
    )
    exact = equations.jacobian(state, moments, exact=True).dense()[0]
    assert np.abs(exact - numeric).max() <= 1e-8
    coarse = equations.jacobian(state, moments).dense()[0]
    assert np.abs(coarse - exact).max() <= 1e-6


@every_profile
@every_control
def test_at_a_root_the_jacobian_is_the_derivative_of_the_residuals(control, sizes):
    equations, root = solved(sizes, control)

    def residuals(unknown: np.ndarray) -> np.ndarray:
        state = unstacked(unknown, root.log_strength)
        return equations.residuals(state, equations.moments(state))[0].reshape(-1)

    numeric = central_differences(residuals, stacked(root), 1e-5)
    analytic = equations.jacobian(root, equations.moments(root), exact=True).dense()[0]
    assert np.abs(analytic - numeric).max() <= 1e-8


def test_the_coarse_jacobian_of_many_classes_has_fewer_columns():
    equations = equations_of(MANY, CONTROLS["ridge"])
    state = random_state(equations, np.random.default_rng(1), spread=0.2)
    moments = equations.moments(state)
    exact, coarse = (equations.jacobian(state, moments, exact=flag) for flag in (True, False))
    assert coarse.left.shape[-1] < exact.left.shape[-1] < 2 * len(equations.embeddings)


@every_control
def test_derivatives_by_the_parameter_equal_central_differences(control):
    equations = equations_of(FEW, control)
    state = random_state(equations, np.random.default_rng(2))
    penalty = isinstance(control, Ridge | Budget)

    def at(move: float) -> np.ndarray:
        local, moved = equations, state
        if penalty:
            moved = replace(state, log_strength=state.log_strength + move)
        else:
            local = equations.at(equations.parameters + move)
        residual, own = local.residuals(moved, local.moments(moved))
        return np.concatenate([residual.reshape(-1), own.reshape(-1)])

    numeric = (at(1e-5) - at(-1e-5)) / 2e-5
    by_parameter, own_moves = equations.by_parameter(state, equations.moments(state))
    analytic = np.concatenate([by_parameter.reshape(-1), own_moves.reshape(-1)])
    assert np.abs(analytic - numeric).max() <= 1e-9


@every_control
def test_own_derivatives_equal_central_differences(control):
    equations = equations_of(FEW, control)
    state = random_state(equations, np.random.default_rng(3))

    def own(x: np.ndarray) -> np.ndarray:
        moved = unstacked(x, state.log_strength)
        return equations.own(moved, equations.moments(moved))[0][0]

    numeric = central_differences(own, stacked(state), 1e-5)
    analytic = equations.own_derivatives(state, equations.moments(state))[0]
    dense = np.hstack([np.diag(analytic[0]), np.diag(analytic[1])])
    assert np.abs(dense - numeric).max() <= 1e-9


@every_control
def test_derivatives_by_the_sizes_equal_central_differences(control):
    equations = equations_of(FEW, control)
    state = random_state(equations, np.random.default_rng(4))

    def at(log_sizes: np.ndarray) -> np.ndarray:
        size = np.exp(log_sizes)
        terms = ClassTerms(size, size - 1, size, size)
        local = SlackVectorEquations(terms, equations.copies, control, equations.parameters)
        residual, own = local.residuals(state, local.moments(state))
        return np.concatenate([residual.reshape(-1), own.reshape(-1)])

    numeric = central_differences(at, np.log(equations.embeddings), 1e-5)
    size = equations.embeddings
    slopes = ClassTerms(size, size, size, size)  # all are linear in it
    by_size, own_moves = equations.by_terms(state, equations.moments(state), slopes)
    analytic = np.concatenate([by_size[0].reshape(-1, len(equations.embeddings)), own_moves])
    assert np.abs(analytic - numeric).max() <= 1e-8


# ----------------------------------------------------------------- linear algebra


def random_structure(rng: np.random.Generator, cells: int, rank: int) -> StructuredJacobian:
    blocks = rng.standard_normal((3, 2, 2, cells)) + 4 * np.eye(2)[None, :, :, None]
    left = rng.standard_normal((3, 2, cells, rank))
    return StructuredJacobian(blocks, left, rng.standard_normal((3, rank, 2, cells)) / cells)


@pytest.mark.parametrize(("cells", "rank"), [(3, 7), (8, 8), (30, 5), (60, 21)])
def test_structured_solve_equals_the_dense_one(cells, rank):
    rng = np.random.default_rng(cells)
    jacobian = random_structure(rng, cells, rank)
    right = rng.standard_normal((3, 2, cells, 2))
    expected = np.linalg.solve(jacobian.dense(), right.reshape(3, 2 * cells, 2))
    condition = np.linalg.cond(jacobian.dense()).max()
    found = jacobian.solve(right).reshape(3, 2 * cells, 2)
    assert np.abs(found - expected).max() <= 1e-13 * condition * np.abs(expected).max()


def test_dense_is_blocks_plus_a_product():
    jacobian = random_structure(np.random.default_rng(5), 4, 3)
    dense = jacobian.dense()
    for b, i, g, j, h in np.ndindex(3, 2, 4, 2, 4):
        entry = jacobian.left[b, i, g] @ jacobian.right[b, :, j, h]
        entry += jacobian.blocks[b, i, j, g] if g == h else 0.0
        assert dense[b, 4 * i + g, 4 * j + h] == pytest.approx(entry, abs=1e-13)


@every_profile
@every_control
def test_solving_with_the_jacobian_of_the_equations(control, sizes):
    equations = equations_of(sizes, control)
    state = random_state(equations, np.random.default_rng(6))
    jacobian = equations.jacobian(state, equations.moments(state))
    right = np.random.default_rng(7).standard_normal((1, 2, len(equations.embeddings), 1))
    back = jacobian.dense() @ jacobian.solve(right).reshape(1, -1, 1)
    assert np.abs(back.reshape(right.shape) - right).max() <= 1e-9


# ----------------------------------------------------------------- Newton


def solved(sizes: tuple[int, ...], control: Control) -> tuple[SlackVectorEquations, State]:
    equations = equations_of(sizes, control)
    result = solve_slack_vector(equations)
    assert result.converged.all()
    return equations, result.state


def moved(state: State, direction: np.ndarray, length: float) -> State:
    half = direction.shape[0] // 2
    return State(
        state.log_slack + length * direction[:half],
        state.log_normalizer + length * direction[half:],
        state.log_strength,
    )


@every_control
def test_newton_converges_quadratically(control):
    equations, root = solved(FEW, control)
    direction = np.random.default_rng(8).standard_normal(2 * len(equations.embeddings))
    errors = []
    for length in (1e-2, 1e-3):
        after = newton(equations, moved(root, direction, length), max_steps=1).state
        errors.append(np.abs(stacked(after) - stacked(root)).max())
    assert errors[0] <= 1e-2
    assert 50 <= errors[0] / errors[1] <= 200


@every_control
def test_the_coarse_jacobian_gains_eight_digits_a_step(control):
    equations, root = solved(MANY, control)
    direction = np.random.default_rng(9).standard_normal(2 * len(equations.embeddings))
    after = newton(equations, moved(root, direction, 1e-5), max_steps=1).state
    assert np.abs(stacked(after) - stacked(root)).max() <= 1e-8


def class_gram_of(equations: SlackVectorEquations, state: State, sizes: tuple[int, ...]):
    """Lift a state to the k×k Gram matrix by the brute-force formulas."""
    brute = class_by_class(equations, state, 0)
    k = len(brute.sizes)
    gram = np.array([[brute.entry(c, d) for d in range(k)] for c in range(k)])
    order = np.argsort(-np.array(sizes), kind="stable")
    back = np.argsort(order, kind="stable")
    return gram[np.ix_(back, back)], np.array(brute.slack)[back]


@every_control
def test_a_root_is_the_optimum_and_its_slack_vector_spans_the_kernel(control):
    equations, root = solved(FEW, control)
    gram, slack = class_gram_of(equations, root, FEW)
    case = Case("few", FEW, control, 1.0, 0.0)
    assert optimality(case, gram).worst <= 1e-9
    assert_optimal(replace(case, optimum=class_objective(case, gram)), gram, 1e-9)
    assert np.abs(gram @ slack).max() <= 1e-10 * slack.sum()
    assert np.linalg.matrix_rank(gram, tol=1e-9) == len(FEW) - 1


@settings(max_examples=25)
@given(seeds, st.sampled_from(sorted(CONTROLS)))
def test_roots_of_random_profiles_satisfy_the_equations(seed, name):
    rng = np.random.default_rng(seed)
    sizes = np.floor(np.exp(rng.uniform(np.log(2), 12, rng.integers(2, 12)))).astype(int)
    problem = UFM(sizes, Ridge(1.0))
    if name == "ridge":
        control = Ridge(float(np.exp(rng.uniform(np.log(1e-6), np.log(problem.zero_threshold())))))
    else:  # below ρ of about one classes may collapse, and there need not be a root
        control = CONTROLS[name].with_parameter(float(10 ** rng.uniform(0.7, 1.7)))
    equations = equations_for(UFM(sizes, control))
    result = solve_slack_vector(equations)
    assert result.converged.all()
    residual, own = equations.residuals(result.state, equations.moments(result.state))
    scale = max(1.0, float(np.abs(own).max()))
    assert np.abs(residual).max() <= 1e-9 * scale
    if name == "budget":
        assert own[0] @ equations.mass == pytest.approx(equations.total_mass * control.parameter)


@every_profile
@every_control
def test_a_batch_of_parameters_equals_one_by_one(control, sizes):
    equations = equations_of(sizes, control)
    batch = equations.at(control.parameter * np.geomspace(0.7, 6, 5))
    together = solve_slack_vector(batch)
    assert together.converged.all()
    for index in range(5):
        alone = solve_slack_vector(batch.at(batch.parameters[index : index + 1]))
        assert alone.converged.all()
        for part, single in zip(
            vars(together.state.pick(slice(index, index + 1))).values(),
            vars(alone.state).values(),
            strict=True,
        ):
            assert np.abs(part - single).max() <= 1e-9


@pytest.mark.parametrize("sizes", [FEW, MANY, (5000, 3, 2), (10**7, 4)], ids=len)
def test_small_budgets_start_next_to_their_root(sizes):
    """As ρ → 0 the start is the solution at G = 0: v = n_c √(λ/2n), Z = n − 1, λ = λ_max."""
    problem = UFM(sizes, Budget(1.0))
    radii = np.geomspace(1e-9, 0.1, 8) * min(sizes) / max(sizes)
    equations = equations_for(problem, radii)
    start = initial_state(equations)
    result = newton(equations, start)
    assert result.converged.all()
    assert result.steps <= 4
    own, _ = equations.own(result.state, equations.moments(result.state))
    n = sum(sizes)  # p, 1/n and less, is a difference of numbers around one
    assert own @ equations.mass == pytest.approx(n * radii, rel=1e-6, abs=n**2 * 1e-15)
    top = problem.zero_threshold()
    assert np.exp(start.log_strength[0]) == pytest.approx(top, rel=1e-8)
    zero = np.log(equations.embeddings) + math.log(top / (2 * n)) / 2
    assert np.abs(start.log_slack[0] - zero).max() <= 1e-6
    assert np.abs(start.log_normalizer[0] - math.log(n - 1)).max() <= 1e-6


@pytest.mark.parametrize("name", ["imagenet-lt", "imagenet12k", "covtype", "cifar10-lt:100"])
def test_budgets_of_real_profiles_need_a_few_steps(name):
    radii = np.geomspace(1e-6, 10, 15)
    equations = equations_for(UFM(profile(name), Budget(1.0)), radii)
    result = newton(equations, initial_state(equations))
    assert result.converged.all()
    assert result.steps <= 8
    proof = prove(equations, result.state)
    assert all(proof.is_near(1e-12, index) for index in range(len(radii)))


@pytest.mark.parametrize("wrong", [np.nan, np.inf], ids=str)
@every_profile
@every_control
def test_one_breakdown_does_not_spoil_the_batch(control, sizes, wrong):
    """Nodes were once chosen for all by the one broken down: proofs of the others were false."""
    equations = equations_of(sizes, control).at(np.full(2, control.parameter))
    start = initial_state(equations)
    slack, normalizer = start.log_slack.copy(), start.log_normalizer.copy()
    slack[1] = normalizer[1] = wrong
    result = newton(equations, replace(start, log_slack=slack, log_normalizer=normalizer))
    assert result.converged.tolist() == [True, False]
    alone = equations.at(equations.parameters[:1])
    expected = newton(alone, initial_state(alone)).state
    assert np.abs(stacked(result.state.pick(slice(0, 1))) - stacked(expected)).max() <= 1e-9
    with np.errstate(all="ignore"):
        proof = prove(equations, result.state).certificate(0)
    value = prove(alone, expected).certificate(0).upper
    assert proof.lower - 1e-13 * value <= value <= proof.upper + 1e-13 * value
    assert proof.relative_gap <= 1e-12


def test_a_singular_member_of_a_batch_leaves_the_others_their_solutions():
    jacobian = random_structure(np.random.default_rng(5), 4, 9)
    right = np.random.default_rng(6).standard_normal((3, 2, 4, 1))
    expected = jacobian.solve(right)
    blocks, left = jacobian.blocks.copy(), jacobian.left.copy()
    blocks[1] = left[1] = 0.0
    found = StructuredJacobian(blocks, left, jacobian.right).solve(right)
    assert np.isnan(found[1]).all()
    assert np.array_equal(found[[0, 2]], expected[[0, 2]])


RADII = np.geomspace(1e2, 1e5, 4)


@pytest.mark.parametrize("loss", ["supcon", "class-averaged", "negatives-only"])
@pytest.mark.parametrize("name", ["covtype", "reuters46", "cifar10-step:100"])
def test_bounds_far_beyond_the_temperature_are_reached_in_a_few_strides(name, loss):
    """Far out logarithms grow in proportion to ρ: a continuation gets there on a line."""
    control = Sphere(1.0) if loss == "negatives-only" else Budget(1.0)
    equations = equations_for(UFM(profile(name), control, loss=loss), RADII)
    for radius in RADII:
        result = solve_slack_vector(equations.at(np.array([radius])))
        assert result.converged.all()
        assert result.steps <= 100


def test_no_own_weight_is_none_at_any_radius():
    """Zero times an exponential that overflows is zero here."""
    equations = equations_for(UFM(FEW, Sphere(1e3), loss="negatives-only"))
    state = replace(state := initial_state(equations), log_normalizer=state.log_normalizer - 2e3)
    own, on_itself = equations.own(state, equations.moments(state))
    assert (own == 1e3).all()
    assert (on_itself == 0).all()


def test_a_truncated_run_has_not_converged():
    result = newton(equations_of(FEW, Ridge(0.3)), initial_state(equations_of(FEW, Ridge(0.3))), 1)
    assert result.steps == 1
    assert not result.converged.any()


def test_gram_rows_follow_the_formula():
    sizes = ClassSizes.from_counts(FEW)
    equations, root = solved(FEW, Sphere(2.5))
    moments = equations.moments(root)
    gram = SlackVectorGram(
        np.full(len(equations.embeddings), 2.5),
        moments.centre[0],
        root.log_normalizer[0],
        root.log_slack[0],
        equations.copies,
        scale=0.5,
    )
    brute, _ = class_gram_of(equations, root, FEW)
    lifted = classes_to_orbits(sizes).lift(CellGram(gram.own, gram.pair))
    assert np.abs(lifted - 0.5 * brute).max() <= 1e-12
    some = np.array([2, 0])
    assert np.array_equal(gram.rows(some), gram.pair[some])
    assert gram.scaled(4.0).own[0] == pytest.approx(5.0)
    assert gram.spread[gram.copies == 1].tolist() == [0.0, 0.0]
