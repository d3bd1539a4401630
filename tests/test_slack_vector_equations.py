"""The slack-vector equations, their fast sums and their certificate, against plain loops."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screlax import UFM, Ball, Budget, Ridge, Sphere
from screlax.certificate import certify
from screlax.native.kernels import Interpolation, Kernels, node_count, weighted
from screlax.native.linear import StructuredJacobian
from screlax.native.newton import initial_state, newton
from screlax.native.proof import prove
from screlax.native.slack_vector import SlackVectorEquations, State
from screlax.native.solver import equations_for, solve_slack_vector
from screlax.partition import Level
from screlax.relaxation import build_relaxation

CONTROLS = [Ridge(0.3), Sphere(2.0), Ball(2.0), Budget(1.5)]
every_control = pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)


@pytest.mark.parametrize("width", [0.0, 0.01, 1.0, 6.0, 12.0])
def test_interpolated_sums_equal_direct_ones(width):
    rng = np.random.default_rng(1)
    beta = 3 + width * rng.random((2, 700))
    weight = rng.random((2, 700))
    nodes = Interpolation.of(beta)
    direct = Kernels.between(beta, beta)
    fast = Kernels.between(nodes.nodes, beta)
    assert nodes.nodes.shape[1] < 350
    for name in ("logistic", "bend"):
        exact = weighted(getattr(direct, name), weight)
        interpolated = nodes.extend(weighted(getattr(fast, name), weight))
        np.testing.assert_allclose(interpolated, exact, atol=3e-14 * weight.sum())


def test_node_count_grows_with_width_and_accuracy():
    counts = [node_count(width) for width in (0.01, 1.0, 5.0, 20.0)]
    assert counts == sorted(counts)
    assert counts[0] < 12 < counts[-1]
    assert node_count(5.0, 1e-8) < node_count(5.0)


@given(st.integers(0, 10_000))
@settings(max_examples=50)
def test_kernel_is_conditionally_positive_definite(seed):
    rng = np.random.default_rng(seed)
    beta = rng.normal(size=(1, 12)) * 10 ** rng.uniform(-1, 1.5)
    kernel = -Kernels.between(beta, beta).bend[0]
    weights = rng.normal(size=12)
    weights -= weights.mean()
    assert weights @ kernel @ weights >= -1e-12 * np.abs(kernel).max()


SIZES, COPIES = np.array([30.0, 12.0, 7.0, 3.0]), np.array([2.0, 1.0, 3.0, 1.0])


def some_state(seed: int = 0) -> State:
    rng = np.random.default_rng(seed)
    log_slack = np.log(SIZES) - 2 + 0.3 * rng.normal(size=(1, 4))
    return State(log_slack, 4 + 0.5 * rng.normal(size=(1, 4)), np.log([0.3]))


def equations(control) -> SlackVectorEquations:
    return SlackVectorEquations(SIZES, COPIES, control, np.array([control.parameter]))


@every_control
def test_residuals_against_loops_over_classes(control):
    system, state = equations(control), some_state()
    residual, own = system.residuals(state, system.moments(state))
    orbit = np.repeat(np.arange(4), COPIES.astype(int))
    v, beta, size = np.exp(state.log_slack[0])[orbit], state.log_normalizer[0][orbit], SIZES[orbit]
    Z, k = np.exp(beta), len(orbit)
    for c in range(k):
        flow, product = 0.0, own[0, orbit[c]] * v[c]
        for d in range(k):
            if d != c:
                flow += 2 * v[c] * v[d] * Z[d] / (Z[c] + Z[d])
                inner = 2 * v[c] * v[d] * Z[c] * Z[d] / (size[c] * size[d] * (Z[c] + Z[d]))
                product += v[d] * np.log(inner)
        if system.is_penalty:
            first = np.log((flow + v[c] ** 2) / (np.exp(state.log_strength[0]) * size[c] / 2))
        else:
            first = np.log((size[c] - 1) * np.exp(control.parameter - beta[c]) + flow / size[c])
        assert residual[0, 0, orbit[c]] == pytest.approx(first, abs=1e-12)
        assert residual[0, 1, orbit[c]] == pytest.approx(product / v.sum(), abs=1e-12)


@every_control
def test_jacobian_against_differences(control):
    system, state = equations(control), some_state()
    moments = system.moments(state)
    share = moments.slack / moments.total

    def scaled(unknown):
        moved = State(unknown[None, :4], unknown[None, 4:], state.log_strength)
        there = system.moments(moved)
        residual, _ = system.residuals(moved, there)
        residual[:, 1] *= there.total / there.slack * share  # the Jacobian holds v/V fixed
        return residual.ravel()

    point = np.concatenate([state.log_slack[0], state.log_normalizer[0]])
    step = 1e-6
    columns = [
        (scaled(point + step * e) - scaled(point - step * e)) / (2 * step) for e in np.eye(8)
    ]
    jacobian = system.jacobian(state, system.moments(state), exact=True).dense()[0]
    np.testing.assert_allclose(jacobian, np.array(columns).T, atol=1e-8)


def test_woodbury_equals_dense_and_transposes():
    rng = np.random.default_rng(2)
    blocks = rng.normal(size=(3, 2, 2, 20)) + 4 * np.eye(2)[None, :, :, None]
    left, right = rng.normal(size=(3, 2, 20, 5)), rng.normal(size=(3, 5, 2, 20))
    jacobian = StructuredJacobian(blocks, left, right)
    target = rng.normal(size=(3, 2, 20, 2))
    dense = np.linalg.solve(jacobian.dense(), target.reshape(3, 40, 2)).reshape(target.shape)
    np.testing.assert_allclose(jacobian.solve(target), dense, atol=1e-9)
    transposed = np.swapaxes(jacobian.dense(), 1, 2)
    np.testing.assert_allclose(jacobian.transposed().dense(), transposed, atol=1e-12)


@every_control
def test_batch_equals_one_by_one(control):
    parameters = control.parameter * np.array([0.5, 1.0, 1.7])
    together = solve_slack_vector(SlackVectorEquations(SIZES, COPIES, control, parameters))
    assert together.converged.all()
    for index, parameter in enumerate(parameters):
        alone = SlackVectorEquations(SIZES, COPIES, control, np.array([parameter]))
        single = solve_slack_vector(alone)
        np.testing.assert_allclose(
            together.state.log_normalizer[index], single.state.log_normalizer[0], atol=1e-11
        )


def random_problem(seed: int, control) -> UFM:
    rng = np.random.default_rng(seed)
    sizes = np.floor(np.exp(rng.uniform(np.log(2), np.log(3000), rng.integers(3, 30)))).astype(int)
    return UFM(sizes, control)


@every_control
@pytest.mark.parametrize("seed", range(5))
def test_structured_proof_agrees_with_the_dense_one(seed, control):
    problem = random_problem(seed, control)
    system = equations_for(problem.class_sizes, control)
    proof = prove(system, solve_slack_vector(system).state)
    dense = certify(build_relaxation(problem, Level.ORBITS), proof.gram(system.copies).dense())
    assert proof.certificate().proves(1e-13)
    assert dense.certificate.upper == pytest.approx(proof.upper[0], rel=1e-11)
    assert abs(dense.certificate.relative_gap) <= 1e-10


@every_control
@pytest.mark.parametrize("size", [1e-6, 1e-3, 1e-1])
def test_bounds_hold_at_perturbed_states(control, size):
    problem = random_problem(1, control)
    system = equations_for(problem.class_sizes, control)
    state = solve_slack_vector(system).state
    optimum = prove(system, state).upper[0]
    rng = np.random.default_rng(3)
    shape = state.log_slack.shape
    moved = State(
        state.log_slack + size * rng.normal(size=shape),
        state.log_normalizer + size * rng.normal(size=shape),
        state.log_strength,
    )
    proof = prove(system, moved)
    assert proof.upper[0] >= optimum * (1 - 1e-14)
    assert proof.certificate().lower <= optimum * (1 + 1e-14)
    assert proof.gap[0] > 0


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e6, -1e6])
@every_control
def test_garbage_is_never_proved(control, poison):
    system, state = equations(control), some_state()
    state.log_normalizer[0, 1] = poison
    assert not prove(system, state).certificate().proves(1e-6)


def test_negative_spread_is_not_proved():
    problem = UFM([1000, 10, 7, 5, 3], Sphere(0.5))
    system = equations_for(problem.class_sizes, problem.control)
    proof = prove(system, solve_slack_vector(system).state)
    assert proof.spread_min[0] < 0
    assert not proof.certificate().proves(1e-3)


def test_gram_of_a_proof_is_positive_semidefinite():
    problem = random_problem(4, Ridge(0.01))
    system = equations_for(problem.class_sizes, problem.control)
    proof = prove(system, solve_slack_vector(system).state)
    gram = proof.gram(system.copies)
    root = np.sqrt(system.copies)
    blocks = root[:, None] * gram.pair * root + np.diag(gram.spread)
    assert np.linalg.eigvalsh(blocks)[0] >= -1e-9


def test_newton_gains_digits_quadratically():
    system = equations_for(UFM([50, 20, 5], Ridge(0.1)).class_sizes, Ridge(0.1))
    state, sizes = initial_state(system), []
    for _ in range(6):
        state = newton(system, state, max_steps=1).state
        residual, _ = system.residuals(state, system.moments(state))
        sizes.append(np.abs(residual).max())
    late = [(first, then) for first, then in pairwise(sizes) if first < 1e-2]
    assert sizes[-1] < 1e-13
    assert all(then < max(20 * first**2, 1e-13) for first, then in late)
