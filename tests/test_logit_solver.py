"""Cross-entropy natively: the eliminated rows, the quadrature, and what the optimum has to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

import screlax
from screlax.gram.logits import CellMatrix
from screlax.problem.logit_norms import NuclearPenalty
from screlax.problem.logits import LogitProgram, logit_program
from screlax.solve.logits.elimination import EliminatedRows, logit_gap
from screlax.solve.logits.newton import FactoredLogits, factors_of
from screlax.solve.logits.penalty import at_nodes, of_orbits
from screlax.solve.logits.quadrature import discrete_gauss, gauss_rule, panel


def ce(sizes, price, **options):
    """Return a problem with √(λ_H λ_W) = price."""
    loss = screlax.losses.CrossEntropy(**options)
    return screlax.UFM(sizes, screlax.WeightDecay(price, price), loss=loss)


def random_program(seed, orbits=5):
    rng = np.random.default_rng(seed)
    return LogitProgram(
        copies=np.array([1.0, 2.0, 3.5, 1.0, 4.0])[:orbits],
        anchors=rng.uniform(1, 50, orbits),
        slope=rng.uniform(0.5, 1.5, orbits),
        offset=rng.standard_normal(orbits),
        feature_mass=rng.uniform(1, 50, orbits),
        classifier_mass=rng.uniform(0.5, 2, orbits),
        norm=NuclearPenalty(1.0),
    )


def test_gradient_and_hessian_of_eliminated_rows_are_derivatives():
    rng, rows = np.random.default_rng(0), EliminatedRows(random_program(0), 1.0)
    sums, direction = 5 * rng.standard_normal((2, 5, 5))
    point = rows.at(sums)
    slope, bend = rows.gradient(point), rows.hessian(point, direction)
    errors = []
    for step in (1e-1, 1e-2, 1e-3):
        other = rows.at(sums + step * direction)
        rise = rows.change(point, other)
        assert rise == pytest.approx(rows.value(other) - rows.value(point), abs=1e-12)
        taylor = step * np.vdot(slope, direction) + step**2 / 2 * np.vdot(direction, bend)
        moved = np.linalg.norm(rows.gradient(other) - slope - step * bend)
        errors.append([abs(rise - taylor), moved])
    orders = np.log10(np.array(errors[:-1]) / np.array(errors[1:]))
    np.testing.assert_allclose(orders[-1], [3.0, 2.0], atol=0.05)


def test_diagonal_is_that_of_the_hessian():
    rows = EliminatedRows(random_program(1), 1.0)
    point = rows.at(np.random.default_rng(1).standard_normal((5, 5)))
    found = np.zeros((5, 5))
    for entry in np.ndindex(5, 5):
        unit = np.zeros((5, 5))
        unit[entry] = 1.0
        found[entry] = rows.hessian(point, unit)[entry]
    np.testing.assert_allclose(rows.diagonal(point), found, rtol=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_eliminated_spreads_are_the_best(seed):
    """The objective by B and all spreads s ≥ 0 is nowhere lower than with those eliminated."""
    program, price = random_program(seed), 2.0
    rows = EliminatedRows(program, price)
    sums = 4 * np.random.default_rng(seed).standard_normal((5, 5))
    point = rows.at(sums)
    left, right = np.sqrt(program.feature_mass), np.sqrt(program.classifier_mass)

    def objective(spread):
        y = CellMatrix.from_shared(sums, spread, program.copies)
        logits = CellMatrix(y.own / (left * right), y.pair / np.outer(left, right))
        counted = np.maximum(program.copies - 1, 0)
        return program.loss(program.gram(logits)) + price * counted @ np.abs(spread)

    best = point.gaps / rows.strength
    assert objective(best) == pytest.approx(rows.value(point), rel=1e-13)
    for orbit in np.flatnonzero(program.copies > 1):

        def along(value, orbit=orbit):
            return objective(np.where(np.arange(5) == orbit, value, best))

        found = optimize.minimize_scalar(along, bounds=(0.0, 1e3), method="bounded")
        assert along(best[orbit]) <= found.fun * (1 + 1e-13)


@settings(max_examples=200, deadline=None)
@given(
    copies=st.floats(1.001, 1e6),
    rest=st.floats(1e-12, 0.999),
    outside=st.floats(-300, 300),
)
def test_logit_gap_solves_its_equation(copies, rest, outside):
    apart = 1 - rest
    gap = float(logit_gap(*np.array([[copies], [apart], [rest], [outside]]))[0])
    inside = np.log1p(apart * (copies - 1))
    right = np.logaddexp(inside, np.log(apart) + outside + gap / copies)
    assert np.log(rest) + gap == pytest.approx(right, rel=1e-12, abs=1e-12)


def test_hessian_of_factors_is_that_of_the_objective_at_the_optimum():
    """Away from it the model is another one, convex on purpose."""
    rows = EliminatedRows(logit_program(ce([90, 50, 20, 20, 5], 0.5)), 0.5)
    found = of_orbits(rows.program, 0.5)
    problem = FactoredLogits(rows, rows.scale)
    model = problem.local_model(factors_of(rows, found.point.sums, 3))
    direction = np.random.default_rng(2).standard_normal(model.point.shape)
    bend = np.vdot(direction, problem.hessian(model, direction)) / 2
    errors = []
    for step in (1e-2, 1e-3):
        rise = problem.change(model, problem.retract(model.point, step * direction))
        slope = step * np.vdot(problem.gradient(model), direction)
        errors.append(abs(rise - slope - step**2 * bend))
    assert np.log10(errors[0] / errors[1]) == pytest.approx(3.0, abs=0.1)


def test_gauss_rule_sums_polynomials_and_interpolates_them():
    rng = np.random.default_rng(3)
    points, weights = np.sort(rng.uniform(1, 3, 60)), rng.integers(1, 9, 60).astype(float)
    where, mass, back = discrete_gauss(points, weights, 7)
    for degree in range(14):
        assert mass @ where**degree == pytest.approx(weights @ points**degree, rel=1e-12)
    np.testing.assert_allclose(back @ where**6, points**6, rtol=1e-10)
    assert mass @ where**14 != pytest.approx(weights @ points**14, rel=1e-12)


def test_classes_far_from_the_others_become_nodes():
    points = np.append(np.linspace(0, 1, 50), [40.0, 90.0])
    found = panel(points, np.ones(52), 6)
    assert set(np.flatnonzero(found.node >= 0)) >= {50, 51}
    assert found.weights.min() >= 1.0
    assert found.weights.sum() == pytest.approx(52)
    np.testing.assert_allclose(found.back @ found.where, points, atol=1e-10)


def test_weights_that_are_no_function_of_the_size_have_no_rule():
    rng = np.random.default_rng(4)
    sizes = np.arange(10, 110)
    problem = ce(sizes, 0.5, class_weights=rng.uniform(0.5, 2, 100))
    assert gauss_rule(EliminatedRows(logit_program(problem), 0.5), 12) is None
    assert gauss_rule(EliminatedRows(logit_program(ce(sizes, 0.5)), 0.5), 12) is not None


@pytest.mark.parametrize("price", [0.1, 3.0, 7.0, 10.0, 15.0])
def test_nodes_give_the_optimum_of_all_orbits(price):
    sizes = np.floor(5000 * 0.05 ** (np.arange(120) / 119)).astype(int) // 10
    program = logit_program(ce(sizes, price))
    few = at_nodes(program, price, 12)
    assert few is not None
    exact = of_orbits(program, price)
    near = few.lifted(program)
    value = exact.rows.value(exact.point) + price * exact.shared_norm
    assert near.rows.value(near.point) + price * near.shared_norm == pytest.approx(value, rel=1e-11)
    difference = near.rows.logits(near.point).pair - exact.rows.logits(exact.point).pair
    np.fill_diagonal(difference, 0.0)
    assert np.abs(difference).max() < 1e-4


@pytest.mark.parametrize("loss", [{}, {"additive": 1.0}, {"multiplicative": 0.3}])
@pytest.mark.parametrize("squared", [0.01, 1.0, 30.0, 200.0, 480.0])
def test_every_price_is_proved(squared, loss):
    sizes = np.floor(500 * 0.01 ** (np.arange(100) / 99)).astype(int)
    solution = screlax.solve_relaxation(ce(sizes, squared**0.5, **loss))
    assert solution.relative_gap <= 1e-9


@pytest.mark.parametrize("energy", [0.1, 1.0, 10.0, 100.0])
def test_every_bound_is_proved_and_met(energy):
    sizes = np.floor(5000 * 0.01 ** (np.arange(50) / 49)).astype(int)
    control = screlax.LayerPeeled(energy, 1.0)
    solution = screlax.solve_relaxation(sizes, control, loss="cross-entropy")
    assert solution.relative_gap <= 1e-9
    assert np.trace(solution.classifier_gram) / 50 == pytest.approx(1.0, rel=1e-9)
    assert np.trace(solution.class_gram) / 50 == pytest.approx(energy, rel=1e-9)


def test_zero_is_no_trap_of_a_warm_start():
    """Half of the classes with 5000 samples: at high prices the majority knows nothing of them."""
    sizes = [500] * 50 + [5] * 50
    control = screlax.LayerPeeled(100.0, 1.0)
    assert screlax.solve_relaxation(sizes, control, loss="cross-entropy").relative_gap < 1e-10


def test_rough_points_do_not_bracket_the_price():
    """A norm whose error is less than its tolerance says nothing of the side."""
    sizes = [39] * 2 + [12430] + [107] * 4 + [19] * 2 + [705] * 5 + [38314] + [788] * 5
    sizes += [33] * 3 + [386] * 5 + [1706] * 2
    control = screlax.LayerPeeled(76.72650911878625, 4.24402762645748)
    assert screlax.solve_relaxation(sizes, control, loss="cross-entropy").relative_gap < 1e-9


def test_a_kink_of_the_norm_does_not_stop_its_root():
    """Forty-five classes of one sample merge at price one, below which the norm is steep."""
    sizes = [1] * 45 + [1016, 98, 449, 417, 847]
    control = screlax.LayerPeeled(4.61589462114522, 0.22756776641725515)
    assert screlax.solve_relaxation(sizes, control, loss="cross-entropy").relative_gap < 1e-9


def random_sizes(rng):
    top = 10 ** rng.uniform(0.5, 7)
    sizes = np.maximum(1, np.floor(np.exp(rng.uniform(0, np.log(top), rng.integers(2, 25)))))
    if rng.random() < 0.5:
        sizes = np.repeat(sizes, rng.integers(1, 5, len(sizes)))
    if rng.random() < 0.3:
        sizes[rng.random(len(sizes)) < 0.5] = 1
    return sizes.astype(int)


@pytest.mark.parametrize("seed", range(40))
def test_random_profiles_are_proved(seed):
    rng = np.random.default_rng(seed)
    sizes = random_sizes(rng)
    most = ce(sizes, 1.0).zero_threshold()
    near = np.sqrt(rng.choice(sizes)) * (1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-9, -1))
    for price in (most * 10 ** rng.uniform(-5, 0), min(near, most), most * (1 - 1e-7)):
        assert screlax.solve_relaxation(ce(sizes, float(price))).relative_gap <= 1e-9


@pytest.mark.parametrize("control", [screlax.WeightDecay(0.5, 0.5), screlax.LayerPeeled(1.0, 1.0)])
def test_a_time_limit_that_is_over_leaves_valid_bounds(control):
    rng = np.random.default_rng(0)
    loss = screlax.losses.CrossEntropy(class_weights=rng.uniform(0.5, 2, 30))
    problem = screlax.UFM(rng.integers(5, 500, 30), control, loss=loss)
    with pytest.warns(screlax.InaccurateWarning):
        hurried = screlax.solve_relaxation(problem, time_limit=1e-6)
    whole = screlax.solve_relaxation(problem)
    assert hurried.relative_gap > 1e-6
    assert hurried.certificate.lower <= whole.value <= hurried.certificate.upper
