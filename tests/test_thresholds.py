"""λ_max and λ_b of the family: from where the optimum is zero, below which there is none."""

import cvxpy
import numpy as np
import pytest
from scipy import linalg

from screlax import UFM, Budget, Ridge, Sphere, solve_nonconvex, solve_relaxation
from screlax.errors import InvalidInputError
from screlax.gram.cells import CellGram, Level
from screlax.losses import ClassAveraged, ClassTerms, NegativesOnly, Prototypes, RowSoftmax, SupCon
from screlax.problem.losses.thresholds import bounded_threshold, zero_threshold

LOSSES = [
    SupCon(views=2),
    SupCon(class_weights=[0.1, 3.0, 1.0, 0.0]),
    ClassAveraged(),
    ClassAveraged(anchors="classes"),
    Prototypes(per_class=[0, 1, 5, 9]),
    Prototypes(per_class=3, loss_terms=False),
    NegativesOnly(),
    RowSoftmax([3.0, 0.0, 7.0, 1.0], [1.0, 2.0, 0.0, 5.0], [4.0, 0.0, 1.0, 2.0]),
]
SIZES = [40, 9, 5, 3]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=str)


def random_terms(rng, orbits, kind):
    def draw():
        return np.exp(rng.uniform(-4, 4, orbits))

    terms = ClassTerms(draw(), draw(), draw(), draw())
    if kind == "some without anchors":
        terms.anchors[rng.integers(orbits)] = 0
    if kind == "no own weight":
        terms.own[:] = 0
    if kind == "some in no other row":
        terms.own[1:] = 0
        terms.pair[1 + rng.integers(orbits - 1) :] = 0
    if kind == "one own weight":
        terms.own[1:] = 0
    return terms


def slack_at_zero(terms, copies):
    """Return −∇f(0) of the class program, from its definition, class by class."""
    orbit = np.repeat(np.arange(len(copies)), copies)
    a, o, u = terms.anchors[orbit], terms.own[orbit], terms.pair[orbit]
    weight = np.tile(u, (len(u), 1))
    np.fill_diagonal(weight, o)
    share = weight / weight.sum(axis=1, keepdims=True)
    rows = a[:, None] * (np.eye(len(u)) - share)
    return (rows + rows.T) / 2, np.diag(terms.embeddings[orbit])


@pytest.mark.parametrize("kind", ["all", "some without anchors", "no own weight"])
def test_zero_threshold_is_the_eigenvalue_of_the_slack_at_zero(kind):
    rng = np.random.default_rng(1)
    for _ in range(100):
        copies = rng.integers(1, 4, size=rng.integers(2, 6))
        terms = random_terms(rng, len(copies), kind)
        gradient, embeddings = slack_at_zero(terms, copies)
        expected = 2 * linalg.eigh(gradient, embeddings, eigvals_only=True)[-1]
        scale = np.abs(gradient).max() / embeddings.diagonal().min()
        found = zero_threshold(terms, copies.astype(float))
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-14 * scale)


@every_loss
def test_solution_is_zero_on_one_side_of_the_threshold_only(loss):
    threshold = UFM(SIZES, Ridge(1e3), 0.5, loss=loss).zero_threshold()
    for strength in (threshold * (1 + 1e-9), 2 * threshold):
        solution = solve_relaxation(UFM(SIZES, Ridge(strength), 0.5, loss=loss))
        assert solution.status == "optimal"
        assert not solution.class_gram.any()
        assert solution.solver_message == "closed form: zero"
    below = solve_relaxation(UFM(SIZES, Ridge(0.97 * threshold), 0.5, loss=loss))
    assert below.status == "optimal"
    assert below.class_gram.diagonal().max() > 1e-3


def test_zero_threshold_takes_no_memory_of_m_squared():
    sizes = np.arange(2, 200_002)
    ones = np.ones_like(sizes)
    loss = SupCon(class_weights=np.where(sizes % 2, 1.0, 2.0))
    problem = UFM.from_pairs(sizes, ones, Ridge(1.0), loss=loss)
    assert 3.9 < problem.zero_threshold() < 4.1


# ----------------------------------------------------------------- λ_b


def smallest_bounded_ridge(terms):
    """Return 2 min{t : P stochastic where weights are, sym(diag(a)(P − I)) + t R ⪰ 0}."""
    count = len(terms.anchors)
    mass, level = cvxpy.Variable((count, count), nonneg=True), cvxpy.Variable()
    slack = (mass + mass.T) / 2 + level * np.diag(terms.embeddings) - np.diag(terms.anchors)
    fixed = [mass[c, c] == 0 for c in range(count) if terms.own[c] == 0]
    others = [(c, b) for c in range(count) for b in range(count) if c != b]
    fixed += [mass[c, b] == 0 for c, b in others if terms.pair[b] == 0]
    rows = [cvxpy.sum(mass, axis=1) == terms.anchors, slack >> 0]
    problem = cvxpy.Problem(cvxpy.Minimize(level), rows + fixed)
    problem.solve(solver="CLARABEL")
    return 2 * level.value


