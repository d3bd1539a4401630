"""Proofs do not trust the number of nodes: too few make a gap wide, never a bound wrong."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screlax import UFM, Ball, Budget, Ridge, Sphere, Status, regularization_path, solve_relaxation
from screlax.equations.slack_vector import SlackVectorEquations, State, equations_for
from screlax.errors import InaccurateWarning
from screlax.gram import kernels
from screlax.gram.kernels import Interpolation, Kernels, SumKernels, weighted
from screlax.gram.shared_point import SingletonGram
from screlax.proof.certificate import Certificate
from screlax.proof.prover import Prover
from screlax.proof.singletons import state_of_singleton_gram
from screlax.proof.structured import prove
from screlax.proof.structured_rounding import SUM
from screlax.solve.slack_vector.newton import newton
from screlax.solve.slack_vector.solver import solve_slack_vector
from screlax.solve.slack_vector.start import initial_state

MANY = [int(size) for size in np.unique(np.round(np.geomspace(3, 3000, 50)))]
EVERYTHING = 10**6
ROOTS = [
    *((loss, control) for loss in ("supcon", "supcon:class_weights=balanced", "class-averaged")
      for control in (Ridge(0.05), Budget(30.0), Sphere(30.0))),
    ("supcon", Ball(2.0)),
    ("negatives-only", Ball(2.0)),
    ("negatives-only", Sphere(30.0)),
]  # fmt: skip
every_root = pytest.mark.parametrize(("loss", "control"), ROOTS, ids=str)


@pytest.fixture
def with_nodes(monkeypatch):
    """Return a function that sets how many nodes everything takes; `EVERYTHING` sums exactly."""

    def take(count: int) -> None:
        for name in ("screlax.gram.kernels", "screlax.equations.couplings"):
            monkeypatch.setattr(f"{name}.node_count", lambda *_: count)

    return take


def proof_of(equations: SlackVectorEquations, state: State) -> Certificate:
    return prove(equations, state).certificate()


def assert_holds(found: Certificate, exact: Certificate) -> None:
    assert found.lower <= exact.upper
    assert exact.lower <= found.upper


@every_root
def test_few_nodes_make_a_gap_wide_and_no_bound_wrong(with_nodes, loss, control):
    equations = equations_for(UFM(MANY, control, loss=loss))
    with_nodes(EVERYTHING)
    root = solve_slack_vector(equations)
    exact = proof_of(equations, root.state)
    assert exact.relative_gap <= 1e-12
    gaps = []
    for count in (2, 4, 7, 10, 15):
        with_nodes(count)
        assert_holds(proof_of(equations, root.state), exact)
        wrong = newton(equations, root.state, max_steps=3).state
        assert_holds(proof_of(equations, wrong), exact)
        gaps.append(proof_of(equations, wrong).relative_gap)
    assert gaps[0] > 1e-3
    assert gaps == sorted(gaps, reverse=True)


@pytest.mark.parametrize(
    ("loss", "control"), [root for root in ROOTS if root[0] != "negatives-only"], ids=str
)
def test_few_nodes_beside_singletons(with_nodes, loss, control):
    problem = UFM([*[1] * 40, *MANY], control, loss=loss)
    gram = solve_relaxation(problem).orbit_gram
    assert isinstance(gram, SingletonGram)
    state = state_of_singleton_gram(gram)
    with_nodes(EVERYTHING)
    exact = Prover(problem).singletons(state).certificate
    assert exact.relative_gap <= 1e-12
    gaps = []
    for count in (2, 4, 7, 10, 15, 30):
        with_nodes(count)
        found = Prover(problem).singletons(state).certificate
        assert_holds(found, exact)
        gaps.append(found.relative_gap)
    assert gaps[0] > 1e-3
    assert gaps == sorted(gaps, reverse=True)


@pytest.mark.parametrize("control", [Ridge(0.05), Sphere(5.0)], ids=str)
def test_a_path_of_few_nodes_is_inaccurate(with_nodes, control):
    problem = UFM(MANY, control)
    alone = solve_relaxation(problem)
    with_nodes(7)
    with pytest.warns(InaccurateWarning):
        (point,) = regularization_path(problem, [control.parameter])
    assert point.status is Status.INACCURATE
    assert_holds(point.certificate, alone.certificate)


@settings(max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(ROOTS),
    st.sampled_from([np.nan, np.inf, -np.inf, 1e300, 1e3, 40.0]),
    st.sampled_from(["log_slack", "log_normalizer"]),
)
def test_members_that_break_down_spoil_no_bound(seed, root, wrong, where):
    loss, control = root
    rng = np.random.default_rng(seed)
    share = np.exp(rng.uniform(-1, 0, 3))
    equations = equations_for(UFM(MANY, control, loss=loss), control.parameter * share)
    state = initial_state(equations)
    broken = getattr(state, where).copy()
    broken[1, : rng.integers(1, 30)] = wrong
    state = newton(equations, replace(state, **{where: broken}), max_steps=12).state
    with np.errstate(all="ignore"):
        proof = prove(equations, state)
        found = [proof.certificate(index) for index in range(3)]
    for index in (0, 2):
        single = slice(index, index + 1)
        alone = equations.at(equations.parameters[single])
        alone = proof_of(alone, newton(alone, state.pick(single), max_steps=5).state)
        assert_holds(found[index], alone)
    assert found[1].lower <= found[1].upper


# ----------------------------------------------------------------- what interpolation leaves out


@given(st.integers(0, 2**32 - 1), st.floats(0, 30), st.floats(-30, 30), st.integers(2, 40))
def test_sums_are_off_by_no_more_than_is_said(seed, width, place, count):
    rng = np.random.default_rng(seed)
    beta = np.sort(place + width * rng.uniform(size=(1, 120)))
    beta[0, 0] += 1e-3  # not all alike
    weight = np.exp(rng.uniform(-3, 3, beta.shape))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "node_count", lambda *_: count)
        nodes = Interpolation.of(beta)
    few, all_of_them = Kernels.between(nodes.nodes, beta), Kernels.between(beta, beta)
    sums, exact = SumKernels.between(nodes.nodes, beta), SumKernels.between(beta, beta)
    total, size = weight.sum(), 1 + np.abs(beta).max()
    for found, wanted, left_out in (
        (few.logistic, all_of_them.logistic, nodes.left_out.logistic),
        (few.bend, all_of_them.bend, nodes.left_out.bend),
        (sums.share, exact.share, nodes.left_out.logistic),
        (sums.rise, exact.rise, nodes.left_out.rise),
    ):
        error = np.abs(nodes.extend(weighted(found, weight)) - weighted(wanted, weight)).max()
        assert error <= (float(left_out[0, 0]) + 2 * SUM * size) * total


@pytest.mark.parametrize("width", [0.01, 1.0, 5.0, 20.0])
def test_interpolated_sums_keep_their_digits(width):
    """Lagrange polynomials by sums of Chebyshev ones lost two digits."""
    rng = np.random.default_rng(0)
    beta, weight = rng.uniform(30, 30 + width, (1, 600)), np.exp(rng.standard_normal((1, 600)))
    nodes = Interpolation.of(beta)
    assert nodes.matrix is not None
    found = nodes.extend(weighted(Kernels.between(nodes.nodes, beta).logistic, weight))
    exact = weighted(Kernels.between(beta, beta).logistic, weight)
    assert np.abs(found - exact).max() <= 2 * SUM * weight.sum()
