"""The convex program against the definition of the loss, and its derivatives."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loss_reference import dense_loss
from problems import (
    CASE,
    CASES,
    Case,
    cases_of,
    class_objective,
    dual_slack,
    every_case,
    labels_of,
    random_feasible_gram,
)

from screlax import UFM, Ball, Budget, Ridge, Sphere, solve_relaxation
from screlax.errors import ProblemTooLargeError
from screlax.gram.cells import CellGram, Level
from screlax.problem.levels import lift_from_orbits, quotient_to_orbits
from screlax.problem.program import Program, build_program, level_size

seeds = st.integers(0, 2**32 - 1)
table = st.sampled_from(CASES)
every_level = pytest.mark.parametrize("level", list(Level))


def random_cells(relaxation: Program, rng: np.random.Generator, scale: float = 1.0) -> CellGram:
    """Return arbitrary symmetric cell values; where a cell has one point, pair is own."""
    matrix = rng.standard_normal((relaxation.size, relaxation.size)) * scale
    pair = (matrix + matrix.T) / 2
    own = np.where(relaxation.cells.points > 1, rng.standard_normal(relaxation.size) * scale, 0.0)
    return CellGram(np.where(relaxation.cells.points > 1, own, np.diagonal(pair)), pair)


# ----------------------------------------------------------------- the value


@given(table, seeds)
def test_loss_of_samples_is_the_definition(case, seed):
    """Random embeddings, not collapsed: every sample its own vector."""
    rng = np.random.default_rng(seed)
    labels = labels_of(case.sizes)
    embeddings = rng.standard_normal((len(labels), int(rng.integers(1, 6)))) * 2
    relaxation = build_program(case.problem, Level.SAMPLES)
    gram = CellGram.from_matrix(embeddings @ embeddings.T / case.temperature)
    expected = dense_loss(embeddings, labels, case.temperature)[0].sum()
    assert relaxation.loss.value(gram) == pytest.approx(expected, rel=1e-11)
    if isinstance(case.control, Ridge):
        expected += case.control.strength / 2 * float((embeddings**2).sum())
    assert relaxation.value(gram) == pytest.approx(expected, rel=1e-11)


@every_level
@given(table, seeds)
def test_collapsed_embeddings_have_one_value_at_every_level(level, case, seed):
    gram = random_feasible_gram(case, np.random.default_rng(seed))
    sizes = case.problem.class_sizes
    classes = CellGram.from_matrix(gram).scaled(1 / case.temperature)
    invariant = quotient_to_orbits(sizes, Level.CLASSES, classes)
    class_gram = lift_from_orbits(sizes, Level.CLASSES, invariant).pair * case.temperature
    value = build_program(case.problem, level).value(lift_from_orbits(sizes, level, invariant))
    assert value == pytest.approx(class_objective(case, class_gram), rel=1e-11)


@every_level
@every_case(cases_of("step", "singletons"))
def test_trace_is_that_of_all_samples(case, level):
    relaxation = build_program(case.problem, level)
    gram = random_cells(relaxation, np.random.default_rng(1))
    if level is Level.INSTANCES:
        assert float(relaxation.cells.mass @ gram.own) == pytest.approx(
            float(case.sizes @ gram.own)
        )
    elif level is Level.ORBITS:
        expected = case.problem.class_sizes.distinct * case.problem.class_sizes.multiplicities
        assert float(relaxation.cells.mass @ gram.own) == pytest.approx(float(expected @ gram.own))
    else:
        norms = np.diagonal(gram.pair)
        copies = np.array(case.sizes) if level is Level.CLASSES else np.ones(len(norms))
        assert float(relaxation.cells.mass @ gram.own) == pytest.approx(float(copies @ norms))
    assert relaxation.cells.samples == sum(case.sizes)


@every_level
def test_value_at_zero_is_that_of_uniform_rows(level):
    problem = UFM([5, 3, 3, 1, 1], Ridge(0.3), 0.7)
    relaxation = build_program(problem, level)
    m = relaxation.size
    value = relaxation.value(CellGram(np.zeros(m), np.zeros((m, m))))
    assert value == pytest.approx(11 * np.log(12), rel=1e-14)


@pytest.mark.parametrize("level", [Level.CLASSES, Level.SAMPLES])
@given(seeds)
def test_loss_is_convex(level, seed):
    rng = np.random.default_rng(seed)
    relaxation = build_program(CASE["singletons/ridge"].problem, level)
    first, second = random_cells(relaxation, rng, 3), random_cells(relaxation, rng, 3)
    middle = CellGram((first.own + second.own) / 2, (first.pair + second.pair) / 2)
    mean = (relaxation.loss.value(first) + relaxation.loss.value(second)) / 2
    assert relaxation.loss.value(middle) <= mean + 1e-9 * abs(mean)


# ----------------------------------------------------------------- softmax and slack


@every_level
@every_case(cases_of("step", "singletons", "one-anchored"))
def test_softmax_rows_are_stochastic_and_empty_for_singletons(case, level):
    relaxation = build_program(case.problem, level)
    rows = relaxation.loss.expand(random_cells(relaxation, np.random.default_rng(2)))
    total = rows.own + rows.pair.sum(axis=1)
    anchored = relaxation.loss.anchors > 0
    assert total[anchored] == pytest.approx(np.ones(anchored.sum()))
    assert not total[~anchored].any()
    assert min(rows.own.min(), rows.pair.min()) >= 0


@every_case()
def test_slack_of_classes_is_the_formula(case):
    gram = random_feasible_gram(case, np.random.default_rng(5))
    gram = gram + 0.1 * np.eye(len(gram))
    rows, multipliers, slack = dual_slack(case, gram)
    relaxation = build_program(case.problem, Level.CLASSES)
    softmax = relaxation.loss.expand(CellGram.from_matrix(gram).scaled(1 / case.temperature))
    assert softmax.pair + np.diag(softmax.own) == pytest.approx(rows, abs=1e-13)
    cells = relaxation.slack(softmax, multipliers * case.temperature)
    computed = (cells.pair + np.diag(cells.own)) / case.temperature
    assert computed == pytest.approx(slack, rel=1e-12, abs=1e-12)


# ----------------------------------------------------------------- the gradient


def taylor_slope(relaxation: Program, gram: CellGram, step: CellGram) -> float:
    """Return the order with which the first-order expansion fails."""
    gradient = relaxation.gradient(gram)
    along = float(gradient.own @ step.own + np.vdot(gradient.pair, step.pair))
    lengths, errors = np.geomspace(1e-1, 1e-3, 7), []
    value = relaxation.value(gram)
    for t in lengths:
        moved = CellGram(gram.own + t * step.own, gram.pair + t * step.pair)
        errors.append(abs(relaxation.value(moved) - value - t * along))
    return float(np.polyfit(np.log(lengths), np.log(errors), 1)[0])


@every_level
@every_case()
def test_first_order_expansion_fails_at_second_order(case, level):
    rng = np.random.default_rng(11)
    relaxation = build_program(case.problem, level)
    gram, step = random_cells(relaxation, rng), random_cells(relaxation, rng)
    assert 1.8 <= taylor_slope(relaxation, gram, step) <= 2.2


@every_level
@every_case(cases_of("step", "singletons"))
def test_gradient_is_symmetric(case, level):
    relaxation = build_program(case.problem, level)
    gradient = relaxation.gradient(random_cells(relaxation, np.random.default_rng(4)))
    assert np.array_equal(gradient.pair, gradient.pair.T)


# ----------------------------------------------------------------- extreme entries


@every_level
@pytest.mark.parametrize("sizes", [[4, 4, 2], [5, 3, 2]])
@pytest.mark.parametrize(
    "size",
    [
        *(800.0, 1e6, -1e6),
        1e100,
    ],
)
def test_huge_entries_do_not_overflow(sizes, level, size):
    relaxation = build_program(UFM(sizes, Sphere(1.0)), level)
    m = relaxation.size
    gram = CellGram(np.full(m, size), np.full((m, m), size))
    rows = relaxation.loss.expand(gram)
    assert np.isfinite(relaxation.value(gram))
    assert np.isfinite(rows.pair).all()
    assert rows.own + rows.pair.sum(axis=1) == pytest.approx(np.ones(m))
    assert np.isfinite(relaxation.gradient(gram).pair).all()


@every_level
def test_huge_entries_between_singletons_do_not_overflow(level):
    relaxation = build_program(UFM([3, 3, 1, 1], Sphere(1.0), 0.001), level)
    m = relaxation.size
    gradient = relaxation.gradient(CellGram(np.full(m, 1000.0), np.full((m, m), 1000.0)))
    assert np.isfinite(gradient.pair).all()


def test_entries_of_any_size_warn_of_nothing():
    relaxation = build_program(CASE["long-tailed/sphere"].problem, Level.CLASSES)
    gram = CellGram.from_matrix(1e200 * (2 * np.eye(4) - np.ones((4, 4))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(relaxation.value(gram))
        relaxation.gradient(gram)


# ----------------------------------------------------------------- temperature


@given(table, seeds, st.floats(0.05, 20))
def test_value_depends_on_scaled_gram_only(case, seed, factor):
    """G/τ and λτ, or ρ/τ, are all that enters."""
    control = case.control
    if isinstance(control, Ridge):
        scaled = Ridge(control.strength / factor)
    else:
        scaled = type(control)(control.parameter * factor)
    other = UFM(case.sizes, scaled, case.temperature * factor)
    first = build_program(case.problem, Level.ORBITS)
    second = build_program(other, Level.ORBITS)
    gram = random_cells(first, np.random.default_rng(seed))
    assert second.value(gram) == pytest.approx(first.value(gram), rel=1e-13)
    assert second.control.parameter == pytest.approx(first.control.parameter, rel=1e-14)


@every_case(cases_of("long-tailed"))
def test_solutions_scale_with_temperature(case):
    factor = 3.0
    ridge = isinstance(case.control, Ridge)
    parameter = case.control.parameter * (1 / factor if ridge else factor)
    other = replace(
        case, control=type(case.control)(parameter), temperature=case.temperature * factor
    )
    solution = solve(case)
    hotter = solve(other)
    assert hotter.value == pytest.approx(solution.value, rel=1e-7)
    assert hotter.class_gram == pytest.approx(factor * solution.class_gram, abs=1e-3)


def solve(case: Case):
    return solve_relaxation(case.problem, solver="Clarabel", level="orbits", tol=1e-8)


@pytest.mark.parametrize(
    ("control", "expected"), [(Ridge(3.0), 1.5), (Ball(3.0), 6), (Sphere(3.0), 6), (Budget(3.0), 6)]
)
def test_control_at_unit_temperature(control, expected):
    relaxation = build_program(UFM([3, 2], control, 0.5), Level.ORBITS)
    assert type(relaxation.control) is type(control)
    assert relaxation.control.parameter == expected


# ----------------------------------------------------------------- size


def test_size_of_every_level():
    problem = UFM([5, 3, 3, 1, 1], Ridge(0.1))
    assert [level_size(problem, level) for level in Level] == [13, 5, 5, 3]
    assert [build_program(problem, level).size for level in Level] == [13, 5, 5, 3]


def test_level_that_does_not_fit_names_the_one_that_does(monkeypatch):
    problem = UFM([500, 300, 300], Ridge(0.1))
    monkeypatch.setattr("screlax.optional.available_memory", lambda: 10**6)
    with pytest.raises(ProblemTooLargeError, match=r"1,100 samples.*level='orbits' needs only 2"):
        build_program(problem, Level.SAMPLES)
    assert build_program(problem, Level.ORBITS).size == 2