@pytest.mark.parametrize("kind", ["no own weight", "one own weight", "some in no other row"])
def test_bounded_threshold_is_the_semidefinite_program(kind):
    rng = np.random.default_rng(2)
    for trial in range(15):
        terms = random_terms(rng, int(rng.integers(2, 6)), kind)
        if trial % 3 == 0:  # as the loss has it
            terms.anchors[:] = terms.embeddings
        if trial % 3 == 1:
            terms.anchors[-1] = 0
        found = bounded_threshold(terms, np.ones(len(terms.anchors)))
        assert found == pytest.approx(smallest_bounded_ridge(terms), rel=1e-6, abs=1e-6)


def test_classes_of_an_orbit_count_as_often_as_they_are():
    rng = np.random.default_rng(3)
    for _ in range(20):
        copies = rng.integers(1, 5, size=3)
        terms = random_terms(rng, 3, "no own weight")
        apart = terms.take(np.repeat(np.arange(3), copies))
        expected = bounded_threshold(apart, np.ones(copies.sum()))
        assert bounded_threshold(terms, copies.astype(float)) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("sizes", "known"), [([5, 5, 5], 3.0), ([50, 5, 2], 3.967303691)])
def test_known_thresholds(sizes, known):
    assert UFM(sizes, Ridge(9.0), loss="negatives-only").bounded_threshold() == pytest.approx(known)


def test_zero_is_optimal_from_a_known_strength():
    problem = UFM([50, 5, 2], Ridge(9.0), loss="negatives-only")
    assert problem.zero_threshold() == pytest.approx(4.974, abs=1e-3)


PROFILES = [[50, 5, 2], [9, 7, 5, 4, 2], [40, 3, 2, 2, 1], [10_000, 4, 4], [7, 3]]


@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("sizes", PROFILES)
def test_ridges_are_refused_below_and_solved_above(sizes, temperature):
    loss = NegativesOnly()
    least = UFM(sizes, Ridge(1e3), temperature, loss=loss).bounded_threshold()
    above = solve_relaxation(UFM(sizes, Ridge(least * 1.01), temperature, loss=loss))
    assert above.status == "optimal"
    assert above.lower > -np.inf
    below = UFM(sizes, Ridge(least * (1 - 1e-9)), temperature, loss=loss)
    for solve in (solve_relaxation, lambda problem: solve_nonconvex(problem, 3)):
        with pytest.raises(InvalidInputError, match=r"falls without end.*λ_b/τ = "):
            solve(below)
    with pytest.raises(InvalidInputError, match="falls without end"):
        solve_relaxation(below, solver="SCS")


def test_the_objective_does_fall_without_end_below():
    """Along M = diag(1/v) − 11ᵀ/Σv, v = √(t n − n): the direction that decides where t = λ_b/2."""
    loss, sizes = NegativesOnly(), np.array([50.0, 5.0, 2.0])
    least = UFM([50, 5, 2], Ridge(9.0), loss=loss).bounded_threshold()
    slack = np.sqrt((least / 2 - 1) * sizes)
    direction = np.diag(1 / slack) - 1 / slack.sum()
    assert linalg.eigvalsh(direction)[0] == pytest.approx(0, abs=1e-12)
    rows = loss.at_level(UFM([50, 5, 2], Sphere(1.0), loss=loss).class_sizes, Level.CLASSES)

    def falls(strength):
        value = [
            rows.value(CellGram.from_matrix(scale * direction))
            + strength / 2 * scale * float(sizes @ direction.diagonal())
            for scale in (1e4, 1e5, 1e6)
        ]
        return value[2] < value[1] < value[0]

    assert falls(least * (1 - 1e-4))
    assert not falls(least * (1 + 1e-4))


@pytest.mark.parametrize("control", [Sphere(1.0), Budget(1.0)], ids=lambda control: control.name)
def test_other_controls_bound_the_loss(control):
    solution = solve_relaxation(UFM([50, 5, 2], control, 0.2, loss="negatives-only"))
    assert solution.status == "optimal"


def test_a_loss_with_own_weights_is_bounded_by_every_ridge():
    for loss in LOSSES[:6]:
        assert UFM(SIZES, Ridge(1e-6), loss=loss).bounded_threshold() == 0


def test_features_that_cannot_be_negative_fall_at_right_angles():
    problem = UFM([50, 5, 2], Ridge(2.0), 0.5, loss="negatives-only", features="nonnegative")
    assert problem.bounded_threshold() == 4.0
