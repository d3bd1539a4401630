"""Formulas of the family of losses: both sides of their boundaries, by certificate."""

import math

import numpy as np
import pytest
from problems import distance_of_grams

from screlax import UFM, Ball, Budget, Ridge, Solution, Sphere, exponential, solve_relaxation
from screlax.gram.cells import Level
from screlax.losses import ClassAveraged, NegativesOnly, Prototypes, RowSoftmax, SupCon
from screlax.proof.prove import prove_gram
from screlax.solve.collapse import opposite_points

OPPOSITE = "closed form: two opposite points"


def certified(problem, solver="auto", tol=1e-9):
    solution = solve_relaxation(problem, solver=solver, tol=tol)
    assert solution.status == "optimal"
    return solution


# ----------------------------------------------------------------- balanced


@pytest.mark.parametrize("control", [Ridge(0.4), Ball(1.5), Sphere(1.5), Budget(1.5)])
@pytest.mark.parametrize(
    "loss",
    [
        SupCon(views=2),
        SupCon(class_weights=3.0),
        ClassAveraged(),
        Prototypes(per_class=2, loss_terms=False),
        RowSoftmax(2.0, 0.3, 5.0),
    ],
    ids=str,
)
def test_balanced_problems_are_a_simplex(loss, control):
    problem = UFM([7] * 4, control, 0.6, loss=loss)
    formula = certified(problem)
    assert formula.solver_message == "closed form: simplex"
    assert formula.relative_gap <= 1e-13
    other = certified(problem, "burer-monteiro")
    np.testing.assert_allclose(formula.class_gram, other.class_gram, atol=1e-5)


@pytest.mark.parametrize("control", [Ball(1.5), Sphere(1.5), Budget(1.5)])
def test_balanced_negatives_are_a_simplex_of_full_norm(control):
    solution = certified(UFM([7] * 4, control, 0.6, loss="negatives-only"))
    np.testing.assert_allclose(solution.class_gram, 2 * np.eye(4) - 0.5, rtol=1e-13)


@pytest.mark.parametrize("control", [Ball(1.0), Sphere(1.0)])
@pytest.mark.parametrize("temperature", [0.1, 0.5, 5.0])
def test_equal_anchor_mass_makes_a_simplex_of_averaged_classes(control, temperature):
    sizes = [100, 50, 10, 10, 2]
    loss = ClassAveraged(anchors="classes")
    solution = certified(UFM(sizes, control, temperature, loss=loss))
    np.testing.assert_allclose(solution.class_gram, 1.25 * np.eye(5) - 0.25, rtol=1e-13)
    assert solution.relative_gap <= 1e-12
    samples = certified(UFM([5, 3, 2], control, 0.5, loss=loss))
    assert samples.recheck(level="samples").proves(1e-9)


def test_other_controls_tell_averaged_classes_apart():
    loss = ClassAveraged(anchors="classes")
    solution = certified(UFM([100, 10, 2], Budget(1.0), 0.3, loss=loss))
    assert solution.class_gram[0, 0] < solution.class_gram[2, 2] / 2


def test_simplex_of_many_orbits_takes_no_memory_of_m_squared():
    sizes = np.arange(2, 200_002)
    loss = ClassAveraged(anchors="classes")
    problem = UFM.from_pairs(sizes, np.ones_like(sizes), Sphere(1.0), 0.3, loss=loss)
    assert certified(problem).solver_message == "closed form: simplex"


# ----------------------------------------------------------------- zero


LONG_TAIL = np.unique(
    np.maximum(2, (2e6 / np.arange(1, 10**7 + 1) ** 0.9)).astype(int), return_counts=True
)


