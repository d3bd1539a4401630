"""Whether classes collapse is tested, not assumed: both sides of it, at every level, and forged."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_storage import tamper

from screlax import UFM, Ball, Budget, Ridge, Solution, Sphere, solve_relaxation
from screlax.cli.table import solution_record, solution_table
from screlax.errors import FileFormatError, InvalidInputError, Status
from screlax.gram.cells import CellGram, Level, ScatteredGram
from screlax.losses import InstanceMix, SelfSupervised, SoftTargets, SupCon
from screlax.problem.levels import lift_from_orbits, quotient_to_orbits, scattered
from screlax.problem.program import build_program
from screlax.proof.dense import certify

CONTROLS = [Sphere(1.0), Ball(1.0), Budget(1.0), Ridge(0.3)]
every_control = pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
APART = UFM([4, 3, 2, 2], Sphere(1.0), 0.3, loss=SoftTargets(smoothing=0.1))
MIXED = UFM([3, 2, 1], Ball(1.0), 0.3, loss=InstanceMix(0.3))
TOGETHER = UFM([4, 3, 2, 2], Sphere(1.0), loss=SoftTargets(smoothing=0.1))
either = pytest.mark.parametrize("problem", [APART, MIXED], ids=["soft targets", "mixture"])


def stochastic(rng, count):
    matrix = rng.random((count, count)) ** 3 + 0.3 * rng.random() * np.eye(count)
    return matrix / matrix.sum(axis=1, keepdims=True)


def condition(problem, gram):
    """Return R_c/n_c − a_c (p_cc − T_cc)/(n_c (n_c − 1)τ) of every class (section 6), by hand.

    The multipliers are those of a sphere: ν_c M_cc = −(∇f M)_cc.
    """
    tau, size = problem.temperature, np.asarray(problem.class_sizes, dtype=float)
    rows = problem.loss.at_level(problem.class_sizes, Level.CLASSES)
    target = rows.target.pair + np.diag(rows.target.own - np.diagonal(rows.target.pair))
    weight = np.tile(size, (len(size), 1))
    np.fill_diagonal(weight, size - 1)
    mass = weight * np.exp(gram / tau)
    p = mass / mass.sum(axis=1, keepdims=True)
    slope = size[:, None] * (p - target) / tau
    slope = (slope + slope.T) / 2
    multiplier = -np.diagonal(slope @ gram) / np.diagonal(gram)
    own = np.diagonal(p - target)
    return multiplier / size - own / ((size - 1) * tau)


# ----------------------------------------------------------------- the test of the collapse


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.2, 0.4, 1.0]))
@settings(max_examples=25)
def test_collapse_is_claimed_exactly_where_the_condition_holds(seed, temperature):
    rng = np.random.default_rng(seed)
    sizes, matrix = rng.integers(2, 6, 4), stochastic(rng, 4)
    problem = UFM(sizes, Sphere(1.0), temperature, loss=SoftTargets(matrix))
    solution = solve_relaxation(problem)
    assert solution.relative_gap <= 1e-9
    if not solution.value_determines_geometry:
        return
    means = solve_means(build_program(problem, Level.CLASSES))
    margin = condition(problem, means.pair * temperature)
    if margin.min() > 1e-6:
        assert solution.collapses
    if margin.min() < -1e-4:
        assert not solution.collapses
        assert solution.within_class_variability > 0


def solve_means(program):
    """Return the optimum among collapsed embeddings; every class is an orbit of its own here."""
    from screlax.solve.factored import solve_factored

    count = program.size
    return solve_factored(program, CellGram(np.ones(count), np.eye(count)))[0]


@either
def test_class_means_alone_are_not_optimal_where_classes_do_not_collapse(problem):
    program = build_program(problem, Level.ORBITS)
    means = solve_means(program)
    collapsed = certify(program, means).certificate
    assert not collapsed.proves(1e-6)
    solution = solve_relaxation(problem)
    assert solution.status is Status.OPTIMAL
    assert collapsed.upper > solution.upper + 1e-4
    assert collapsed.lower <= solution.upper


@every_control
@pytest.mark.parametrize("loss", [SoftTargets(smoothing=0.1), InstanceMix(0.3)], ids=str)
@pytest.mark.parametrize("level", ["orbits", "classes", "instances", "samples"])
def test_every_level_finds_the_same_optimum(control, loss, level):
    problem = UFM([3, 2, 1], control, 0.3, loss=loss)
    best, asked = solve_relaxation(problem), solve_relaxation(problem, level=level)
    assert asked.relative_gap <= 1e-9
    assert asked.value == pytest.approx(best.value, rel=1e-9)
    assert best.lower <= asked.upper
    assert asked.lower <= best.upper


@pytest.mark.parametrize("problem", [APART, MIXED, TOGETHER])
@pytest.mark.parametrize("level", ["orbits", "samples"])
def test_conic_solvers_agree(problem, level):
    native = solve_relaxation(problem)
    conic = solve_relaxation(problem, solver="Clarabel", level=level)
    assert conic.status is Status.OPTIMAL
    assert conic.lower <= native.upper
    assert native.lower <= conic.upper
    assert conic.collapses == native.collapses
    assert conic.class_gram == pytest.approx(native.class_gram, abs=1e-4)
    variability = native.within_class_variability
    assert conic.within_class_variability == pytest.approx(variability, abs=1e-4)


def test_burer_monteiro_alone_does_it_too():
    found = solve_relaxation(APART, solver="burer-monteiro")
    assert found.status is Status.OPTIMAL
    assert not found.collapses


def test_losses_that_collapse_have_no_instances():
    with pytest.raises(InvalidInputError, match="whose classes need not collapse"):
        solve_relaxation([3, 2], Sphere(1.0), level="instances")
    assert solve_relaxation([3, 2], Sphere(1.0), loss=SupCon()).within_class_variability == 0


# ----------------------------------------------------------------- what a solution says


@either
def test_a_solution_says_that_it_does_not_collapse(problem):
    solution = solve_relaxation(problem)
    assert solution.level == "instances"
    assert "does not collapse within classes" in repr(solution)
    assert "does not collapse within classes" in solution_table(solution)
    record = solution_record(solution)
    assert record["collapses"] is False
    assert record["within_class_variability"] == solution.within_class_variability > 0
    together = solve_relaxation(TOGETHER)
    assert "collapse" not in repr(together)
    assert "does not collapse" not in solution_table(together)


@either
def test_the_gram_matrix_of_samples_has_the_class_means(problem):
    solution = solve_relaxation(problem)
    label = np.repeat(np.arange(problem.classes), np.asarray(problem.class_sizes))
    gram = solution.sample_gram(label)
    share = np.eye(problem.classes)[label] / np.bincount(label)[label][:, None]
    assert share.T @ gram @ share == pytest.approx(solution.class_gram, abs=1e-12)
    assert np.linalg.eigvalsh(gram).min() > -1e-12
    assert np.diagonal(gram).max() <= 1 + 1e-12
    centred = np.eye(len(label)) - share @ np.eye(problem.classes)[label].T
    scatter = np.trace(centred @ gram @ centred.T) / len(label)
    assert scatter == pytest.approx(solution.within_class_variability, abs=1e-12)


@either
def test_embeddings_are_those_of_the_class_means(problem):
    solution = solve_relaxation(problem)
    vectors = solution.embeddings().vectors
    assert vectors @ vectors.T == pytest.approx(solution.class_gram, abs=1e-7)
    cut = solution.embeddings(1, truncate=True)
    assert cut.value_lost >= 0


# ----------------------------------------------------------------- levels


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_scatter_goes_up_and_down_the_levels(seed):
    rng = np.random.default_rng(seed)
    views = int(rng.integers(2, 4))
    problem = UFM(rng.integers(1, 4, 4), Sphere(1.0), loss=InstanceMix(0.3, views))
    m = problem.class_sizes.orbits
    several = problem.class_sizes.multiplicities > 1
    factor = rng.standard_normal((m, m))
    pair = factor @ factor.T
    own = np.diagonal(pair) + np.where(several, 0.3, 0.0)
    apart = np.where(problem.instances > 1, rng.random(m), 0.0)
    gram = ScatteredGram(own, pair, problem.instances, apart)
    values = []
    for level in (Level.INSTANCES, Level.SAMPLES):
        lifted = lift_from_orbits(problem.points, level, gram)
        back = scattered(problem.points, problem.instances, level, lifted)
        assert back.own == pytest.approx(own, abs=1e-12)
        assert back.pair == pytest.approx(pair, abs=1e-12)
        assert back.scatter == pytest.approx(gram.scatter, abs=1e-12)
        values.append(build_program(problem, level).value(lifted))
        together = quotient_to_orbits(problem.points, level, lifted)
        assert together.own == pytest.approx(own + gram.scatter, abs=1e-12)
    assert values[0] == pytest.approx(values[1], rel=1e-12)


def test_collapsed_matrices_have_one_value_at_all_levels():
    rng = np.random.default_rng(1)
    for loss in (SoftTargets(epsilon=0.2), InstanceMix(0.4, 3), SelfSupervised()):
        problem = UFM([4, 2, 2, 1], Sphere(1.0), loss=loss)
        factor = rng.standard_normal((4, 3))
        classes = CellGram.from_matrix(factor @ factor.T)
        means = quotient_to_orbits(problem.points, Level.CLASSES, classes)
        values = [
            build_program(problem, level).value(lift_from_orbits(problem.points, level, means))
            for level in Level
        ]
        assert values == pytest.approx([values[0]] * 4, rel=1e-12)


def test_infima_are_those_of_samples():
    """At a level of class means the infimum is that of embeddings that need not coincide."""
    for loss in (SoftTargets(epsilon=0.2), InstanceMix(0.4, 3), SelfSupervised()):
        problem = UFM([4, 2, 2, 1], Sphere(1.0), loss=loss)
        infima = [build_program(problem, level).infimum for level in Level]
        assert infima == pytest.approx([infima[0]] * 4, rel=1e-12, abs=1e-11)


# ----------------------------------------------------------------- files


@either
def test_scatter_is_stored(problem, tmp_path):
    solution = solve_relaxation(problem)
    loaded = Solution.load(solution.save(tmp_path / "x.npz"))
    assert not loaded.collapses
    assert loaded.within_class_variability == solution.within_class_variability
    assert np.array_equal(loaded.class_gram, solution.class_gram)
    assert loaded.certificate.proves(1e-9)
    assert loaded.recheck(level="samples").proves(1e-9)
    assert loaded.recheck().proves(1e-9)


def no_scatter(apart):
    return np.zeros_like(apart)


@either
@pytest.mark.parametrize(
    "forge",
    [no_scatter, np.negative, lambda apart: 1.01 * apart, lambda apart: math.nan * apart],
    ids=["none", "negative", "more", "nan"],
)
def test_forged_scatter_is_refused(problem, forge, tmp_path):
    path = solve_relaxation(problem).save(tmp_path / "x.npz")
    with np.load(path) as archive:
        apart = archive["apart"]
    with pytest.raises(FileFormatError):
        Solution.load(tamper(path, apart=forge(apart)))


@either
def test_scatter_that_was_taken_out_proves_nothing(problem, tmp_path):
    path = solve_relaxation(problem).save(tmp_path / "x.npz")
    try:
        means = Solution.load(tamper(path, drop=["apart"]))
    except FileFormatError:
        return
    assert means.status is Status.INACCURATE


def test_scatter_of_a_loss_that_collapses_is_refused(tmp_path):
    path = solve_relaxation([4, 3, 2], Sphere(1.0), level="classes", solver="burer-monteiro").save(
        tmp_path / "x.npz"
    )
    with pytest.raises(FileFormatError, match="samples of a class apart"):
        Solution.load(tamper(path, apart=np.zeros(3)))