@pytest.mark.parametrize(
    "loss", [SupCon(views=2), ClassAveraged(), NegativesOnly(), Prototypes(per_class=3)], ids=str
)
def test_zero_of_ten_million_classes_is_proved_without_a_matrix(loss, tmp_path):
    distinct, copies = LONG_TAIL
    threshold = UFM.from_pairs(distinct, copies, Ridge(9.0), loss=loss).zero_threshold()
    solution = certified(UFM.from_pairs(distinct, copies, Ridge(threshold), loss=loss))
    assert solution.relative_gap <= 1e-12
    loaded = Solution.load(solution.save(tmp_path / "zero.npz"))
    assert loaded.recheck().proves(1e-12)
    assert loaded.rank == 0


def test_zero_below_the_threshold_is_not_proved():
    """A Gram matrix of zeros proves as much as it is worth, and no more."""
    loss = SupCon(class_weights=[1.0, 2.0, 5.0])
    threshold = UFM([9, 5, 3], Ridge(1.0), loss=loss).zero_threshold()
    zero = certified(UFM([9, 5, 3], Ridge(threshold), loss=loss)).orbit_gram
    for share in (0.99, 0.5, 0.1):
        problem = UFM([9, 5, 3], Ridge(share * threshold), loss=loss)
        best = certified(problem)
        claim = prove_gram(problem, Level.ORBITS, zero).certificate
        assert not claim.proves(1e-6)
        assert claim.lower <= best.lower
        assert claim.upper >= best.upper


# ----------------------------------------------------------------- two opposite points


def full_collapse(sizes, radius):
    """The boundary for SC without singletons, largest class n₁, m samples in all others."""
    largest, others = float(max(sizes)), float(sum(sizes) - max(sizes))
    decay, growth = math.exp(-2 * radius), math.exp(2 * radius)
    square = largest**2 * (1 + decay)
    linear = largest * ((others - 2) + others * decay - 2 * others * growth)
    return square + linear + 2 * others * (growth - others) >= 0


IMBALANCES = (10, 30, 100, 300, 1000, 3000, 10_000, 100_000)


@pytest.mark.parametrize("imbalance", IMBALANCES)
def test_every_cell_of_the_regime_map(imbalance):
    sizes = exponential(10, 10 * imbalance, imbalance)
    for radius in 10.0 ** np.arange(-2, 2.01, 0.5):
        found = opposite_points(UFM(sizes, Sphere(float(radius))))
        assert (found is not None) == full_collapse(sizes, radius)


def test_random_profiles_collapse_where_the_boundary_says():
    rng = np.random.default_rng(0)
    outcomes = []
    for _ in range(400):
        sizes = 2 + rng.integers(0, 40, size=rng.integers(3, 8))
        sizes[0] = sizes.max() * rng.integers(1, 50) + 1
        radius = float(np.exp(rng.uniform(-3, 0.7)))
        expected = full_collapse(sizes, radius)
        outcomes.append(expected)
        for control in (Sphere, Ball):
            found = opposite_points(UFM(sizes, control(radius)))
            assert (found is not None) == expected
    assert 100 < sum(outcomes) < 300


def boundary(problem_at, low, high):
    """Return the radius from which on points are not opposite any more."""
    while high / low > 1 + 1e-12:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if opposite_points(problem_at(middle)) is None else (middle, high)
    return low


FAMILY = [
    SupCon(),
    SupCon(views=3),
    SupCon(class_weights=[1.0, 0.3, 2.0, 0.7, 1.0]),
    SupCon(class_weights=[1.0, 0.0, 2.0, 0.0, 1.0]),
    ClassAveraged(),
    ClassAveraged(class_weights=[9.0, 1.0, 2.0, 1.0, 3.0]),
    NegativesOnly(),
    Prototypes(per_class=[0, 1, 2, 1, 4]),
    Prototypes(per_class=2, loss_terms=False),
    RowSoftmax([20.0, 2.0, 1.0, 0.0, 1.0], [3.0, 1.0, 2.0, 1.0, 9.0], [30.0, 2.0, 1.0, 3.0, 0.5]),
]


@pytest.mark.parametrize("control", [Sphere, Ball])
@pytest.mark.parametrize("loss", FAMILY, ids=str)
def test_both_sides_of_the_boundary_are_certified(loss, control):
    sizes = [13 if loss.name == "negatives-only" else 400, 4, 3, 3, 2]

    def at(radius):
        return UFM(sizes, control(radius), loss=loss)

    edge = boundary(at, 1e-4, 1e2)
    assert 1e-3 < edge < 20
    for radius in (0.2 * edge, edge, edge * (1 - 1e-6)):
        solution = certified(at(radius))
        assert (solution.solver_message, solution.rank) == (OPPOSITE, 1)
    beyond = certified(at(1.05 * edge))
    assert beyond.solver_message != OPPOSITE
    assert beyond.rank > 1
    wrong = solve_relaxation(at(0.9 * edge)).orbit_gram
    excess = prove_gram(at(1.2 * edge), Level.ORBITS, wrong.scaled(1.2 / 0.9)).certificate
    assert not excess.proves(1e-9)


def test_random_weights_collapse_where_descent_finds_two_points():
    """Apart from partitions with several anchored classes on either side, which are rare."""
    rng = np.random.default_rng(0)
    both = []
    for trial in range(80):
        numbers = np.exp(rng.uniform(-2, 2, (3, rng.integers(2, 7))))
        heavy = rng.integers(len(numbers[0]))
        numbers[[0, 2], heavy] *= 20 if trial % 2 else 1
        numbers[1] *= trial % 3 > 0
        radius = float(np.exp(rng.uniform(-3, 1)))
        problem = UFM([3] * len(numbers[0]), Sphere(radius), loss=RowSoftmax(*numbers))
        found = certified(problem, "burer-monteiro")
        values, side = found.eigenvalues, np.sign(found.class_gram[0])
        is_rank_one = values[1] < 1e-5 * values[0]
        expected = is_rank_one and min((side > 0).sum(), (side < 0).sum()) == 1
        assert (opposite_points(problem) is not None) == expected
        both.append(expected)
    assert 20 < sum(both) < 60


@pytest.mark.parametrize("sizes", [[9, 4], [30, 1], [3, 3]])
@pytest.mark.parametrize("radius", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("loss", [SupCon(), ClassAveraged(), NegativesOnly()], ids=str)
def test_two_classes_are_opposite(sizes, radius, loss):
    solution = certified(UFM(sizes, Ball(radius), loss=loss))
    np.testing.assert_allclose(solution.class_gram, radius * np.array([[1, -1], [-1, 1]]))


@pytest.mark.parametrize("views", [1, 2])
def test_many_bare_classes_are_opposite_all_others(views):
    """Singletons; with two views they are anchors themselves."""
    problem = UFM([4, 3, *[1] * 200], Sphere(1.0), loss=SupCon(views=views))
    if views == 1:
        assert certified(problem).solver_message == OPPOSITE
    assert (opposite_points(problem) is not None) == (views == 1)
    few = UFM([4, 3, *[1] * int(14 * math.exp(2.0))], Sphere(1.0))
    assert opposite_points(few) is None


def test_distance_of_averaged_classes_weighed_as_the_public_code():
    for temperature, distance in ((0.1, 0.110402), (0.5, 0.449343)):
        problem = UFM([100, 50, 10, 2], Sphere(1.0), temperature, loss=ClassAveraged())
        gram = certified(problem).class_gram
        assert distance_of_grams(gram, np.eye(4) - 0.25) == pytest.approx(distance, abs=2e-6)


def test_two_points_so_far_apart_that_nothing_is_left_are_solved_without_warnings():
    loss = NegativesOnly(class_weights=[1, 1e-4, 0])
    solution = solve_relaxation(UFM([5, 2, 1], Sphere(362.0), loss=loss))  # e^{−724} is denormal
    assert solution.status == "optimal"
